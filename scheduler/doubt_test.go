package scheduler

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"dunnock/probe"
	"dunnock/scheduler/lease"
	"dunnock/task"
)

// stuck is a connection on which writes wait while it is stuck, as on one whose peer takes nothing.
type stuck struct {
	net.Conn
	is atomic.Pointer[chan struct{}]
}

func (c *stuck) Write(p []byte) (int, error) {
	if wait := c.is.Load(); wait != nil {
		<-*wait
	}
	return c.Conn.Write(p)
}

// stuckListener makes stuck connections of those that it accepts; the last one is there for a test.
type stuckListener struct {
	*fasthttputil.InmemoryListener
	last atomic.Pointer[stuck]
}

func (l *stuckListener) Accept() (net.Conn, error) {
	c, err := l.InmemoryListener.Accept()
	if err != nil {
		return nil, err
	}
	s := &stuck{Conn: c}
	l.last.Store(s)
	return s, nil
}

// After a pause of the scheduler's process nothing starts of a job that a request waits for before its client is known
// to be there.
func TestWaitingAfterPause(t *testing.T) {
	for name, lives := range map[string]bool{"the client is there": true, "the client is gone": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { waitAfterPause(t, lives) })
		})
	}
}

func waitAfterPause(t *testing.T, lives bool) {
	t.Helper()
	l := &stuckListener{InmemoryListener: fasthttputil.NewInmemoryListener()}
	s, err := New(Config{Name: "s1", Listener: l, Members: nobody{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	synctest.Wait()
	c := &chatter{s: s, rng: rand.New(rand.NewPCG(1, 1))}
	if err := c.connectWorker(); err != nil {
		t.Fatal(err)
	}
	caller := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return l.Dial() }, DisableKeepAlives: true}}
	waiting, hangUp := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(waiting, http.MethodPost, "http://s1/v1/jobs?wait=true", strings.NewReader(`{"app":"a","id":"01000000000000000000000000000000","tasks":[{},{},{}]}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := caller.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, res.Body) }()
	synctest.Wait()
	s.mu.Lock()
	j := s.byID[task.JobID{1}]
	s.mu.Unlock()

	call := uint32(0)
	launches := func() uint64 {
		call++
		m := probe.GetTask{Slot: 0, Call: call, Ref: j.ref}
		if err := c.links[0].Message(uint8(probe.KindGetTask), probe.AppendGetTask(nil, m)); err != nil {
			t.Fatal(err)
		}
		return s.meters.launches.Get()
	}
	held := func() lease.Hold {
		s.mu.Lock()
		defer s.mu.Unlock()
		return j.lease.Held()
	}
	if n := launches(); n != 1 {
		t.Fatalf("%d launches", n)
	}
	goOn := make(chan struct{})
	l.last.Load().is.Store(&goOn)
	s.watch.StoodStill(time.Now().Add(time.Minute)) // which has just gone by
	if n := launches(); n != 1 || held() != lease.Asked {
		t.Errorf("%d launches right after a pause; held for %b", n, held())
	}
	time.Sleep(5 * time.Second)
	if n := launches(); n != 1 || held() != lease.Asked {
		t.Errorf("%d launches, and nobody knows whether the client is there; held for %b", n, held())
	}
	if !lives {
		hangUp()
		synctest.Wait()
	}
	close(goOn)
	l.last.Load().is.Store(nil)
	synctest.Wait()
	if want := map[bool]uint64{true: 2, false: 1}[lives]; launches() != want || (held() == 0) != lives {
		t.Errorf("%d launches, want %d; held for %b", s.meters.launches.Get(), want, held())
	}
	time.Sleep(3 * time.Second)
	s.mu.Lock()
	if (j.outcome == 0) != lives {
		t.Errorf("its outcome is %v", j.outcome)
	}
	s.mu.Unlock()
	hangUp()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	time.Sleep(11 * time.Second) // fasthttp's pool of workers looks every 10 s whether its server has ended
}
