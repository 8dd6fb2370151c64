package app

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"dunnock/worker"
)

func BenchmarkEcho(b *testing.B) {
	tk := worker.Task{Payload: make([]byte, 100)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Echo(b.Context(), tk); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSleep reports by how much 10 ms sleeps overshoot, for a [Sleeper] and for time.Sleep. In "busy" a goroutine
// spins on one core, in "bursts" two goroutines compute half of the time. An iteration is one sleep of each sleeper:
// use -benchtime 200x or so.
func BenchmarkSleep(b *testing.B) {
	s := NewSleeper()
	defer s.Close()
	benchSleepers(b, "precise", s.Sleep)
	benchSleepers(b, "time.Sleep", func(_ context.Context, d time.Duration) error { time.Sleep(d); return nil })
}

func benchSleepers(b *testing.B, name string, sleep func(context.Context, time.Duration) error) {
	b.Helper()
	for _, load := range []struct {
		name          string
		goroutines    int
		compute, rest time.Duration
	}{
		{name: "idle"},
		{name: "busy", goroutines: 1, compute: time.Millisecond},
		{name: "bursts", goroutines: 2, compute: 500 * time.Microsecond, rest: 500 * time.Microsecond},
	} {
		for _, sleepers := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/%s/%d", name, load.name, sleepers), func(b *testing.B) {
				defer spin(load.goroutines, load.compute, load.rest)()
				benchSleep(b, sleepers, sleep)
			})
		}
	}
}

// spin keeps goroutines computing and resting by turns until the returned function is called.
func spin(goroutines int, compute, rest time.Duration) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				for start := time.Now(); time.Since(start) < compute; {
				}
				if rest > 0 {
					time.Sleep(rest)
				}
			}
		})
	}
	return func() { close(done); wg.Wait() }
}

func benchSleep(b *testing.B, sleepers int, sleep func(context.Context, time.Duration) error) {
	b.Helper()
	const d = 10 * time.Millisecond
	overshoots := make([][]time.Duration, sleepers)
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range sleepers {
		wg.Go(func() {
			// Out of step with one another.
			if err := sleep(b.Context(), d*time.Duration(i)/time.Duration(sleepers)); err != nil {
				b.Error(err)
			}
			for range b.N {
				start := time.Now()
				if err := sleep(b.Context(), d); err != nil {
					b.Error(err)
				}
				overshoots[i] = append(overshoots[i], time.Since(start)-d)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Concat(overshoots...)
	slices.Sort(all)
	sum := time.Duration(0)
	for _, o := range all {
		sum += o
	}
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	b.ReportMetric(us(sum)/float64(len(all)), "mean-µs-late")
	b.ReportMetric(us(all[len(all)/2]), "p50-µs-late")
	b.ReportMetric(us(all[len(all)*99/100]), "p99-µs-late")
}

// BenchmarkSleepCPU is the cost of a sleep that does not wait.
func BenchmarkSleepCPU(b *testing.B) {
	s := NewSleeper()
	defer s.Close()
	tk := worker.Task{Payload: []byte("1ns")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Handle(b.Context(), tk); err != nil {
			b.Fatal(err)
		}
	}
}

// logFile is 16 MiB of text: lines of 20 to 120 bytes, one in 1,000 with "needle" in it.
func logFile(b *testing.B) (path string, size int64) {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	const letters = "etaoin shrdlu cmfwyp vbgkqjxz 0123456789"
	var data bytes.Buffer
	for data.Len() < 16<<20 {
		for range 20 + rng.IntN(100) {
			data.WriteByte(letters[rng.IntN(len(letters))])
		}
		if rng.IntN(1000) == 0 {
			data.WriteString("needle 42")
		}
		data.WriteByte('\n')
	}
	path = writeFile(b, "log", data.Bytes())
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return path, info.Size()
}

func BenchmarkGrep(b *testing.B) {
	path, size := logFile(b)
	g := NewGrep()
	for _, bb := range []struct{ name, pattern string }{
		{"literal", "needle"},
		{"literal-in-regexp", `needle [0-9]+$`},
		{"frequent-literal", "e"},
		{"every-line", ""},
		{"regexp-per-line", `[0-9]{6}`},
		{"ignore-case", `(?i)needle`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			const length = 1 << 20
			tk := worker.Task{}
			b.ReportAllocs()
			b.SetBytes(length)
			offset := int64(0)
			for b.Loop() {
				tk.Payload = GrepPayload{Path: path, Offset: offset, Length: length, Pattern: bb.pattern}.Encode()
				if _, err := g.Handle(b.Context(), tk); err != nil {
					b.Fatal(err)
				}
				if offset += length; offset+length > size {
					offset = 0
				}
			}
		})
	}
}

func BenchmarkCommand(b *testing.B) {
	_, h, err := Parse("x=exec:cat")
	if err != nil {
		b.Fatal(err)
	}
	tk := worker.Task{Payload: make([]byte, 100)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h(b.Context(), tk); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHTTP(b *testing.B) {
	h := serveTCP(b, func(ctx *fasthttp.RequestCtx) { ctx.SetBody(ctx.PostBody()) })
	tk := worker.Task{Payload: make([]byte, 100)}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h(ctx, tk); err != nil {
			b.Fatal(err)
		}
	}
}
