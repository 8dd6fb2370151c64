package placement

import (
	"math"
	"time"

	"dunnock/internal/bitmap"
	"dunnock/probe"
	"dunnock/task"
)

// Spec is what placing a job needs to know of it. Slices are not kept.
type Spec struct {
	App             string
	User            string        // whose the job is; "": nobody's
	Require         []probe.Label // labels that a worker must have, in any order
	Prefer          []probe.Label // labels that a worker had better have: those that have them all come first, for [Config].PreferWait
	Exclude         []probe.Label // labels that a worker must not have
	Groups          []Group       // tasks for which other labels hold than these
	Spread          string        // key of a label: tasks are dealt out evenly over its values; "": they are not
	Tasks           int           // ≥ 1
	Need            Need          // what each task takes of its worker, but for those in Groups
	ProbeRatio      float64       // reservations per task, 1…16; 0: task.DefaultProbeRatio
	Estimate        time.Duration // what each task takes, as the job says; 0: it does not
	Turn            int64         // where all workers sort what waits: of two jobs the one with less goes first; 0: the one that came first
	Deadline        time.Duration // from now, > 0; 0: task.DefaultDeadline
	MaxAttempts     int           // starts per task, 1…100; 0: task.DefaultMaxAttempts
	AtMostOnce      bool          // no task starts twice; doubtful ones end Unknown
	CancelOnFailure bool          // the first task that does not end OK ends the others Cancelled
	Epoch           uint32        // which submission of the job this is; above 0 it was at another scheduler before, or at this one
	Attempts        []Attempts    // starts that tasks have had by earlier submissions, at most one for each task
	Keys            []probe.Key   // by task: its affinity key, 0 for none; nil: no task has one
	Finished        []byte        // bitmap of tasks not to run, bit i%8 of byte i/8; missing bits are 0
}

// Attempts says how often a task has started under earlier epochs. It counts against the job's limit.
type Attempts struct {
	Task uint32
	N    uint16
}

// finished reports whether task i is not to be run.
func (s *Spec) finished(i int) bool {
	return bitmap.Has(s.Finished, i)
}

func (s *Spec) withDefaults() Spec {
	d := *s
	if d.ProbeRatio == 0 {
		d.ProbeRatio = task.DefaultProbeRatio
	}
	if d.Deadline == 0 {
		d.Deadline = task.DefaultDeadline
	}
	if d.MaxAttempts == 0 {
		d.MaxAttempts = task.DefaultMaxAttempts
	}
	return d
}

// validate checks what the core itself relies on; [task.Job.Validate] is stricter.
func (s *Spec) validate() error {
	switch {
	case s.Tasks < 1:
		return task.Errorf(task.CodeInvalidJob, "tasks: a job needs at least one task")
	case math.IsNaN(s.ProbeRatio) || s.ProbeRatio < 1 || s.ProbeRatio > task.MaxProbeRatio:
		return task.Errorf(task.CodeInvalidJob, "probe_ratio: want 1 to %g, got %g", task.MaxProbeRatio, s.ProbeRatio)
	case s.Deadline < 0:
		return task.Errorf(task.CodeInvalidJob, "deadline: want more than 0, got %v", s.Deadline)
	case !s.validNeeds():
		return task.Errorf(task.CodeInvalidJob, "slots, resources: want at most %d slots and %d resources of more than 0", probe.MaxSlots, probe.MaxResources)
	case s.Keys != nil && len(s.Keys) != s.Tasks:
		return task.Errorf(task.CodeInvalidJob, "tasks: %d affinity keys for %d tasks", len(s.Keys), s.Tasks)
	case !s.validGroups():
		return task.Errorf(task.CodeInvalidJob, "tasks: at most %d groups of tasks with constraints of their own, each task in one", MaxGroups-1)
	case s.MaxAttempts < 1 || s.MaxAttempts > task.MaxAttempts:
		return task.Errorf(task.CodeInvalidJob, "max_attempts: want 1 to %d, got %d", task.MaxAttempts, s.MaxAttempts)
	}
	return nil
}

// validNeeds reports whether all that tasks need is within its bounds.
func (s *Spec) validNeeds() bool {
	for i := range s.Groups {
		if !s.Groups[i].Need.valid() {
			return false
		}
	}
	return s.Need.valid()
}

// validGroups reports whether each task is in one group at most.
func (s *Spec) validGroups() bool {
	n := 0
	for i := range s.Groups {
		for _, t := range s.Groups[i].Tasks {
			if int64(t) >= int64(s.Tasks) {
				return false
			}
			n++
		}
	}
	return len(s.Groups) < MaxGroups && n <= s.Tasks
}

// Submit accepts a job and samples workers for it: one draw of ⌈probe ratio × tasks to run⌉ reservations, and at one
// worker no more than there are tasks. A job whose tasks are all finished is done at once, and its Ref unknown when
// Submit returns. One with an epoch is claimed from all workers first (EffectClaim) and sampled for when they have
// answered or [Config].ClaimWait has passed.
//
// The error is an [*task.Error], and nothing has happened: task.CodeNoWorkers if no worker is connected that is not
// draining, CodeUnknownApp if none of them has the app, CodeUnsatisfiable naming the label (key=value) that leaves no
// worker, CodeTooLarge or CodeOverloaded at a bound of the [Config], CodeOverloaded also if the tasks that wait under
// the same constraints take too long, CodeInvalidJob for a Spec out of its ranges. Where only quarantined workers are
// eligible they are taken back on trial.
func (c *Core) Submit(now time.Duration, spec Spec, out []Effect) (probe.Ref, []Effect, error) {
	ref, out, err := c.submit(now, spec, out)
	return ref, c.attend(now, out), err
}

func (c *Core) submit(now time.Duration, spec Spec, out []Effect) (probe.Ref, []Effect, error) {
	s := spec.withDefaults()
	if err := s.validate(); err != nil {
		return 0, out, err
	}
	if err := c.admit(&s); err != nil {
		return 0, out, err
	}
	out, err := c.makePlan(now, &s, out)
	if err != nil {
		return 0, out, err
	}
	ratio := c.ratioOf(now, &s)
	j := c.newJob()
	c.stats.Submitted++
	c.enroll(now, j, s.User)
	c.heed(j, &s)
	c.form(j, &s)
	j.mixed = len(s.Groups) > 0 || s.Spread != ""
	j.submitted, j.deadline, j.turn = now, after(now, s.Deadline), s.Turn
	j.ratio, j.maxAttempts = ratio, uint16(s.MaxAttempts)
	j.atMostOnce, j.cancelOnFailure, j.epoch = s.AtMostOnce, s.CancelOnFailure, s.Epoch
	c.addTasks(j, &s)
	c.timers.Add(j.first.timer.at(), &j.first.timer)
	ref := j.ref
	if j.unfinished == 0 {
		return ref, c.finish(j, task.OK, out), nil
	}
	if out = c.addAttempts(now, j, s.Attempts, out); j.ref != ref {
		return ref, out, nil
	}
	if j.epoch > 0 {
		return ref, c.claimAll(now, j, out), nil
	}
	return ref, c.begin(now, j, out), nil
}

// begin samples workers for all tasks that wait, for the first time.
func (c *Core) begin(now time.Duration, j *job, out []Effect) []Effect {
	j.begun = true
	if !j.offers || j.needs || j.nears != nil {
		c.roomFor(j)
	}
	for i := range j.groups() {
		g := j.at(i)
		if g.near {
			if out = c.approach(now, j, g, out); j.ref == 0 {
				return out
			}
			continue
		}
		g.wide = !j.onOffers(g) && probes(j.ratio, g.anywhere()) >= 2*len(g.set.eligible)
		c.arrived(g)
		out = c.sample(j, g, g.anywhere(), out)
		switch {
		case g.gives(), g.prefers && c.cfg.PreferWait < 0:
			out = c.relax(now, j, g, out)
		case g.prefers:
			g.relaxAt = after(now, c.cfg.PreferWait)
			c.rewake(j, g)
		}
		out = c.replenish(now, j, g, out) // what was tried before may be placed more narrowly than the rest
	}
	return out
}

// roomFor gets room for the reservations that a job is going to have.
func (c *Core) roomFor(j *job) {
	room := 0
	for i := range j.groups() {
		g := j.at(i)
		if g.near {
			room += probes(j.ratio, 1)
			continue
		}
		if j.onOffers(g) {
			continue
		}
		room += min(probes(j.ratio, g.anywhere()), len(g.set.eligible))
	}
	j.res = c.resPool.get(room)
	if j.several() {
		j.links = c.linkPool.get(room)
	}
}

// admit refuses what is over a bound of the Config.
func (c *Core) admit(s *Spec) error {
	unfinished := c.load.Waiting + c.load.Running
	var e *task.Error
	switch {
	case s.Tasks > c.cfg.MaxTasks:
		return task.Errorf(task.CodeTooLarge, "tasks: at most %d, got %d", c.cfg.MaxTasks, s.Tasks)
	case c.load.Jobs >= c.cfg.MaxJobs:
		e = task.Errorf(task.CodeOverloaded, "%d jobs are live, the limit", c.load.Jobs)
	case s.Tasks > c.cfg.MaxTasks-unfinished:
		e = task.Errorf(task.CodeOverloaded, "%d tasks are unfinished and %d more would pass the limit of %d", unfinished, s.Tasks, c.cfg.MaxTasks)
	case s.Tasks > c.cfg.MaxWaiting-c.load.Waiting:
		e = task.Errorf(task.CodeOverloaded, "%d tasks wait and %d more would pass the limit of %d", c.load.Waiting, s.Tasks, c.cfg.MaxWaiting)
	default:
		if e = c.admitUser(s); e == nil {
			return nil
		}
	}
	e.RetryAfterMS = retryAfterMS
	return e
}

func (c *Core) addTasks(j *job, s *Spec) {
	j.tasks = c.taskPool.get(s.Tasks)[:s.Tasks]
	clear(j.tasks)
	for i := range j.tasks {
		if s.finished(i) {
			j.tasks[i].state = stateEnded
			continue
		}
		j.tasks[i].state = stateFresh
		j.unfinished++
	}
	if j.account != nil {
		j.account.unfinished += int(j.unfinished)
	}
	if !j.several() {
		j.first.fresh = j.unfinished
	} else {
		c.deal(j, s)
	}
	for i := range j.groups() {
		g := j.at(i)
		c.waits(j, g, int(g.fresh))
	}
}

// addAttempts counts what tasks have had before, all of which has failed. Those that have had all their attempts end
// here.
func (c *Core) addAttempts(now time.Duration, j *job, had []Attempts, out []Effect) []Effect {
	for _, a := range had {
		if a.N == 0 || !j.lacks(a.Task) || j.tasks[a.Task].state != stateFresh {
			continue
		}
		r := &j.tasks[a.Task]
		g := j.of(a.Task)
		c.unlink(j, g, a.Task)
		r.state, r.attempt, r.launched = stateReturned, min(a.N, j.maxAttempts), now
		c.own(g).returned.push(j.tasks, a.Task)
	}
	for i := range j.groups() {
		for next := j.at(i).returned.head; next != 0; {
			t := next - 1
			next = j.tasks[t].next
			if j.tasks[t].attempt < j.maxAttempts && !j.atMostOnce {
				continue
			}
			if out = c.endWaiting(now, j, t, task.Failed, causeWorkerLost, out); j.ref == 0 || j.unfinished == 0 {
				return out // with that the job has ended
			}
		}
	}
	return out
}

// Cancel ends a job for its user: tasks without an outcome end Cancelled, and running ones are killed. An unknown Ref
// is no mistake: the job may just have ended.
func (c *Core) Cancel(now time.Duration, ref probe.Ref, out []Effect) []Effect {
	j := c.find(ref)
	if j == nil {
		c.stats.Stale++
		return out
	}
	return c.attend(now, c.endAll(now, j, causeCancelled, task.Cancelled, out))
}

// expire ends a job whose deadline has come.
func (c *Core) expire(now time.Duration, j *job, out []Effect) []Effect {
	return c.endAll(now, j, causeDeadline, task.Timeout, out)
}
