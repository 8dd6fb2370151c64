package gossip

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"dunnock/probe"
)

func newSockets(t *testing.T) *sockets {
	t.Helper()
	tr, err := listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	s, ok := tr.(*sockets)
	if !ok {
		t.Fatalf("listen made a %T", tr)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	s.advertise(s.bound())
	s.start()
	return s
}

func TestPacketsAndStreams(t *testing.T) {
	a, b := newSockets(t), newSockets(t)
	if _, err := a.WriteToAddress([]byte("hello"), memberlist.Address{Addr: b.bound().String()}); err != nil {
		t.Fatal(err)
	}
	if p := <-b.PacketCh(); string(p.Buf) != "hello" || p.From.String() != a.bound().String() || p.Timestamp.IsZero() {
		t.Errorf("packet %+v", p)
	}
	if _, err := a.WriteTo(nil, "nowhere"); err == nil {
		t.Error("sent to nowhere")
	}
	out, err := a.DialAddressTimeout(memberlist.Address{Addr: b.bound().String()}, patience)
	if err != nil {
		t.Fatal(err)
	}
	in := <-b.StreamCh()
	if _, err := out.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(out.Close(), out.Close()); err == nil {
		t.Error("closing twice is what net.Conn calls an error") // and must not disturb the books
	}
	if got, err := io.ReadAll(in); string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if len(a.open) != 0 || len(b.open) != 1 {
		t.Errorf("%d and %d connections on the books", len(a.open), len(b.open))
	}
}

// Peers that hold connections open and say nothing hold up no shutdown.
func TestShutdownEndsStreams(t *testing.T) {
	a, b := newSockets(t), newSockets(t)
	out, err := a.DialTimeout(b.bound().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	in := <-b.StreamCh()
	_, err = a.DialTimeout(b.bound().String(), patience) // b has nobody to take this one
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	for _, c := range []net.Conn{out, in} {
		go func() {
			_, err := c.Read(make([]byte, 1))
			ended <- err
		}()
	}
	if err := errors.Join(b.Shutdown(), a.Shutdown(), a.Shutdown()); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-ended; err == nil {
			t.Error("read from a closed connection")
		}
	}
	if _, err := a.DialTimeout(b.bound().String(), patience); err == nil {
		t.Error("dialled after the shutdown")
	}
	if _, err := a.WriteTo([]byte("x"), b.bound().String()); err == nil {
		t.Error("sent after the shutdown")
	}
}

func TestTransportLimits(t *testing.T) {
	s := newSockets(t)
	for _, timeout := range []time.Duration{0, -time.Second} {
		if _, err := s.DialTimeout(s.bound().String(), timeout); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a dial that may take %v: %v", timeout, err)
		}
	}
	for i := range maxStreams + 1 {
		here, there := net.Pipe()
		_, err := s.track(here)
		if full := i == maxStreams; (err != nil) != full {
			t.Errorf("connection %d: %v", i, err)
		}
		if err != nil && !strings.Contains(err.Error(), "more than 256") {
			t.Error(err)
		}
		_ = there.Close()
	}
}

func TestViewDoesNotAllocate(t *testing.T) {
	n, err := Open(Config{Name: "s1", Role: probe.RoleScheduler, HTTPAddr: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	v := n.View()
	if allocs := testing.AllocsPerRun(100, func() { v = n.View(); _ = n.Changed(v) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkView(b *testing.B) {
	n, err := Open(Config{Name: "s1", Role: probe.RoleScheduler, HTTPAddr: "127.0.0.1:1"})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	b.ReportAllocs()
	for b.Loop() {
		_ = n.View()
	}
}
