package placement

import (
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// JobView is one live job as its users see it. Times count from the same origin as the now of the core's methods.
type JobView struct {
	Ref          probe.Ref
	Submitted    time.Duration
	Deadline     time.Duration
	ResampleAt   time.Duration // when it samples anew because workers refused it; 0: it is not waiting for that
	Tasks        int           // all, also those that were not to run
	Waiting      int           // tasks
	Running      int           // tasks
	Failed       int           // tasks that ended not OK
	Reservations int           // outstanding ones
	Claiming     bool          // it was at another scheduler before, and workers are being asked what they hold of it
	Suspended    bool          // nothing of it is launched for now
	Eligible     int           // workers that its tasks may be sampled to; 0: some wait for one to connect. Where tasks differ, the fewest
}

// TaskState is what a task is doing.
type TaskState uint8

// The states of a task.
const (
	TaskWaiting TaskState = iota + 1 // for a worker to ask for it
	TaskRunning                      // bound to a slot
	TaskDone                         // has its outcome
)

// String returns the word used in JSON.
func (s TaskState) String() string {
	switch s {
	case TaskWaiting:
		return "waiting"
	case TaskRunning:
		return "running"
	case TaskDone:
		return "done"
	default:
		return "unknown"
	}
}

// TaskView is one task of a live job as its users see it.
type TaskView struct {
	State     TaskState
	Outcome   task.Outcome   // once it is done; 0 if it was not to run
	Code      task.Code      // why it is done, if not OK
	Attempt   int            // the last attempt, from 1; 0 if none started
	HasWorker bool           // Worker is who had it; false if none started, or the last launch was declined
	Worker    probe.WorkerID // as of the launch; it may have gone down since
	Launched  time.Duration  // when the last attempt was, from the same origin as the core's now; 0 if none started
	Wait      time.Duration  // submit to that; for a task that ended without an attempt, to its end; else 0
	Service   time.Duration  // of the last attempt, by the worker's clock; 0 until it has finished
	Apart     bool           // it waits for its last attempt, which is kept apart from other tasks under which a worker was lost
}

// WorkerView is one connected worker as this core has used it.
type WorkerView struct {
	Slots       int
	Running     int  // slots that hold a task of this core
	Draining    bool // sampled no more, or without slots
	Quarantined bool // sampled no more for a while, because it fails everything
}

// Newest returns up to most live jobs, those that came last, beginning with the last. It costs O(most).
func (c *Core) Newest(most int) []probe.Ref {
	refs := make([]probe.Ref, 0, min(most, c.load.Jobs))
	for j := c.newest; j != nil && len(refs) < most; j = j.prev {
		refs = append(refs, j.ref)
	}
	return refs
}

// Job returns a live job. It costs O(1), or O(groups).
func (c *Core) Job(ref probe.Ref) (JobView, bool) {
	j := c.find(ref)
	if j == nil {
		return JobView{}, false
	}
	v := JobView{
		Ref: ref, Submitted: j.submitted, Deadline: j.deadline, Tasks: len(j.tasks), Waiting: j.waiting(), Running: int(j.running),
		Failed: int(j.failed), Reservations: int(j.outstanding), Eligible: j.eligible(),
		Claiming: j.claiming, Suspended: j.suspended,
	}
	for i := range j.groups() {
		if at := j.at(i).resampleAt; at != never && (v.ResampleAt == 0 || at < v.ResampleAt) {
			v.ResampleAt = at
		}
	}
	return v, true
}

// eligible counts the workers of the group that has fewest, of those of which tasks wait.
func (j *job) eligible() int {
	n := -1
	for i := range j.groups() {
		if g := j.at(i); n < 0 || g.waiting() > 0 && len(g.set.eligible) < n {
			n = len(g.set.eligible)
		}
	}
	return n
}

// WaitView is what tasks of a live job wait for that wait under the same constraints.
type WaitView struct {
	Tasks        int              // that wait
	First        int              // one of them: the one at the head
	Since        time.Duration    // when that began to wait: when its job came, or its last attempt ended
	Offers       bool             // they wait for offers, not in workers' queues
	Older        int              // with Offers: jobs that came before and wait under the same constraints, up to MaxOlder
	HeadSince    time.Duration    // with Offers and no older ones: since when it is the next to be launched here
	Require      []probe.Label    // that their workers must have for now; shared, and not to be changed
	Preferring   bool             // what they prefer is among these
	Need         string           // what each takes, as "4 slots, gpu=1"; empty: one slot
	Keys         int              // affinity keys that they have; 0: none. Tasks with keys are one part, whatever their keys
	Near         bool             // only workers that these have chosen will do for now
	Chosen       []probe.WorkerID // with Near: by the first task's key; shared, and not to be changed
	Until        time.Duration    // with Near: when any eligible worker will do for some of them
	Reservations int              // outstanding
	Eligible     int              // workers
	Workers      []probe.WorkerID // these; shared, not to be changed, and good until the next event
	Asked        int              // peers that were told of what waits, and still owe offers; 0 but under IdleOffer
	Again        time.Duration    // when workers are sampled anew for some of them, because queues were full; 0: none was
	Lack         string           // without any: why, as "no connected worker has gpu=a100"
	Emptied      time.Duration    // without any: when the last one was gone; 0: not known

	of *set // with Keys
}

// MaxOlder bounds how many older jobs are counted.
const MaxOlder = 1000

// since is when a task that waits began to.
func (j *job) since(t uint32) time.Duration {
	if r := &j.tasks[t]; r.attempt > 0 {
		return r.launched + r.service
	}
	return j.submitted
}

// inLine says of a group's first task where it is among those that wait for offers.
func (g *group) inLine(v *WaitView) {
	if !g.queued || !g.timer.j.onOffers(g) {
		return
	}
	v.Offers = true
	for o := g.prevWaiting; o != nil && v.Older < MaxOlder; o = o.prevWaiting {
		if o.timer.j != g.timer.j {
			v.Older++
		}
	}
	if v.Older == 0 {
		v.HeadSince = max(v.Since, g.set.request.launched)
	}
}

// joins adds a group with a key to the part of those like it, if there is one.
func (g *group) joins(parts []WaitView) bool {
	for i := range parts {
		if v := &parts[i]; v.Keys > 0 && v.of == g.set && v.Near == g.near {
			v.Keys++
			v.Tasks += g.waiting()
			v.Reservations += int(g.left)
			if v.Near {
				v.Until = min(v.Until, g.relaxAt)
			}
			return true
		}
	}
	return false
}

// Waits appends to out what the waiting tasks of a live job wait for, in up to most parts.
func (c *Core) Waits(ref probe.Ref, most int, out []WaitView) []WaitView {
	j := c.find(ref)
	if j == nil {
		return out
	}
	first := len(out)
	for i := range j.groups() {
		g := j.at(i)
		if g.waiting() == 0 || g.key != 0 && g.joins(out[first:]) {
			continue
		}
		if len(out)-first == most {
			if j.nears == nil {
				break
			}
			continue // it may be of a part that is there
		}
		v := WaitView{
			Tasks: g.waiting(), First: int(j.head(g)), Require: g.set.require, Preferring: g.prefers, Reservations: int(g.left), Eligible: len(g.set.eligible),
			Workers: g.set.eligible,
		}
		v.Since = j.since(uint32(v.First))
		g.inLine(&v)
		if g.set.need != nil {
			v.Need = g.set.need.String()
		}
		if g.key != 0 {
			v.Keys, v.Near, v.of = 1, g.near, g.set
			if g.near {
				v.Chosen, v.Until = c.pool(g), g.relaxAt
			}
		}
		if g.resampleAt != never && !j.tasks[v.First].suspect() {
			v.Again = g.resampleAt
		}
		if q := g.set.request; q != nil {
			v.Asked = q.ntold
		}
		if v.Eligible == 0 {
			v.Lack = c.phrase(g.set)
			if g.set.emptied != never {
				v.Emptied = g.set.emptied
			}
		}
		out = append(out, v)
	}
	return out
}

// ConstraintView is what a core keeps for constraints.
type ConstraintView struct {
	Sets     int // kept, each with the list of its workers
	Stranded int // tasks that wait and that no connected worker may run
}

// Constraints returns what is kept for constraints. It costs O(sets).
func (c *Core) Constraints() ConstraintView {
	v := ConstraintView{Sets: len(c.sets)}
	for _, s := range c.sets {
		if len(s.eligible) == 0 {
			v.Stranded += s.waiting + s.near
		}
	}
	return v
}

// head returns the task of a group that would be bound next.
func (j *job) head(g *group) uint32 {
	for _, l := range []*taskList{&g.returned, &g.displaced, &g.unbound} {
		if l.head != 0 {
			return l.head - 1
		}
	}
	t := j.cursor
	for j.tasks[t].state != stateFresh {
		t++
	}
	return uint32(t)
}

// Task returns one task of a live job, by its index from 0. It costs O(1).
func (c *Core) Task(ref probe.Ref, i int) (TaskView, bool) {
	j := c.find(ref)
	if j == nil || i < 0 || i >= len(j.tasks) {
		return TaskView{}, false
	}
	r := &j.tasks[i]
	v := TaskView{
		State: TaskWaiting, Outcome: r.outcome, Attempt: int(r.attempt),
		HasWorker: r.hasWorker, Worker: r.worker, Service: r.service,
	}
	if r.attempt > 0 {
		v.Launched = r.launched
	}
	if r.attempt > 0 || r.outcome != 0 {
		v.Wait = r.launched - j.submitted
	}
	switch r.state {
	case stateFresh, stateReturned, stateDisplaced:
		v.Apart = r.suspect() && r.attempt+1 >= j.maxAttempts
	case stateRunning:
		v.State = TaskRunning
	case stateEnded:
		v.State, v.Code = TaskDone, r.cause.code()
	}
	return v, true
}

// Worker returns a connected worker.
func (c *Core) Worker(id probe.WorkerID) (WorkerView, bool) {
	w := c.worker(id)
	if w == nil {
		return WorkerView{}, false
	}
	v := WorkerView{Slots: c.offer(w).Slots, Draining: !w.active && w.standing != quarantined, Quarantined: w.standing == quarantined}
	for i := range w.slots {
		if w.slots[i].state.binds() {
			v.Running++
		}
	}
	return v, true
}
