package owner

import (
	"time"

	"dunnock/internal/bitmap"
	"dunnock/internal/timer"
	"dunnock/task"
)

// Ref names a job of one [Core] from Submit to EffectDone or EffectRefused. It is never used again. Its Index is small,
// and unique among the jobs that are not done, for a caller that keeps something of its own with each.
type Ref uint64

// Index is below the largest number of jobs that there have been at once.
func (r Ref) Index() int { return int(uint32(r)) }

// Spec is what owning a job needs to know of it. Slices are not kept.
type Spec struct {
	ID              task.JobID      // chooses the scheduler
	Tasks           int             // ≥ 1
	Deadline        time.Duration   // from acceptance, > 0; 0: task.DefaultDeadline
	MaxAttempts     int             // starts per task; 0: task.DefaultMaxAttempts
	CancelOnFailure bool            // the first task that does not end OK ends the others Cancelled
	Epoch           uint32          // of the first submission; > 0 if the job was submitted by an earlier life of its owner
	Finished        []byte          // bitmap of tasks that have their outcome, bit i%8 of byte i/8; missing bits are 0
	Attempts        []task.Attempts // failed starts so far, by task
}

// job is a job that is not done. Records are used again, bitmaps with them.
type job struct {
	ref      Ref
	state    state
	place    Scheduler // where it is submitted or accepted; None: it waits
	leads    bool      // CancelOnFailure
	failed   bool      // a task did not end OK, and the job ends with it
	owned    bool      // it was accepted once: every task gets its outcome
	raise    bool      // the last submission may have been accepted: the next one needs a later epoch
	cancels  bool      // its user has cancelled it
	backsOff bool      // it waits because all who are there have refused it

	hash      uint64 // chooses the scheduler
	epoch     uint32
	seq       uint32        // of the submission, unless it waits
	refused   uint64        // bitmap of the schedulers that have refused it since it last backed off
	tries     int           // rounds in which everybody has refused it, since it was last accepted
	misses    int           // schedulers that could not be reached while it waited for the first acceptance
	usurped   int           // times that it was superseded since a task of it ended
	notBefore time.Duration // when those who have refused it want to see it again
	code      task.Code     // of the last refusal
	deadline  time.Duration // how long it may take
	accepted  time.Duration // when it first was
	patient   time.Duration // until when it waits for its first choice
	limit     time.Duration // when it ends in any case
	lookAt    time.Duration // when it wants to be placed again; never: not before something happens

	maxAttempts uint8
	tasks       int
	unfinished  int
	notOK       int
	finished    []byte
	attempts    []uint8 // failed starts by task; nil: none yet

	prev, next *job        // in the list of its place
	timer      timer.Timer // in Core.timers
}

type state uint8

const (
	waits     state = iota + 1 // it is at no scheduler
	submitted                  // its Submit has gone out and has no answer
	accepted                   // a scheduler runs it
)

// Due is where the job is in Core.timers.
func (j *job) Due() *timer.Timer { return &j.timer }

func (j *job) wake() time.Duration { return min(j.limit, j.lookAt) }

func (j *job) isFinished(t uint32) bool { return bitmap.Has(j.finished, t) }

// list is jobs that are at one place, in the order in which they came there.
type list struct{ first, last *job }

func (l *list) push(j *job) {
	j.prev, j.next = l.last, nil
	if l.last != nil {
		l.last.next = j
	} else {
		l.first = j
	}
	l.last = j
}

func (l *list) remove(j *job) {
	if j.prev != nil {
		j.prev.next = j.next
	} else {
		l.first = j.next
	}
	if j.next != nil {
		j.next.prev = j.prev
	} else {
		l.last = j.prev
	}
	j.prev, j.next = nil, nil
}

// keptBitmap is the largest bitmap that a record keeps for the next job, in bytes.
const keptBitmap = 4 << 10

// newJob takes a record for a job that waits.
func (c *Core) newJob() *job {
	var j *job
	if n := len(c.free); n > 0 {
		j = c.jobs[c.free[n-1]]
		c.free = c.free[:n-1]
	} else {
		j = &job{ref: Ref(len(c.jobs))}
		c.jobs = append(c.jobs, j)
	}
	*j = job{ref: j.ref + 1<<32, state: waits, place: None, finished: j.finished, lookAt: never}
	c.load.Jobs++
	c.load.Waiting++
	c.waiting.push(j)
	return j
}

// find returns the job of a Ref, or nil.
func (c *Core) find(ref Ref) *job {
	if i := ref.Index(); i < len(c.jobs) && c.jobs[i].ref == ref && c.jobs[i].state != 0 {
		return c.jobs[i]
	}
	return nil
}

// release forgets a job.
func (c *Core) release(j *job) {
	c.leave(j)
	c.waiting.remove(j)
	c.load.Waiting--
	c.load.Jobs--
	c.timers.Remove(&j.timer)
	j.state, j.attempts = 0, nil
	if cap(j.finished) > keptBitmap {
		j.finished = nil
	}
	c.free = append(c.free, uint32(j.ref.Index()))
}

// enter moves a job that waits to a scheduler, where it is known by a new number.
func (c *Core) enter(j *job, s Scheduler) {
	c.seq++
	j.state, j.place, j.seq = submitted, s, c.seq
	c.bySeq[j.seq] = j
	c.waiting.remove(j)
	c.load.Waiting--
	c.schedulers[s].jobs.push(j)
}

// leave takes a job back from its scheduler, whose messages about it mean nothing any more. It waits.
func (c *Core) leave(j *job) {
	if j.state == waits {
		return
	}
	delete(c.bySeq, j.seq)
	c.schedulers[j.place].jobs.remove(j)
	j.state, j.place = waits, None
	c.waiting.push(j)
	c.load.Waiting++
}
