package stream

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tcpPair returns both ends of a TCP connection over loopback.
func tcpPair(tb testing.TB) (client, server net.Conn) {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	client, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	server, err = ln.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	return client, server
}

// handlerFuncs is a Handler made of two functions, either of which may be nil.
type handlerFuncs struct {
	message func(kind uint8, body []byte) error
	flush   func()
}

func (h *handlerFuncs) Message(kind uint8, body []byte) error {
	if h.message == nil {
		return nil
	}
	return h.message(kind, body)
}

func (h *handlerFuncs) Flush() {
	if h.flush != nil {
		h.flush()
	}
}

// start runs c and ends it with the test.
func start(tb testing.TB, c *Conn, h Handler) {
	tb.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Run(context.Background(), h)
	}()
	tb.Cleanup(func() {
		c.Close(net.ErrClosed)
		<-done
	})
}

const benchBody = 64

// BenchmarkPingPong is one message there and one back, one at a time: latency.
func BenchmarkPingPong(b *testing.B) {
	nc1, nc2 := tcpPair(b)
	client, server := New(nc1, nil, Config{}), New(nc2, nil, Config{})
	done := make(chan struct{}, 1)
	left := b.N
	body := make([]byte, benchBody)
	ch := &handlerFuncs{}
	ch.message = func(uint8, []byte) error {
		if left--; left == 0 {
			done <- struct{}{}
			return nil
		}
		client.Send(1, nil, body)
		return nil
	}
	ch.flush = client.Flush
	sh := &handlerFuncs{flush: server.Flush}
	sh.message = func(_ uint8, body []byte) error { server.Send(2, nil, body); return nil }
	start(b, server, sh)
	start(b, client, ch)
	b.ReportAllocs()
	b.ResetTimer()
	client.Send(1, nil, body)
	client.Flush()
	<-done
}

// BenchmarkRequests keeps 256 requests outstanding; either side answers in its reader.
func BenchmarkRequests(b *testing.B) {
	nc1, nc2 := tcpPair(b)
	client, server := New(nc1, nil, Config{}), New(nc2, nil, Config{})
	done := make(chan struct{}, 1)
	asked, answered := 0, 0
	ask := func() {
		asked++
		msg := client.Begin(1)
		msg = binary.AppendUvarint(msg, uint64(asked))
		client.End(append(msg, make([]byte, benchBody-4)...))
	}
	ch := &handlerFuncs{flush: client.Flush}
	ch.message = func(uint8, []byte) error {
		if answered++; answered == b.N {
			done <- struct{}{}
		}
		if asked < b.N {
			ask()
		}
		return nil
	}
	sh := &handlerFuncs{flush: server.Flush}
	sh.message = func(_ uint8, body []byte) error {
		server.End(append(server.Begin(2), body...))
		return nil
	}
	b.ReportAllocs()
	b.ResetTimer()
	for asked < min(256, b.N) {
		ask()
	}
	start(b, server, sh)
	start(b, client, ch)
	<-done
	b.StopTimer()
	b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(2*b.N), "ns/msg")
	s := client.Stats()
	b.ReportMetric(float64(s.Writes)/float64(b.N), "writes/msg")
}

// BenchmarkOneWay is how fast messages go one way, and how fast payloads do.
func BenchmarkOneWay(b *testing.B) {
	for _, bm := range []struct {
		name string
		size int
	}{{"64B", 64}, {"4KiB", 4 << 10}, {"1MiB", 1 << 20}} {
		b.Run(bm.name, func(b *testing.B) {
			nc1, nc2 := tcpPair(b)
			cfg := Config{MaxOutBytes: 1 << 30}
			from, to := New(nc1, nil, cfg), New(nc2, nil, cfg)
			done := make(chan struct{}, 1)
			var got atomic.Int64
			th := &handlerFuncs{message: func(uint8, []byte) error {
				if got.Add(1) == int64(b.N) {
					done <- struct{}{}
				}
				return nil
			}}
			start(b, from, &handlerFuncs{})
			start(b, to, th)
			body := make([]byte, bm.size)
			window := int64(max(8, 4<<20/bm.size))
			b.SetBytes(int64(bm.size))
			b.ReportAllocs()
			b.ResetTimer()
			for i := range int64(b.N) {
				from.Send(1, nil, body)
				for i%16 == 0 && i-got.Load() > window {
					from.Flush()
					time.Sleep(20 * time.Microsecond)
				}
			}
			from.Flush()
			<-done
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// BenchmarkFlushSoon is 64 goroutines that each send and flush on their own, as
// those that run user code do.
func BenchmarkFlushSoon(b *testing.B) {
	nc1, nc2 := tcpPair(b)
	from, to := New(nc1, nil, Config{}), New(nc2, nil, Config{})
	var got sync.WaitGroup
	got.Add(b.N)
	start(b, from, &handlerFuncs{})
	start(b, to, &handlerFuncs{message: func(uint8, []byte) error { got.Done(); return nil }})
	body := make([]byte, benchBody)
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			from.Send(1, nil, body)
			from.FlushSoon()
		}
	})
	got.Wait()
	b.StopTimer()
	b.ReportMetric(float64(from.Stats().Writes)/float64(b.N), "writes/msg")
}

func BenchmarkBeginEnd(b *testing.B) {
	nc, _ := net.Pipe()
	c := New(nc, nil, Config{})
	var body [benchBody]byte
	b.ReportAllocs()
	for range b.N {
		c.End(append(c.Begin(1), body[:]...))
		if len(c.out.small) > 32<<10 {
			c.out.small = c.out.small[:0]
		}
	}
}

func BenchmarkScan(b *testing.B) {
	var o output
	var body [benchBody]byte
	for range 512 {
		o.append(1, nil, body[:])
	}
	s := scanner{maxMessage: DefaultMaxMessageBytes}
	h := &handlerFuncs{}
	b.ReportAllocs()
	for n := 0; n < b.N; n += 512 {
		if used, _, err := s.scan(o.small, h); err != nil || used != len(o.small) {
			b.Fatal(used, err)
		}
	}
}

// BenchmarkPingPongUnderLoad is PingPong while payloads of 1 MiB go the same way
// as the questions: what a small message waits for large ones.
func BenchmarkPingPongUnderLoad(b *testing.B) {
	nc1, nc2 := tcpPair(b)
	client, server := New(nc1, nil, Config{}), New(nc2, nil, Config{})
	done := make(chan struct{}, 1)
	left := b.N
	body, payload := make([]byte, benchBody), make([]byte, 1<<20)
	var payloads int
	load := func() {
		client.Send(3, nil, payload)
		payloads++
	}
	ch := &handlerFuncs{flush: client.Flush}
	ch.message = func(kind uint8, _ []byte) error {
		if kind == 3 {
			load()
			return nil
		}
		if left--; left == 0 {
			done <- struct{}{}
			return nil
		}
		client.Send(1, nil, body)
		return nil
	}
	sh := &handlerFuncs{flush: server.Flush}
	sh.message = func(kind uint8, body []byte) error {
		if kind == 3 {
			body = nil
		}
		server.Send(kind, nil, body)
		return nil
	}
	start(b, server, sh)
	start(b, client, ch)
	b.ResetTimer()
	for range 4 {
		load()
	}
	client.Send(1, nil, body)
	client.Flush()
	<-done
	b.StopTimer()
	b.ReportMetric(float64(payloads)/b.Elapsed().Seconds(), "MiB/s")
}
