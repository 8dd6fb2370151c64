package scheduler

import (
	"log/slog"
	"time"

	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// turn is what one goroutine needs to call the core and carry out what it
// says: a buffer for effects, and the connections that were written to.
type turn struct {
	effects  []placement.Effect
	batch    stream.Batch
	owned    bool           // finished.Body has memory of its own
	receipt  receipt        // of the result that the core is being told
	finished probe.Finished // that the core is being told: its body goes with the task's outcome
	found    bool           // it is said again, or to somebody else than at first
	hand     probe.Hand     // that the core is being told
	worker   string         // that says so
	lent     bool           // what is submitted lies in memory that is used again
}

// enter takes the lock and reads the clock. If this process has stood still, it first asks who owns the jobs here.
func (s *Scheduler) enter() time.Duration {
	s.mu.Lock()
	now := s.clock.Now()
	if stood := s.watch.StoodStill(s.origin.Add(now)); stood != s.stood {
		s.stood = stood
		s.afterPause(now)
	}
	return now
}

// exit carries out what the core said, in its order, and lets go of the lock. Frames are appended under
// the lock, so that two goroutines cannot swap the order of what the core decided; the caller flushes.
func (s *Scheduler) exit(now time.Duration, t *turn) {
	for i := range t.effects {
		s.carryOut(now, t, &t.effects[i])
	}
	s.keepEffects(t)
	s.unclaimed(t, t.take()) // who it was for, if it was for anyone, has taken it
	next, due := s.core.NextWake()
	s.clock.Arm(now, next, due)
	if len(s.jobs) == 0 && s.server.Draining() {
		select {
		case <-s.idle:
		default:
			close(s.idle)
		}
	}
	s.mu.Unlock()
}

// A turn keeps room for a few effects, as most messages have. For the many of a large job all turns use the same
// memory.
const (
	fewEffects  = 64
	manyEffects = 1 << 14
)

// keepEffects has the memory of effects that were carried out used again.
func (s *Scheduler) keepEffects(t *turn) {
	t.effects = t.effects[:0]
	if n := cap(t.effects); n > fewEffects {
		if n > cap(s.effects) && n <= manyEffects {
			s.effects = t.effects
		}
		t.effects = nil
	}
}

// roomy gives a turn room for many effects. It runs under the lock.
func (s *Scheduler) roomy(t *turn) {
	if len(t.effects) == 0 && cap(t.effects) < cap(s.effects) {
		t.effects, s.effects = s.effects, nil
	}
}

func (s *Scheduler) carryOut(now time.Duration, t *turn, e *placement.Effect) {
	switch e.Kind {
	case placement.EffectTaskDone:
		s.taskDone(now, t, e)
		return
	case placement.EffectJobDone:
		s.jobDone(now, t, e)
		return
	case placement.EffectRetry:
		s.retry(now, t, e)
		return
	case placement.EffectReserve, placement.EffectCancel, placement.EffectLaunch, placement.EffectNoTask, placement.EffectKill, placement.EffectClaim, placement.EffectQuarantine:
	case placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
		s.advise(t, e)
		return
	}
	l := s.links[e.Worker]
	if l == nil {
		return
	}
	c := l.conn
	switch e.Kind {
	case placement.EffectReserve:
		s.meters.reservations.AddInt64(int64(e.Count))
		s.meters.reserves.Inc()
		m := probe.Reserve{Ref: e.Ref, Res: e.Res, Count: e.Count}
		if e.Task != 0 { // what it takes beside a slot
			if j := s.jobs[e.Ref]; j != nil { // or else it is cancelled behind this
				need := s.core.Need(e.Task, e.Worker)
				c.End(probe.AppendNeedReserve(c.Begin(uint8(probe.KindReserveNeed)), m, j.classNow(now), &need))
			}
		} else if j := s.jobs[e.Ref]; l.classed && j != nil {
			c.End(probe.AppendClassedReserve(c.Begin(uint8(probe.KindReserve)), m, j.classNow(now)))
		} else {
			c.End(probe.AppendReserve(c.Begin(uint8(probe.KindReserve)), m))
		}
	case placement.EffectCancel:
		s.meters.cancelled.AddInt64(int64(e.Count))
		s.meters.cancels.Inc()
		c.End(probe.AppendCancel(c.Begin(uint8(probe.KindCancel)), probe.Cancel{Ref: e.Ref, Res: e.Res}))
	case placement.EffectLaunch:
		s.launch(l, e)
	case placement.EffectNoTask:
		s.meters.noTasks.Inc()
		c.End(probe.AppendNoTask(c.Begin(uint8(probe.KindNoTask)), probe.NoTask{Slot: e.Slot, Call: e.Call}))
	case placement.EffectKill:
		// A launch with a large payload may still be on its way out in pieces; a kill must not get ahead of it.
		var body [16]byte
		c.SendAfter(uint8(probe.KindKill), probe.AppendKill(body[:0], probe.Kill{Slot: e.Slot, Call: e.Call}), nil)
	case placement.EffectQuarantine:
		s.quarantine(l, e.Count == 1)
		return
	case placement.EffectClaim:
		j := s.jobs[e.Ref]
		c.End(probe.AppendClaim(c.Begin(uint8(probe.KindClaim)), probe.Claim{Ref: e.Ref, Job: j.spec.ID, Epoch: j.spec.Epoch}))
	case placement.EffectTaskDone, placement.EffectJobDone, placement.EffectRetry,
		placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
	}
	t.batch.Add(c)
}

// quarantine says that a worker that fails everything is given nothing more for a while, or is tried again.
func (s *Scheduler) quarantine(l *link, on bool) {
	if on {
		s.node.Logger.Warn("worker quarantined: it fails what succeeds elsewhere", slog.String("worker", l.member.Name))
		return
	}
	s.node.Logger.Info("worker tried again after its quarantine", slog.String("worker", l.member.Name))
}

// launch sends a task's payload to the slot that asked.
func (s *Scheduler) launch(l *link, e *placement.Effect) {
	j := s.jobs[e.Ref]
	rec := j.tasks.write(int(e.Task))
	rec.worker, rec.attempt = l.member.Name, e.Attempt
	m := probe.Launch{
		Slot: e.Slot, Call: e.Call, Ref: e.Ref, Job: j.spec.ID, Task: e.Task, Attempt: e.Attempt, Epoch: j.spec.Epoch,
		App: l.apps[j.spec.App], Deadline: e.Deadline, Timeout: j.spec.TaskTimeout,
		Expect: e.Service, More: e.More,
	}
	s.meters.launches.Inc()
	var head [96]byte
	h, payload := probe.AppendLaunchHead(head[:0], &m), j.payloads.of(e.Task)
	if s.cfg.Policy == placement.IdleOffer && len(h)+len(payload) > stream.MaxBody {
		l.conn.End(probe.AppendComing(l.conn.Begin(uint8(probe.KindComing)), probe.Coming{Slot: e.Slot, Call: e.Call}))
	}
	l.conn.Send(uint8(probe.KindLaunch), h, payload)
}

// retry says why an attempt did not count; the task waits again.
func (s *Scheduler) retry(now time.Duration, t *turn, e *placement.Effect) {
	j := s.jobs[e.Ref]
	s.meters.retries.Inc()
	s.noteRetry(t, j, e)
	s.tell(now, t, j, func(f follower, r receipt) { f.client.sendRetry(t, f.seq, j, e, r) })
	if j.lease.Abandoned() {
		s.wakeOwners() // it drains
	}
	reason := string(e.Code)
	if fault := t.fault(e); fault != nil {
		reason = fault.Error()
	}
	s.node.Logger.Debug("task tried again", slog.String("job", j.spec.ID.String()), slog.Int("task", int(e.Task)),
		slog.Int("attempt", int(e.Attempt)), slog.String("worker", j.tasks.read(int(e.Task)).worker), slog.String("reason", reason))
}

// body is the body of the message being handled if it is about the effect's task.
func (t *turn) body(e *placement.Effect) ([]byte, bool) {
	m := &t.finished
	if m.Status == 0 || m.Ref != e.Ref || m.Task != e.Task {
		return nil, false
	}
	return m.Body, true
}

// fault is what the worker said of a failed attempt, if the effect comes of that.
func (t *turn) fault(e *placement.Effect) *task.Error {
	body, ok := t.body(e)
	if !ok || t.finished.Status == probe.StatusOK || t.finished.Status == probe.StatusKilled {
		return nil // a worker that stopped an attempt knows less of why than the core does
	}
	fault, err := probe.DecodeFault(body)
	if err != nil || fault.Code == "" {
		return task.Errorf(task.CodeInternal, "the worker's error could not be read")
	}
	return fault
}
