package storm

import (
	"math/rand/v2"
	"slices"
	"time"

	"dunnock/client/owner"
	"dunnock/internal/submission"
	"dunnock/task"
)

// client is an owner core in a shell of virtual time.
type client struct {
	process
	core     *owner.Core
	sessions []*clientSession // by scheduler; nil: none
	jobs     []*job           // that it has submitted, and that are not over
	armed    time.Duration
	out      []owner.Effect
}

// schedulerIndex is a scheduler as owner cores know it.
type schedulerIndex = owner.Scheduler

// clientSession is a connection to a scheduler, from dialling to its end.
type clientSession struct {
	c         *client
	i         schedulerIndex
	end       *end
	processed []*result // since the last beat
	beating   bool
	still     time.Duration // when its last large answer arrives
}

func (c *client) begin() {
	c.start()
	cfg := c.w.plan.owner
	for _, s := range c.w.schedulers {
		cfg.Schedulers = append(cfg.Schedulers, c.w.name(s.node))
	}
	c.core = owner.New(cfg, rand.New(rand.NewPCG(c.w.plan.Seed, uint64(c.node)<<32|uint64(c.life))))
	c.check = c.core.CheckInvariants
	c.sessions, c.jobs, c.armed = make([]*clientSession, len(c.w.schedulers)), nil, never
}

// die ends the life of the client. Nobody waits for its jobs any more.
func (c *client) die(machine bool) {
	if !c.up {
		return
	}
	c.w.tally(c.core.Stats())
	for _, j := range c.jobs {
		c.w.book.orphan(j)
	}
	c.kill(machine)
}

// submit hands in a job of the client's user.
func (c *client) submit(j *job) {
	ref, out, err := c.core.Submit(c.w.now, &owner.Spec{
		ID: j.id, Tasks: len(j.tasks), Deadline: j.deadline, MaxAttempts: j.maxAttempts, CancelOnFailure: j.rest,
	}, c.out[:0])
	if err != nil {
		c.w.fail("job %d: not taken by its own client: %w", j.index, err)
		return
	}
	j.ref, j.since = ref, c.w.now
	c.jobs = append(c.jobs, j)
	c.w.book.open++
	if j.cancelAfter > 0 {
		c.after(j.cancelAfter, func() { c.cancel(j) })
	}
	c.carryOut(out)
}

func (c *client) cancel(j *job) {
	if slices.Contains(c.jobs, j) {
		j.cancelled = true
		c.carryOut(c.core.Cancel(j.ref, c.out[:0]))
	}
}

func (c *client) find(ref owner.Ref) *job {
	i := slices.IndexFunc(c.jobs, func(j *job) bool { return j.ref == ref })
	return c.jobs[i]
}

func (c *client) carryOut(out []owner.Effect) {
	c.out = nil // carrying out may call the core again
	for i := range out {
		f := &out[i]
		switch f.Kind {
		case owner.EffectConnect:
			c.connect(f.Scheduler)
		case owner.EffectSubmit:
			c.send(f)
		case owner.EffectCancel:
			seq := f.Seq
			c.say(f.Scheduler, func(n *session) { n.cancel(seq) })
		case owner.EffectStill:
			seqs := c.core.AppendSeqs(f.Scheduler, nil)
			e := c.sessions[f.Scheduler].end
			still := func() { e.peer.user.(*session).still(seqs) }
			switch s := c.sessions[f.Scheduler]; {
			case c.w.plan.LargeFrom > 0 && c.w.chance.coin(): // a large job is on its way out, and small ones overtake the answer too
				s.still = e.sendLarge(still)
			case s.still > c.w.now: // but not the one before
				s.still = e.sendBehind(s.still, still)
			default:
				e.send(still)
			}
		case owner.EffectAccepted:
			c.w.book.accepted(c.find(f.Ref))
		case owner.EffectRefused:
			c.over(f.Ref, func(j *job) { c.w.book.refused(j, f.Code) })
		case owner.EffectOutcome:
			c.w.book.outcome(c.find(f.Ref), f.Task, f.Outcome, f.Code)
		case owner.EffectRetry: // the book is told when it is heard
		case owner.EffectDone:
			c.over(f.Ref, func(j *job) { c.w.book.done(j, f.Outcome, f.Count) })
		}
	}
	c.out = out[:0]
	if at, due := c.core.NextWake(); due && at < c.armed {
		c.armed = at
		c.after(at-c.w.now, func() {
			if c.armed <= c.w.now {
				c.armed = never
				out := c.core.Tick(c.w.now, c.out[:0])
				c.w.ticked(c.w.name(c.node), c.core.NextWake)
				c.carryOut(out)
			}
		})
	}
}

// over forgets a job.
func (c *client) over(ref owner.Ref, do func(*job)) {
	j := c.find(ref)
	c.jobs = slices.DeleteFunc(c.jobs, func(x *job) bool { return x == j })
	c.w.book.open--
	do(j)
}

// connect dials a scheduler.
func (c *client) connect(i schedulerIndex) {
	x := &clientSession{c: c, i: i}
	s := c.w.schedulers[i]
	x.end = c.w.dial(&c.process, &s.process, s.greetClient, func() {
		x.end.lost = func(cause) { c.lost(x) }
		c.carryOut(c.core.SchedulerUp(c.w.now, i, c.out[:0]))
	}, func(cause) { c.lost(x) })
	x.end.user = x
	c.sessions[i] = x
}

func (c *client) lost(x *clientSession) {
	c.sessions[x.i] = nil
	c.carryOut(c.core.SchedulerDown(c.w.now, x.i, c.out[:0]))
}

// say has a scheduler do something when a message reaches it.
func (c *client) say(i schedulerIndex, do func(n *session)) {
	e := c.sessions[i].end
	e.send(func() { do(e.peer.user.(*session)) })
}

// send submits a job, or what is left of it.
func (c *client) send(f *owner.Effect) {
	j, seq, epoch, left := c.find(f.Ref), f.Seq, f.Epoch, f.Deadline
	c.w.book.submitted(j, epoch, c.w.schedulers[f.Scheduler].node)
	var finished []byte
	var attempts []task.Attempts
	if epoch > 0 {
		finished = slices.Clone(c.core.Finished(f.Ref))
		attempts = c.core.AppendAttempts(f.Ref, nil)
	}
	c.say(f.Scheduler, func(n *session) { n.submit(seq, j, epoch, left, finished, attempts) })
}

func (c *client) accepted(i schedulerIndex, m submission.Accepted) {
	c.carryOut(c.core.Accepted(c.w.now, i, m, c.out[:0]))
}

func (c *client) rejected(i schedulerIndex, m submission.Rejected) {
	c.carryOut(c.core.Rejected(c.w.now, i, m, c.out[:0]))
}

func (c *client) taskRetry(i schedulerIndex, m submission.TaskRetry) {
	if ref, ok := c.core.Lookup(i, m.Seq); ok {
		c.w.book.inVain(c.find(ref), m.Task, m.Attempt)
	}
	c.carryOut(c.core.TaskRetry(i, &m, c.out[:0]))
}

func (c *client) jobDone(i schedulerIndex, m submission.JobDone) {
	c.carryOut(c.core.JobDone(i, m, c.out[:0]))
}

func (c *client) ask(i schedulerIndex) {
	c.carryOut(c.core.Ask(i, submission.Ask{}, c.out[:0]))
}

func (c *client) taskDone(i schedulerIndex, m *submission.TaskDone) {
	c.carryOut(c.core.TaskDone(c.w.now, i, m, c.out[:0]))
}

// processed counts what the next beat speaks of.
func (c *client) processed(i schedulerIndex, r *result) {
	x := c.sessions[i]
	x.processed = append(x.processed, r)
	if !x.beating {
		x.beating = true
		c.after(c.w.chance.below(c.w.plan.Lease/3), x.beat)
	}
}

// beat says what the client has processed.
func (x *clientSession) beat() {
	n := x.processed
	x.processed, x.beating = nil, false
	e := x.end
	e.send(func() { e.peer.user.(*session).passed(n) })
}

// resumed is SIGCONT.
func (c *client) resumed() { c.resume(func() {}) }
