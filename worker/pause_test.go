package worker

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"dunnock/gossip/view"
	"dunnock/internal/stream"
	"dunnock/probe"
)

// alone is a membership of nobody.
type alone struct{}

var noMembers = view.New()

func (alone) View() *view.View                   { return noMembers }
func (alone) Changed(*view.View) <-chan struct{} { return nil }
func (alone) SetState(view.State) error          { return nil }

// peerTest is a scheduler's end of one connection to a worker: it notes the kinds of what it hears.
type peerTest struct {
	conn  *stream.Conn
	heard []probe.Kind
	last  []byte // body of the last message
	ended chan struct{}
}

func (p *peerTest) Message(kind uint8, body []byte) error {
	p.heard = append(p.heard, probe.Kind(kind))
	p.last = append(p.last[:0], body...)
	return nil
}

func (p *peerTest) Flush() {}

func (p *peerTest) say(kind probe.Kind, body []byte) {
	p.conn.Send(uint8(kind), nil, body)
	p.conn.Flush()
}

// connectTo says Hello to a worker as one life of a scheduler that gives a worker up after a lease.
func connectTo(t *testing.T, l *fasthttputil.InmemoryListener, lease time.Duration) *peerTest {
	t.Helper()
	conn, err := stream.Dial(t.Context(), func(context.Context, string, string) (net.Conn, error) { return l.Dial() }, "w:1", probe.StreamPath, nil, stream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p := &peerTest{conn: conn, ended: make(chan struct{})}
	hello := probe.Hello{Version: probe.Version, Role: probe.RoleScheduler, Name: "s1", Incarnation: 1, Fleet: "dunnock", Lease: lease}
	p.say(probe.KindHello, probe.AppendHello(nil, &hello))
	go func() {
		defer close(p.ended)
		_ = conn.Run(t.Context(), p)
	}()
	synctest.Wait()
	return p
}

// A worker that stood still for longer than a scheduler waits starts nothing that was said to it before, and says what
// it holds on the next connection; a shorter pause, or a scheduler that waits for ever, changes nothing.
func TestPause(t *testing.T) {
	for name, test := range map[string]struct {
		lease, pause time.Duration
		fenced       bool
	}{
		"longer than its last beat may have been before the lease ends": {1500 * time.Millisecond, 1001 * time.Millisecond, true},
		"shorter":                                {1500 * time.Millisecond, time.Second, false},
		"longer than a beat, not than its lease": {5 * time.Second, 4 * time.Second, false},
		"without a lease":                        {0, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var starts atomic.Int32
				l := fasthttputil.NewInmemoryListener()
				w, err := New(Config{
					Name: "w", Slots: 2, Listener: l, Members: alone{}, Logger: slog.New(slog.DiscardHandler),
					Apps: map[string]Handler{"app": func(ctx context.Context, _ Task) ([]byte, error) {
						starts.Add(1)
						<-ctx.Done()
						return nil, ctx.Err()
					}},
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- w.Run(ctx) }()
				synctest.Wait()

				p := connectTo(t, l, test.lease)
				launch := func(slot uint16) {
					m := probe.Launch{Slot: slot, Call: 1, Ref: 1, Task: uint32(slot), Attempt: 1, Deadline: time.Minute}
					p.say(probe.KindLaunch, probe.AppendLaunchHead(nil, &m))
					synctest.Wait()
				}
				p.say(probe.KindReserve, probe.AppendReserve(nil, probe.Reserve{Ref: 1, Count: 2}))
				synctest.Wait()
				if launch(0); starts.Load() != 1 {
					t.Fatalf("%d starts, and both slots have asked", starts.Load())
				}
				w.watch.StoodStill(time.Now().Add(test.pause)) // which has just gone by
				if launch(1); starts.Load() == 1 != test.fenced {
					t.Errorf("%d starts", starts.Load())
				}
				select {
				case <-p.ended:
					if !test.fenced {
						t.Error("hung up")
					}
				default:
					if test.fenced {
						t.Error("still connected")
					}
				}
				if test.fenced {
					p = connectTo(t, l, test.lease)
					if want := []probe.Kind{probe.KindHello, probe.KindAdopt, probe.KindTold}; !slices.Equal(p.heard, want) {
						t.Errorf("on the next connection it says %v, want %v", p.heard, want)
					}
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				<-p.ended
				time.Sleep(11 * time.Second) // fasthttp's pool of workers looks every 10 s whether its server has ended
			})
		})
	}
}
