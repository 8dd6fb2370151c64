package storm

import (
	"math/rand/v2"
	"slices"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/ack"
	"dunnock/scheduler/placement"
	"dunnock/worker/queue"
)

// scheduler is a placement core in a shell of virtual time: its half that faces workers is here, the other in front.go.
type scheduler struct {
	process
	front
	core  *placement.Core
	links []*link // one for each life of a worker that it has heard of and not given up
	free  []probe.WorkerID
	last  probe.WorkerID
	armed time.Duration
	out   []placement.Effect

	peers    []*peer    // by their number; nil: nobody has it
	diallers []*dialler // of lives of other schedulers that it has heard of
	hand     probe.Hand // that the core is being told
}

// link is what a scheduler has with one life of a worker.
type link struct {
	s       *scheduler
	k       *worker
	life    uint32 // of the worker
	end     *end   // while it dials or is connected
	id      probe.WorkerID
	up      bool
	severed bool // not connected, and the same life may be back
	voids   int  // tells apart the timers that give it up
	known   bool // to membership
	leaving bool
	left    bool // it has said its last word
	stale   bool // it was given up since it was dialled: it would not say again what it was told that we have
	fails   int

	large   []time.Duration // by lane: when its last large launch arrives; nil: there was none on this connection
	results ack.Account     // that it has reported, and keeps until they are acknowledged
	rests   bool            // somebody will come by for what is left over
}

func (s *scheduler) begin() {
	s.start()
	seed := s.w.plan.Seed
	s.core = placement.New(s.w.plan.placement, rand.New(rand.NewPCG(seed, uint64(s.node)<<32|uint64(s.life))))
	s.core.Peers(s.node-len(s.w.workers), len(s.w.schedulers))
	s.check = s.core.CheckInvariants
	s.links, s.free, s.last, s.armed = nil, nil, 0, never
	s.open()
	for _, k := range s.w.workers {
		if k.up {
			s.hear(k, k.life)
		}
	}
	s.hearPeers()
}

func (s *scheduler) die(machine bool) {
	if !s.up {
		return
	}
	s.w.tally(s.core.Stats())
	s.kill(machine)
	s.w.announce(s)
}

// resumed is SIGCONT. A scheduler that stood still for so long that its clients may have given it up asks them what
// they still own, before it does anything else. They may have heard it last a beat before it was stopped.
func (s *scheduler) resumed() {
	long := s.w.now-s.quiet > s.w.chance.within(s.w.plan.Lease/2, s.w.plan.Lease*2/3)
	s.resume(func() {
		if long {
			s.ask()
		}
	})
}

// hear is gossip's news that a life of a worker is there.
func (s *scheduler) hear(k *worker, life uint32) {
	for _, l := range s.links {
		if l.k == k && l.life == life {
			if !l.known {
				l.known = true
				l.sync()
			}
			return
		}
	}
	l := &link{s: s, k: k, life: life, known: true, results: ack.NewAccount(s.w.plan.ack)}
	s.links = append(s.links, l)
	l.dial()
}

// forget is gossip's news that a life of a worker is gone, true or not.
func (s *scheduler) forget(k *worker, life uint32) {
	for _, l := range s.links {
		if l.k == k && l.life == life && l.known {
			l.known = false
			l.sync()
		}
	}
}

// sync takes a connected worker out of sampling, or back.
func (l *link) sync() {
	s := l.s
	switch {
	case !l.up:
	case l.known && !l.leaving:
		s.carryOut(s.core.WorkerResume(s.w.now, l.id, s.out[:0]))
	default:
		s.carryOut(s.core.WorkerDrain(s.w.now, l.id, s.out[:0]))
	}
}

// dial connects to the worker.
func (l *link) dial() {
	s, k := l.s, l.k
	life, hello := s.life, l.results.Taken()
	l.end = s.w.dial(&s.process, &k.process, func(e *end) bool {
		return k.life == l.life && k.greet(e, s, life, hello)
	}, l.welcome, l.failed)
	l.end.user, l.stale, l.large = l, false, nil
}

// welcome is the worker's answer.
func (l *link) welcome() {
	s := l.s
	if l.stale {
		s.w.count("given up while being connected")
		l.end.close()
		l.again()
		return
	}
	l.fails, l.up = 0, true
	if l.severed {
		s.w.count("resumed connection")
	} else {
		l.id = s.newID()
	}
	l.severed = false
	l.voids++
	l.leaving, l.left = l.k.draining, false
	l.end.lost = l.down
	out := s.core.WorkerUp(s.w.now, l.id, l.k.offer(), s.out[:0])
	if l.leaving || !l.known {
		out = s.core.WorkerDrain(s.w.now, l.id, out)
	}
	s.carryOut(out)
}

func (s *scheduler) newID() probe.WorkerID {
	if n := len(s.free); n > 0 {
		id := s.free[n-1]
		s.free = s.free[:n-1]
		return id
	}
	s.last++
	return s.last
}

// failed is a dial without an answer.
func (l *link) failed(why cause) {
	if why == gone {
		l.void()
	}
	l.again()
}

// down is the end of the connection. The worker may be back in the same life; it is given up when its lease is over, or
// at once if it cannot be back.
func (l *link) down(why cause) {
	s, lease := l.s, l.s.w.plan.Lease
	s.w.log("%s loses %s (%d)", s.w.name(s.node), s.w.name(l.k.node), why)
	l.up, l.severed = false, true
	s.carryOut(s.core.WorkerLost(s.w.now, l.id, s.out[:0]))
	l.voids++
	this := l.voids
	s.after(max(lease-l.silence(), lease/4), func() {
		if l.voids == this {
			l.void()
		}
	})
	if why == silent || l.left {
		l.void()
	}
	l.again()
}

// silence is for how long the worker has not been heard. If it was this process that stood still, it may not have found
// that out yet.
func (l *link) silence() time.Duration {
	s := l.s
	if s.woke == s.w.now && s.w.chance.coin() {
		return s.w.now - s.quiet
	}
	if since, deaf := l.end.deaf(); deaf {
		return s.w.now - since
	}
	return 0
}

// void gives a severed worker up: what was bound there is placed anew.
func (l *link) void() {
	if !l.severed {
		return
	}
	s := l.s
	s.w.count("void worker")
	s.w.log("%s gives %s up", s.w.name(s.node), s.w.name(l.k.node))
	l.severed = false
	l.voids++
	l.results.Void()
	l.stale = true
	id := l.id
	s.carryOut(s.core.WorkerDown(s.w.now, id, s.out[:0]))
	s.free = append(s.free, id)
}

// again dials once more, after a while, or lets the link go.
func (l *link) again() {
	s := l.s
	l.end = nil
	if !l.severed && (l.leaving || !l.known) {
		l.drop()
		return
	}
	d := min(minRedial<<min(l.fails, 7), maxRedial)
	l.fails++
	s.after(d/2+s.w.chance.below(d), func() {
		if !l.known && !l.severed {
			l.drop()
			return
		}
		l.dial()
	})
}

// Redialling starts at once and slows down.
const (
	minRedial = 10 * time.Millisecond
	maxRedial = time.Second
)

// drop ends the link. Membership may know the worker again by now.
func (l *link) drop() {
	s := l.s
	s.links = slices.DeleteFunc(s.links, func(x *link) bool { return x == l })
}

func (l *link) drain(left bool) {
	s := l.s
	l.leaving, l.left = true, left
	if left {
		s.carryOut(s.core.WorkerLeft(s.w.now, l.id, s.out[:0]))
		s.wakeDraining()
	} else {
		s.carryOut(s.core.WorkerDrain(s.w.now, l.id, s.out[:0]))
	}
}

func (l *link) getTask(m probe.GetTask) {
	s := l.s
	s.carryOut(s.core.GetTask(s.w.now, l.id, m, s.out[:0]))
}

func (l *link) offer(m probe.Offer) {
	s := l.s
	s.carryOut(s.core.Offer(s.w.now, l.id, m, s.out[:0]))
}

func (l *link) finished(m probe.Finished, found bool) {
	s := l.s
	s.told = m
	if again := l.results.Take(m.Seq, len(m.Body)); !again {
		s.receipt = receipt{l, m.Seq}
	}
	if up, due := l.results.Expire(s.w.now); due {
		l.ack(up)
	}
	if s.leases.Forget(s.w.now); s.leases.Wants(&m) {
		s.keepResult(s.receipt)
		s.receipt = receipt{}
	}
	if found {
		if h := s.held(m.Ref); h != nil {
			s.w.log("%s hears that job %d, task %d ended on %s, attempt %d, with %d", s.w.name(s.node), h.job.index, m.Task, s.w.name(l.k.node), m.Attempt, m.Status)
		}
		s.carryOut(s.core.Found(s.w.now, l.id, m, s.out[:0]))
	} else {
		s.carryOut(s.core.Finished(s.w.now, l.id, m, s.out[:0]))
	}
	s.settleReceipt(s.receipt) // who it was for, if it was for anyone, has taken it
	s.receipt, s.told = receipt{}, probe.Finished{}
}

func (l *link) refuse(m probe.Refuse) {
	s := l.s
	s.carryOut(s.core.Refuse(s.w.now, l.id, m, s.out[:0]))
}

func (l *link) decline(m probe.Decline) {
	s := l.s
	s.carryOut(s.core.Decline(s.w.now, l.id, m, s.out[:0]))
	s.wakeDraining()
}

func (l *link) adopt(m probe.Adopt) {
	s := l.s
	if h := s.held(m.Ref); h != nil {
		s.w.log("%s hears that job %d, task %d runs on %s, attempt %d", s.w.name(s.node), h.job.index, m.Task, s.w.name(l.k.node), m.Attempt)
	}
	s.carryOut(s.core.Adopt(s.w.now, l.id, m, s.out[:0]))
}

func (l *link) told(m probe.Told) {
	s := l.s
	if m.Ref == 0 {
		l.results.Told(m.Acked)
		l.restLater() // what it was told before may have been lost
	}
	s.carryOut(s.core.Told(s.w.now, l.id, m, s.out[:0]))
	s.wakeDraining()
}

// receipt names a result that a worker keeps until it is acknowledged.
type receipt struct {
	link *link
	seq  uint64
}

// settleReceipt notes that a result has reached who owns it, and tells its worker when there is enough to tell.
func (s *scheduler) settleReceipt(r receipt) {
	if r.seq == 0 {
		return
	}
	if up, due := r.link.results.Settle(r.seq); due {
		r.link.ack(up)
	} else {
		r.link.restLater()
	}
}

// restLater has somebody come by for what is left over when nothing more comes, and for what is kept for owners who do
// not come.
func (l *link) restLater() {
	if _, due := l.results.Rest(); (!due && l.results.Kept() == 0) || l.rests {
		return
	}
	l.rests = true
	l.s.after(time.Second, func() {
		l.rests = false
		if up, due := l.results.Expire(l.s.w.now); due {
			l.ack(up)
		}
		if up, due := l.results.Rest(); due {
			l.ack(up)
		}
		if l.results.Kept() > 0 {
			l.restLater()
		}
	})
}

// ack acknowledges results, unless the worker is not connected: it is told when it is back, behind its Told.
func (l *link) ack(up uint64) {
	if !l.up {
		return
	}
	l.s.w.log("%s acknowledges %d of %s", l.s.w.name(l.s.node), up, l.s.w.name(l.k.node))
	l.results.Acked(up)
	l.tell(func(c *queue.Core, now time.Duration, id probe.SchedulerID, out []queue.Effect) []queue.Effect {
		c.Ack(now, id, probe.Ack{Seq: up})
		return out
	})
}

// carryOut does what the core says, in its order.
func (s *scheduler) carryOut(out []placement.Effect) {
	s.out = nil // carrying out may call the core again
	for i := range out {
		f := &out[i]
		switch f.Kind {
		case placement.EffectTaskDone:
			s.taskDone(f)
		case placement.EffectJobDone:
			s.jobDone(f)
		case placement.EffectRetry:
			s.retry(f)
		case placement.EffectReserve, placement.EffectCancel, placement.EffectLaunch, placement.EffectNoTask, placement.EffectKill, placement.EffectClaim:
			s.send(f)
		case placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
			s.advise(f)
		case placement.EffectQuarantine:
			s.w.log("%s quarantines %d: %d", s.w.name(s.node), f.Worker, f.Count)
		}
	}
	s.out = out[:0]
	if at, due := s.core.NextWake(); due && at < s.armed {
		s.armed = at
		s.after(at-s.w.now, func() {
			if s.armed <= s.w.now {
				s.armed = never
				out := s.core.Tick(s.w.now, s.out[:0])
				s.w.ticked(s.w.name(s.node), s.core.NextWake)
				s.carryOut(out)
			}
		})
	}
	if s.draining && len(s.jobs) == 0 {
		s.after(0, s.depart)
	}
}

// linkOf returns the link to a worker that is connected, or nil.
func (s *scheduler) linkOf(id probe.WorkerID) *link {
	i := slices.IndexFunc(s.links, func(l *link) bool { return l.up && l.id == id })
	if i < 0 {
		return nil
	}
	return s.links[i]
}

// send sends what the core says to a worker.
func (s *scheduler) send(f *placement.Effect) {
	l := s.linkOf(f.Worker)
	if l == nil {
		return
	}
	switch f.Kind {
	case placement.EffectReserve:
		l.reserve(f)
	case placement.EffectCancel:
		m := probe.Cancel{Ref: f.Ref, Res: f.Res}
		l.tell(func(c *queue.Core, now time.Duration, id probe.SchedulerID, out []queue.Effect) []queue.Effect {
			return c.Cancel(now, id, m, out)
		})
	case placement.EffectLaunch:
		j := s.held(f.Ref)
		s.w.book.launched(s, l.k, j, f.Task, f.Attempt)
		m := probe.Launch{
			Slot: f.Slot, Call: f.Call, Ref: f.Ref, Job: j.job.id, Task: f.Task, Attempt: f.Attempt, Epoch: j.lease.Epoch, Deadline: f.Deadline, Timeout: j.job.timeout,
			Expect: f.Service, More: f.More,
		}
		if s.w.plan.isLarge(s.w.plan.payload(j.job.tasks[f.Task])) {
			l.launchLarge(m)
		} else {
			l.launch(m)
		}
	case placement.EffectNoTask:
		m := probe.NoTask{Slot: f.Slot, Call: f.Call}
		l.tell(func(c *queue.Core, now time.Duration, id probe.SchedulerID, out []queue.Effect) []queue.Effect {
			return c.NoTask(now, id, m, out)
		})
	case placement.EffectKill:
		s.w.log("%s kills the attempt in slot %d of %s, call %d", s.w.name(s.node), f.Slot, s.w.name(l.k.node), f.Call)
		l.kill(probe.Kill{Slot: f.Slot, Call: f.Call})
	case placement.EffectClaim:
		j := s.held(f.Ref)
		s.w.log("%s claims job %d from %s under epoch %d", s.w.name(s.node), j.job.index, s.w.name(l.k.node), j.lease.Epoch)
		l.claim(probe.Claim{Ref: f.Ref, Job: j.job.id, Epoch: j.lease.Epoch})
	case placement.EffectRetry, placement.EffectTaskDone, placement.EffectJobDone, placement.EffectQuarantine,
		placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
	}
}
