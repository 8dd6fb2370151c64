package owner

import (
	"cmp"
	"math"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/cespare/xxhash/v2"

	"dunnock/internal/timer"
	"dunnock/task"
)

// Core owns the jobs of one client. See the package documentation for what its caller owes it. Make one with [New].
type Core struct {
	cfg        Config
	rng        *rand.Rand
	schedulers []scheduler
	connected  int // schedulers that are up
	dialled    int // schedulers that are being connected to
	spare      int // where looking for a scheduler to keep in reserve begins

	jobs    []*job   // by the index of their Ref
	free    []uint32 // indices of records without a job
	waiting list     // jobs at no scheduler
	seq     uint32   // of the last submission, over all schedulers
	bySeq   map[uint32]*job
	timers  timer.Heap[*job]

	load    Load
	stats   Stats
	without protection // that a test has taken out
}

// protection names one thing that keeps a promise, so that tests can take it out and see that they notice.
type protection uint8

const (
	protectEpoch     protection = iota + 1 // each submission that may not be the first has a later epoch
	protectOnce                            // a task has one outcome
	protectFinished                        // a submission names the tasks that have an outcome
	protectAttempts                        // a submission names the starts that have failed
	protectSeq                             // only the latest submission is listened to
	protectDeadline                        // a job ends without its scheduler's word
	protectHandOn                          // what a lost scheduler had goes to the next
	protectUsurped                         // a superseded job is taken back
	protectLeave                           // what a leaving scheduler has not answered it has not taken
	protectRetryWait                       // who was refused waits
)

// scheduler is what the core knows of one scheduler.
type scheduler struct {
	hash     uint64
	state    link
	suspect  bool          // the last connection, or try to get one, has failed
	leaving  bool          // it has said that it drains
	fails    int           // connections that failed or did not last, in a row
	redialAt time.Duration // when it may be dialled again, if closed; 0: at once
	upSince  time.Duration
	jobs     list // submitted to it
}

type link uint8

const (
	closed link = iota
	dialling
	up
)

// Load is what a core has to do now.
type Load struct {
	Jobs      int // not done
	Waiting   int // of those, at no scheduler
	Connected int // schedulers
}

// Stats counts what has happened since the core was made.
type Stats struct {
	Jobs        uint64 // handed in
	Done        uint64 // of those, ended with every outcome
	Refused     uint64 // of those, never accepted
	Submissions uint64
	HandedOn    uint64 // submissions of a job that was or may have been submitted before
	Refusals    uint64 // submissions that a scheduler has rejected
	Superseded  uint64 // submissions that lost the job to another owner
	Lost        uint64 // connections that ended
	Unreachable uint64 // connections that could not be made
	Outcomes    uint64 // tasks with an outcome that a scheduler has told
	Ended       uint64 // tasks that got theirs without a scheduler
	Stale       uint64 // messages without effect: late, repeated, or about something unknown
}

// New makes a core without jobs and connections. The generator is the core's from here on; the same seed and the same
// events give the same effects. A Config that does not [Config.Validate] panics.
func New(cfg Config, rng *rand.Rand) *Core {
	if err := cfg.Validate(); err != nil {
		panic("owner: " + err.Error())
	}
	c := &Core{cfg: cfg.withDefaults(), rng: rng, schedulers: make([]scheduler, len(cfg.Schedulers)), bySeq: make(map[uint32]*job)}
	for i, name := range cfg.Schedulers {
		c.schedulers[i].hash = xxhash.Sum64String(name)
	}
	c.cfg.Schedulers = nil
	c.spare = rng.IntN(len(c.schedulers)) // clients do not all keep the same one in reserve
	return c
}

// Load returns what the core has to do now.
func (c *Core) Load() Load {
	l := c.load
	l.Connected = c.connected
	return l
}

// Stats returns what has happened so far.
func (c *Core) Stats() Stats { return c.stats }

// Submit takes a job in and hands it to a scheduler as soon as one is there.
//
// The error is an [*task.Error], and nothing has happened: task.CodeOverloaded at Config.MaxJobs, CodeInvalidJob for a
// Spec out of its ranges.
func (c *Core) Submit(now time.Duration, spec *Spec, out []Effect) (Ref, []Effect, error) {
	switch {
	case spec.Tasks < 1 || spec.Tasks > math.MaxInt32:
		return 0, out, task.Errorf(task.CodeInvalidJob, "tasks: a job needs at least one task")
	case spec.Deadline < 0:
		return 0, out, task.Errorf(task.CodeInvalidJob, "deadline: want more than 0, got %v", spec.Deadline)
	case spec.MaxAttempts < 0 || spec.MaxAttempts > task.MaxAttempts:
		return 0, out, task.Errorf(task.CodeInvalidJob, "max_attempts: want 1 to %d, got %d", task.MaxAttempts, spec.MaxAttempts)
	case c.load.Jobs >= c.cfg.MaxJobs:
		return 0, out, task.Errorf(task.CodeOverloaded, "%d jobs of this client are unfinished, the limit", c.load.Jobs)
	}
	j := c.newJob()
	c.stats.Jobs++
	j.hash = xxhash.Sum64(spec.ID[:])
	j.epoch, j.leads = spec.Epoch, spec.CancelOnFailure
	j.deadline = spec.Deadline
	j.deadline = cmp.Or(j.deadline, task.DefaultDeadline)
	j.maxAttempts = uint8(spec.MaxAttempts)
	j.maxAttempts = cmp.Or(j.maxAttempts, task.DefaultMaxAttempts)
	c.setTasks(j, spec)
	j.patient = now + c.cfg.Patience
	c.limit(j, now)
	c.timers.Add(j.wake(), j)
	ref := j.ref
	return ref, c.connectMore(now, c.place(now, j, out)), nil
}

func (c *Core) setTasks(j *job, spec *Spec) {
	j.tasks, j.unfinished = spec.Tasks, spec.Tasks
	size := (spec.Tasks + 7) / 8
	if cap(j.finished) < size {
		j.finished = make([]byte, size)
	}
	j.finished = j.finished[:size]
	clear(j.finished)
	copy(j.finished, spec.Finished)
	if rest := spec.Tasks % 8; rest > 0 {
		j.finished[size-1] &= 1<<rest - 1
	}
	for _, b := range j.finished {
		j.unfinished -= bits.OnesCount8(b)
	}
	for _, a := range spec.Attempts {
		if a.Task >= 0 && a.Task < spec.Tasks {
			c.noteAttempt(j, uint32(a.Task), a.Failed)
		}
	}
}

// limit sets when a job ends in any case, that may take its deadline from a moment on.
func (c *Core) limit(j *job, from time.Duration) {
	j.limit = never
	if j.deadline < never-from-c.cfg.Grace {
		j.limit = from + j.deadline + c.cfg.Grace
	}
}

// Cancel ends a job for its user. If a scheduler has it, that is told, and its word on every task is waited for. An
// unknown Ref is no mistake: the job may just have ended.
func (c *Core) Cancel(ref Ref, out []Effect) []Effect {
	j := c.find(ref)
	switch {
	case j == nil:
		c.stats.Stale++
		return out
	case j.cancels:
		return out
	}
	j.cancels = true
	if j.state == waits {
		return c.giveUp(j, task.Cancelled, task.Cancelled, task.CodeCancelled, out)
	}
	return append(out, Effect{Kind: EffectCancel, Scheduler: j.place, Seq: j.seq})
}

// Finished is the bitmap of the tasks of a job that have an outcome, bit i%8 of byte i/8. It is valid until the next
// call.
func (c *Core) Finished(ref Ref) []byte {
	if j := c.find(ref); j != nil && c.without != protectFinished {
		return j.finished
	}
	return nil
}

// AppendAttempts appends the starts that have failed of tasks without an outcome, ascending by task.
func (c *Core) AppendAttempts(ref Ref, list []task.Attempts) []task.Attempts {
	j := c.find(ref)
	if j == nil || c.without == protectAttempts {
		return list
	}
	for t, n := range j.attempts {
		if n > 0 && !j.isFinished(uint32(t)) {
			list = append(list, task.Attempts{Task: t, Failed: int(n)})
		}
	}
	return list
}

// AppendSeqs appends the numbers of the jobs that a scheduler has, in the order of their submission.
func (c *Core) AppendSeqs(s Scheduler, list []uint32) []uint32 {
	if int(s) < len(c.schedulers) {
		for j := c.schedulers[s].jobs.first; j != nil; j = j.next {
			list = append(list, j.seq)
		}
	}
	return list
}

// View is a job as its owner sees it.
type View struct {
	Scheduler  Scheduler // that it is submitted to; None if it waits
	Accepted   bool      // by that scheduler
	Epoch      uint32    // of the last submission
	Unfinished int       // tasks without an outcome
}

// Job shows a job; false if it is unknown.
func (c *Core) Job(ref Ref) (View, bool) {
	j := c.find(ref)
	if j == nil {
		return View{}, false
	}
	return View{Scheduler: j.place, Accepted: j.state == accepted, Epoch: j.epoch, Unfinished: j.unfinished}, true
}

// Lookup finds the job that a scheduler knows by a number.
func (c *Core) Lookup(s Scheduler, seq uint32) (Ref, bool) {
	if j := c.bySeq[seq]; j != nil && j.place == s {
		return j.ref, true
	}
	return 0, false
}
