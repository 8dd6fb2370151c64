package scheduler

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"dunnock/gossip/view"
	"dunnock/internal/stream"
	"dunnock/probe"
)

// lifeKey tells one life of a node from the next.
type lifeKey struct {
	name        string
	incarnation probe.Incarnation
}

func lifeOf(m *view.Member) lifeKey { return lifeKey{m.Name, m.Incarnation} }

// follow keeps one goroutine for each life that choose takes from a view, until ctx is done and all of them have
// returned. It calls start for a life that has none, and what that returns in a goroutine of its own. This reports,
// when it ends, whether to look again for lives that membership knows.
func (s *Scheduler) follow(ctx context.Context, choose func(*view.View) []view.Member, start func(view.Member) (run func(context.Context) (again bool))) {
	var wg sync.WaitGroup
	defer wg.Wait()
	var mu sync.Mutex // guards running
	running := make(map[lifeKey]bool)
	ended := make(chan struct{}, 1) // a life was given up that membership may know again by now
	for {
		v := s.node.Members.View()
		for _, m := range choose(v) {
			key := lifeOf(&m)
			mu.Lock()
			known := running[key]
			running[key] = true
			mu.Unlock()
			if known {
				continue
			}
			run := start(m)
			wg.Go(func() {
				again := run(ctx)
				mu.Lock()
				delete(running, key)
				mu.Unlock()
				if !again {
					return
				}
				select {
				case ended <- struct{}{}:
				default:
				}
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-s.node.Members.Changed(v):
		case <-ended:
		}
	}
}

// lookup finds a life of a node in the membership, as it is known now.
func (s *Scheduler) lookup(role probe.Role, key lifeKey) (m view.Member, known bool) {
	m, known = s.node.Members.View().Lookup(role, key.name)
	return m, known && m.Incarnation == key.incarnation
}

// Redialling a node starts at once and slows down to once in maxRedial.
const (
	minRedial = 10 * time.Millisecond
	maxRedial = time.Second
)

// redial is the pace at which a node that is not connected is dialled. The zero redial begins.
type redial struct {
	delay time.Duration // until the next try, on average; 0 before the first
}

// wait waits for the next try, or until ctx is done.
func (r *redial) wait(ctx context.Context) {
	r.delay = max(r.delay, minRedial)
	timer := time.NewTimer(r.delay/2 + rand.N(r.delay)) // jitter, so that schedulers do not dial in step
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	r.delay = min(r.delay*2, maxRedial)
}

// dial connects to a node.
func (s *Scheduler) dial(ctx context.Context, addr string) (*stream.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return stream.Dial(ctx, s.cfg.Dial, addr, probe.StreamPath, nil, s.cfg.Stream)
}

// sayHello sends our side of a handshake.
func sayHello(conn *stream.Conn, h *probe.Hello) {
	conn.End(probe.AppendHello(conn.Begin(uint8(probe.KindHello)), h))
	conn.Flush()
}
