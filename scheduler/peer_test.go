package scheduler

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"dunnock/gossip/view"
	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/probe"
	"dunnock/scheduler/lease"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// nobody is an empty membership.
type nobody struct{}

var noMembers = view.New()

func (nobody) View() *view.View                   { return noMembers }
func (nobody) Changed(*view.View) <-chan struct{} { return nil }
func (nobody) SetState(view.State) error          { return nil }

// chatter sends a scheduler whatever workers and clients could say, true or not.
type chatter struct {
	s       *Scheduler
	rng     *rand.Rand
	links   []*link
	clients []*client
	peers   []*peer
}

// newChatter makes a scheduler that does not run, so that it does only what it is told, and somebody to tell it.
func newChatter(t *testing.T, cfg Config, seed uint64) *chatter {
	t.Helper()
	cfg.Name, cfg.Members, cfg.Listener, cfg.Logger = "s1", nobody{}, fasthttputil.NewInmemoryListener(), slog.New(slog.DiscardHandler)
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.ctx = t.Context()
	return &chatter{s: s, rng: rand.New(rand.NewPCG(seed, 1))}
}

func (c *chatter) conn() *stream.Conn {
	near, far := net.Pipe()
	_ = far.Close()
	return stream.New(near, nil, stream.Config{})
}

func stopped() *time.Timer { return time.NewTimer(time.Hour) }

func (c *chatter) connectWorker() error {
	name := fmt.Sprintf("w%d", c.rng.IntN(3))
	l := newLink(c.s, view.Member{Name: name, Incarnation: 1})
	c.links = append(c.links, l)
	return c.greet(l)
}

// greet connects a worker, for the first time or again.
func (c *chatter) greet(l *link) error {
	l.conn, l.overdue = c.conn(), stopped()
	hello := probe.Hello{
		Version: probe.Version, Role: probe.RoleWorker, Name: l.member.Name, Incarnation: 1, Fleet: "dunnock", Slots: uint16(1 + c.rng.IntN(3)), Apps: []string{"a", "b"},
	}
	if err := l.Message(uint8(probe.KindHello), probe.AppendHello(nil, &hello)); err != nil {
		return err
	}
	c.s.mu.Lock()
	l.turn.effects = c.s.core.WorkerResume(c.s.clock.Now(), l.id, l.turn.effects) // membership knows nobody here
	c.s.exit(c.s.clock.Now(), &l.turn)
	return nil
}

// breaks ends a worker's connection. Some are back in the same life, the others are given up.
func (c *chatter) breaks(i int, err error) error {
	l := c.links[i]
	l.down(context.Background(), err)
	if c.n(2) == 0 {
		return c.greet(l)
	}
	l.void()
	c.links = slices.Delete(c.links, i, i+1)
	return nil
}

func (c *chatter) connectClient() error {
	k := c.s.welcomeClient(c.conn())
	c.clients = append(c.clients, k)
	return nil
}

// connectPeer connects another scheduler, which may be connected already.
func (c *chatter) connectPeer() error {
	p, err := c.s.peerUp(c.conn(), &probe.Hello{Name: fmt.Sprintf("s%d", 2+c.n(3)), Incarnation: 7})
	if err != nil {
		return err
	}
	c.peers = append(c.peers, p)
	return nil
}

func (c *chatter) n(n int) int { return c.rng.IntN(n) }

// ref is of a job that is running, or of none.
func (c *chatter) ref() probe.Ref {
	refs := make([]probe.Ref, 0, len(c.s.jobs))
	for ref := range c.s.jobs {
		refs = append(refs, ref)
	}
	if len(refs) == 0 || c.n(8) == 0 {
		return probe.Ref(c.rng.Uint64() >> c.n(64))
	}
	slices.Sort(refs)
	return refs[c.n(len(refs))]
}

// fromWorker is a message that is well formed in most cases.
func (c *chatter) fromWorker() (probe.Kind, []byte) {
	slot, call := uint16(c.n(4)), uint32(c.n(200))
	switch c.n(12) {
	case 9, 10:
		return probe.KindOffer, probe.AppendOffer(nil, probe.Offer{Slot: slot, Call: call, Ready: time.Duration(c.n(3)) * time.Millisecond})
	case 0, 1, 2:
		return probe.KindGetTask, probe.AppendGetTask(nil, probe.GetTask{Slot: slot, Call: call, Ref: c.ref(), Res: uint32(c.n(6))})
	case 3, 4:
		m := probe.Finished{
			Slot: slot, Call: call, Ref: c.ref(), Task: uint32(c.n(6)), Attempt: uint16(c.n(4)), Status: probe.Status(c.n(7)), Service: time.Duration(c.n(1000)),
		}
		m.Seq = uint64(c.n(100))
		kind := probe.KindFinished
		if c.n(4) == 0 {
			kind = probe.KindFound
		}
		return kind, append(probe.AppendFinishedHead(nil, &m), "junk, or a value"...)
	case 5:
		return probe.KindRefuse, probe.AppendRefuse(nil, probe.Refuse{Ref: c.ref(), Res: uint32(c.n(6)), Count: uint32(c.n(4)), Reason: probe.Refusal(1 + c.n(5))})
	case 6:
		return probe.KindDecline, probe.AppendDecline(nil, probe.Decline{Slot: slot, Call: call, Ref: c.ref(), Task: uint32(c.n(6)), Reason: probe.Refusal(1 + c.n(6))})
	case 7:
		return probe.KindAdopt, probe.AppendAdopt(nil, probe.Adopt{Slot: slot, Call: call, Ref: c.ref(), Task: uint32(c.n(6)), Attempt: uint16(c.n(4))})
	case 8:
		m := probe.Told{Dropped: c.n(2) == 0, Acked: uint64(c.n(100))}
		if c.n(2) == 0 {
			m.Ref = c.ref()
		}
		return probe.KindTold, probe.AppendTold(nil, m)
	}
	body := make([]byte, c.n(20))
	for i := range body {
		body[i] = byte(c.rng.Uint32())
	}
	return probe.Kind(c.n(80)), body
}

func (c *chatter) fromPeer() (probe.Kind, []byte) {
	set := uint32(c.n(4))
	switch c.n(8) {
	case 0, 1:
		m := probe.SetDef{Set: set, App: "a"}
		if c.n(2) == 0 {
			m.Labels = []probe.Label{{Key: "worker", Value: "w1"}}
		}
		return probe.KindSetDef, probe.AppendSetDef(nil, &m)
	case 2, 3:
		m := probe.Want{Set: set, Age: time.Duration(c.n(100)) * time.Millisecond, Quota: uint32(c.n(5))}
		m.Now = min(m.Quota, uint32(c.n(3)))
		return probe.KindWant, probe.AppendWant(nil, m)
	case 4, 5:
		return probe.KindHand, probe.AppendHand(nil, probe.Hand{
			Worker: probe.Incarnation(c.n(3)), Slot: uint16(c.n(4)), Call: uint32(c.n(200)), Ready: time.Duration(c.n(3)) * time.Millisecond, Left: time.Second, Hops: uint8(1 + c.n(9)), More: uint8(c.n(3)),
		})
	case 6:
		return probe.KindSpare, probe.AppendSpare(nil, probe.Spare{Set: set, Lack: uint32(c.n(4)), Floor: uint32(c.n(4))})
	}
	body := make([]byte, c.n(20))
	for i := range body {
		body[i] = byte(c.rng.Uint32())
	}
	return probe.Kind(c.n(80)), body
}

func (c *chatter) fromClient() (submission.Kind, []byte) {
	switch c.n(7) {
	case 6:
		return submission.KindStill, submission.AppendStill(nil, submission.Still{Seqs: []uint32{uint32(c.n(6)), uint32(c.n(6)), uint32(c.n(6))}})
	case 0, 1, 2:
		j := task.Job{App: "a", MaxAttempts: 1 + c.n(3), Tasks: make([]task.Task, 1+c.n(6)), Delivery: task.Delivery(1 + c.n(2)), OnFailure: task.OnFailure(1 + c.n(2))}
		j.ID[0] = byte(c.n(6))
		if c.n(3) == 0 {
			j.Epoch, j.Finished = uint32(1+c.n(4)), []byte{byte(c.n(256))}
			j.Attempts = []task.Attempts{{Task: c.n(6), Failed: c.n(4)}}
			j.OnDisconnect = task.OnDisconnect(1 + c.n(2))
		}
		j = j.WithDefaults()
		return submission.KindSubmit, submission.AppendSubmit(nil, c.rng.Uint32(), &j)
	case 3:
		return submission.KindCancel, submission.AppendCancel(nil, submission.Cancel{Seq: uint32(c.n(6))})
	case 4:
		return submission.KindSubmit, submission.AppendSubmit(nil, uint32(c.n(6)), &task.Job{App: "a", Tasks: make([]task.Task, c.n(3))})
	}
	body := make([]byte, c.n(60))
	for i := range body {
		body[i] = byte(c.n(4))
	}
	return submission.Kind(c.n(80)), body
}

// step is one message, or the end of a connection; an error of a message ends its connection, as in the stream.
func (c *chatter) step() error {
	if len(c.links) == 0 || c.n(200) == 0 && len(c.links) < 5 {
		return c.connectWorker()
	}
	if len(c.clients) == 0 || c.n(200) == 0 && len(c.clients) < 5 {
		return c.connectClient()
	}
	if c.n(50) == 0 {
		c.time()
	}
	if idle := c.s.cfg.Policy == placement.IdleOffer; idle && (len(c.peers) == 0 || c.n(200) == 0) {
		return c.connectPeer()
	} else if idle && c.n(4) == 0 {
		i := c.n(len(c.peers))
		kind, body := c.fromPeer()
		if err := c.peers[i].Message(uint8(kind), body); err != nil || c.n(500) == 0 {
			c.peers[i].leave(io.EOF)
			c.peers = slices.Delete(c.peers, i, i+1)
		}
		return nil
	}
	if c.n(3) > 0 {
		i := c.n(len(c.links))
		kind, body := c.fromWorker()
		if err := c.links[i].Message(uint8(kind), body); err != nil || c.n(500) == 0 {
			return c.breaks(i, err)
		}
		return nil
	}
	i := c.n(len(c.clients))
	kind, body := c.fromClient()
	if err := c.clients[i].Message(uint8(kind), body); err != nil || c.n(500) == 0 {
		c.clients[i].leave(io.EOF)
		c.clients = slices.Delete(c.clients, i, i+1)
	}
	return nil
}

// time lets a moment pass: jobs without an owner are given up, and perhaps this process has stood still.
func (c *chatter) time() {
	var t turn
	now := c.s.enter()
	if c.n(4) == 0 {
		c.s.afterPause(now)
	}
	c.s.expireOrphans(now, &t)
	c.s.holdSlow(now, &t)
	c.s.expireKept(now, &t)
	c.s.exit(now, &t)
}

func (c *chatter) check() error {
	var payload int64
	var running []*job
	for ref, j := range c.s.jobs {
		if j.ref != ref || j.outcome != 0 || (j.lease.Owners() < 1) != (j.lease.Held()&lease.NoOwner != 0) || len(j.clients) != j.lease.Owners() {
			return fmt.Errorf("a running job has %d owners and %d followers, outcome %d, held for %b", j.lease.Owners(), len(j.clients), j.outcome, j.lease.Held())
		}
		payload += j.payload
		running = append(running, j)
	}
	if payload != c.s.payload {
		return fmt.Errorf("jobs hold %d bytes of payload, %d are counted", payload, c.s.payload)
	}
	if err := books(c.s, running); err != nil {
		return err
	}
	return c.s.core.CheckInvariants()
}

// Whatever peers say, true or not, nothing panics, the books stay right, and when all have left nothing is running.
func TestPeersSayAnything(t *testing.T) {
	for seed := range uint64(16) {
		policy := placement.LateBinding
		if seed%2 == 1 {
			policy = placement.IdleOffer
		}
		c := newChatter(t, Config{Policy: policy, Seed: seed + 1, MaxRetainedBytes: 50_000, ClientGrace: 1, MaxUnreadBytes: 100}, seed)
		s := c.s
		for i := range 10_000 {
			if err := c.step(); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, i, err)
			}
			if i%10 == 0 {
				if err := c.check(); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, i, err)
				}
			}
		}
		launched := s.meters.launches.Get()
		ended := s.meters.tasks[task.OK].Get() + s.meters.tasks[task.Failed].Get()
		t.Logf("seed %d: %d launches, %d tasks ended by their workers", seed, launched, ended)
		for _, k := range c.clients {
			k.leave(io.EOF)
		}
		for _, l := range c.links {
			l.down(t.Context(), io.EOF)
			l.void()
		}
		for _, p := range c.peers {
			p.leave(io.EOF)
		}
		c.time()
		if len(s.peers) != 0 || len(s.workers) != 0 {
			t.Fatalf("seed %d: %d peers and the numbers of %d workers are left", seed, len(s.peers), len(s.workers))
		}
		if len(s.jobs) != 0 || len(s.links) != 0 || len(s.clients) != 0 || s.payload != 0 {
			t.Fatalf("seed %d: %d jobs, %d workers, %d clients and %d bytes of payload are left", seed, len(s.jobs), len(s.links), len(s.clients), s.payload)
		}
	}
}
