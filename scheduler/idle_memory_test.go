package scheduler_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strconv"
	"testing"

	"github.com/valyala/fasthttp"

	"dunnock/gossip/view"
	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
)

// An idle connection to a worker costs its scheduler at most 32 KiB, its buffers, its goroutines, all that is known of
// the worker and what that has offered included.
func TestMemoryOfIdleWorkers(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector keeps a memory of its own")
	}
	for _, policy := range []placement.Policy{placement.LateBinding, placement.IdleOffer} {
		t.Run(policy.String(), func(t *testing.T) { memoryOfIdleWorkers(t, policy) })
	}
}

func memoryOfIdleWorkers(t *testing.T, policy placement.Policy) {
	t.Helper()
	const workers, most = 200, 32 << 10
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	var members []view.Member
	for i := range workers {
		l := listen()
		defer func() { _ = l.Close() }()
		m := view.Member{
			Name: "w" + strconv.Itoa(i), Role: probe.RoleWorker, Incarnation: 1, Addr: l.Addr().String(), Slots: 4, State: view.Active, Version: probe.Version,
		}
		members = append(members, m)
		go pretend(l, &m, policy == placement.IdleOffer)
	}
	used := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	s, err := scheduler.New(scheduler.Config{
		Name: "s1", Policy: policy, Listener: listen(), Members: fixed{view.New(members...)}, Logger: slog.New(slog.DiscardHandler), Seed: 1, Stream: stream.Config{Lease: stream.MaxLease},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	before := used()
	go func() { ended <- s.Run(ctx) }()
	for connected := 0; connected < workers; runtime.Gosched() {
		_, list, err := fasthttp.Get(nil, "http://"+s.Ready().HTTP+"/v1/workers")
		if err != nil {
			t.Fatal(err)
		}
		connected = bytes.Count(list, []byte(`"connected":true`))
	}
	if policy == placement.IdleOffer {
		for held := []byte("dunnock_held_offers{slot=\"free\"} " + strconv.Itoa(4*workers)); ; runtime.Gosched() {
			_, page, err := fasthttp.Get(nil, "http://"+s.Ready().HTTP+"/metrics")
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(page, held) {
				break
			}
		}
	}
	per := (used() - before) / workers
	t.Logf("%d bytes for each of %d idle workers", per, workers)
	if per > most {
		t.Errorf("an idle worker costs %d bytes, want at most %d", per, most)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// pretend is a worker that takes next to no memory: it says Hello, offers its slots and falls silent.
func pretend(l net.Listener, m *view.Member, offers bool) {
	c, err := l.Accept()
	if err != nil {
		return // the test is over
	}
	defer func() { _ = c.Close() }()
	if readHead(c) != nil {
		return
	}
	hello := probe.Hello{
		Version: probe.Version, Role: probe.RoleWorker, Name: m.Name, Incarnation: m.Incarnation, Fleet: "dunnock", Slots: uint16(m.Slots), Apps: []string{"app"}, Discipline: "fifo",
	}
	body := probe.AppendHello(nil, &hello)
	answer := []byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + stream.Protocol + "/" + strconv.Itoa(probe.Version) + "\r\n\r\n")
	frame := func(kind probe.Kind, body []byte) {
		answer = append(answer, byte(len(body)), byte(len(body)>>8), probe.Version, byte(kind))
		answer = append(answer, body...)
	}
	frame(probe.KindHello, body)
	for slot := range uint16(m.Slots) {
		if offers {
			frame(probe.KindOffer, probe.AppendOffer(nil, probe.Offer{Slot: slot, Call: 1}))
		}
	}
	if _, err := c.Write(answer); err != nil {
		return
	}
	var b [64]byte
	for err == nil {
		_, err = c.Read(b[:])
	}
}

// readHead reads a request up to the empty line behind it, and nothing more.
func readHead(r io.Reader) error {
	br := bufio.NewReaderSize(r, 16)
	for {
		line, err := br.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if len(line) <= 2 {
			return nil
		}
	}
}
