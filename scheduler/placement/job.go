package placement

import (
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// taskState is where a task is in its life.
//
//	fresh ──▶ running ──▶ ended
//	            │  ▲
//	            ▼  │
//	    returned, displaced
type taskState uint8

const (
	stateFresh     taskState = iota + 1 // waits, and was never bound; in index order behind job.cursor
	stateReturned                       // waits again, for any worker; in job.returned
	stateDisplaced                      // waits again, for a worker that it has not failed on; in job.displaced
	stateRunning                        // bound to a slot
	stateEnded                          // has its outcome
)

// waits reports whether a task waits for a launch.
func (s taskState) waits() bool { return s == stateFresh || s == stateReturned || s == stateDisplaced }

// taskRec is all that is kept of one task.
type taskRec struct {
	launched   time.Duration // when the last attempt was; for a task that ended without one, its end
	service    time.Duration // of the last attempt that finished
	next, prev uint32        // neighbours in job.returned or job.displaced, index + 1
	avoid      uint32        // first cell of the workers that it failed on, index + 1 into Core.avoids
	worker     probe.WorkerID
	group      uint32 // place in its job's groups
	slot       uint16
	attempt    uint16 // attempts so far, the running one included
	round      uint16 // how often it was displaced: tells its own reservations from those of earlier times
	probes     uint16 // while displaced: its own outstanding reservations
	state      taskState
	outcome    task.Outcome
	cause      cause // why it has ended; before that causeWorkerLost if a worker was lost under it, see suspect.go
	hasWorker  bool
}

// avoid is one worker that a task has failed on, in a linked list.
type avoid struct {
	worker probe.WorkerID
	life   uint32
	next   uint32 // index + 1 into Core.avoids
	failed bool   // an attempt did; otherwise the worker declined it
}

// job is a live job, or one in Core.free waiting to be used again. What is the same for all its tasks is here, and what
// depends on their constraints is in its groups.
type job struct {
	ref        probe.Ref // 0 while free
	generation uint32
	order      uint64 // by which jobs came
	ratio      float64
	submitted  time.Duration
	deadline   time.Duration
	turn       int64         // as its Spec says
	account    *account      // its user's; nil: nobody's
	estimate   time.Duration // what each of its tasks takes, as it says
	statement  *statement    // what is known of who says so; nil: it says nothing
	prev, next *job          // in the order of submission

	tasks      []taskRec
	cursor     int32 // no task before it is fresh. Of a job of one group
	running    int32 // tasks
	unfinished int32 // tasks that have no outcome yet
	failed     int32 // tasks that ended not OK

	first group // all there is unless tasks differ in their constraints
	extra extra // the first one's
	*parts

	res         []reservation
	resFree     uint32 // first unused element of res, index + 1
	outstanding int32  // reservations

	claim *claim // nil: it is not claiming
	epoch uint32

	maxAttempts     uint16
	begun           bool // it has been sampled for
	mixed           bool // its tasks need not have the same constraints
	atMostOnce      bool
	cancelOnFailure bool
	claiming        bool // workers are being asked what they hold of it
	suspended       bool // nothing of it is launched, until Resume
	offers          bool // its plain tasks wait for offers, not for reservations
	needs           bool // some of its tasks take more than a slot
	unlike          bool // and others do not, or take other things
}

// parts is what a job has beside its first group; Core.whole if that is nothing.
type parts struct {
	more  []group
	links []resLink        // beside job.res, if there is more than one group
	nears []probe.WorkerID // that the keys of its groups have chosen
}

// halted reports whether nothing of the job is to be launched for now.
func (j *job) halted() bool { return j.claiming || j.suspended }

// taskList is a first-in first-out list of a job's tasks through their next and prev.
type taskList struct {
	head, tail uint32 // index + 1
	n          int32
}

func (l *taskList) push(tasks []taskRec, t uint32) {
	r := &tasks[t]
	r.next, r.prev = 0, l.tail
	if l.tail == 0 {
		l.head = t + 1
	} else {
		tasks[l.tail-1].next = t + 1
	}
	l.tail = t + 1
	l.n++
}

func (l *taskList) remove(tasks []taskRec, t uint32) {
	r := &tasks[t]
	if r.prev == 0 {
		l.head = r.next
	} else {
		tasks[r.prev-1].next = r.next
	}
	if r.next == 0 {
		l.tail = r.prev
	} else {
		tasks[r.next-1].prev = r.prev
	}
	r.next, r.prev = 0, 0
	l.n--
}

// Index returns the dense number in the Ref of a live job: no other live job has it, and it is below the most jobs that
// a core has held at once. It is for callers that keep what they know of live jobs in a slice.
func Index(ref probe.Ref) uint32 { return uint32(ref) }

// find returns the live job that a Ref names, or nil.
func (c *Core) find(ref probe.Ref) *job {
	index := uint32(ref)
	if int64(index) >= int64(len(c.jobs)) || ref == 0 {
		return nil
	}
	if j := c.jobs[index]; j.ref == ref {
		return j
	}
	return nil
}

// newJob takes a job struct from the free ones and gives it a Ref of its own.
func (c *Core) newJob() *job {
	var index uint32
	if n := len(c.free); n > 0 {
		index = c.free[n-1]
		c.free = c.free[:n-1]
	} else {
		index = uint32(len(c.jobs)) // below MaxJobs < 2³¹
		c.jobs = append(c.jobs, &job{})
	}
	j := c.jobs[index]
	generation := max(j.generation+1, 1) // 0 is left out when it wraps, so that no Ref is 0
	*j = job{ref: probe.Ref(generation)<<32 | probe.Ref(index), generation: generation, parts: c.whole, prev: c.newest}
	j.first.timer.j = j
	j.order, j.offers = c.stats.Submitted, c.onOffers()
	if c.newest == nil {
		c.oldest = j
	} else {
		c.newest.next = j
	}
	c.newest = j
	c.load.Jobs++
	return j
}

// release forgets a job whose tasks have all ended. Its Ref is unknown from here on.
func (c *Core) release(j *job) {
	c.load.Reservations -= int(j.outstanding)
	c.load.Jobs--
	c.resign(j)
	c.stats.Done++
	for i := range j.groups() {
		c.dissolve(j.at(i))
	}
	if j.prev == nil {
		c.oldest = j.next
	} else {
		j.prev.next = j.next
	}
	if j.next == nil {
		c.newest = j.prev
	} else {
		j.next.prev = j.prev
	}
	c.taskPool.put(j.tasks)
	c.resPool.put(j.res)
	c.reunite(j)
	c.free = append(c.free, uint32(j.ref))
	*j = job{generation: j.generation}
}

// divide gives a job parts of its own.
func (c *Core) divide(j *job) {
	if j.parts == c.whole {
		j.parts = &parts{}
	}
}

// reunite lets go of what a job has of parts.
func (c *Core) reunite(j *job) {
	if j.parts == c.whole {
		return
	}
	c.linkPool.put(j.links)
	c.groupPool.put(j.more)
	c.nearPool.put(j.nears)
	*j.parts = parts{}
}

// avoided reports whether a task has failed on the worker in its present life.
func (c *Core) avoided(r *taskRec, w *worker) bool {
	for i := r.avoid; i != 0; i = c.avoids[i-1].next {
		if a := &c.avoids[i-1]; a.worker == w.id && a.life == c.profiles[w.id].life {
			return true
		}
	}
	return false
}

// avoidWorker remembers that a task has failed on the worker, or was declined there.
func (c *Core) avoidWorker(r *taskRec, w *worker, failed bool) {
	if c.avoided(r, w) {
		return
	}
	i := c.avoidsFree
	if i == 0 {
		c.avoids = append(c.avoids, avoid{})
		i = uint32(len(c.avoids))
	} else {
		c.avoidsFree = c.avoids[i-1].next
	}
	c.avoids[i-1] = avoid{worker: w.id, life: c.profiles[w.id].life, next: r.avoid, failed: failed}
	r.avoid = i
}

func (c *Core) forgetAvoided(r *taskRec) {
	for r.avoid != 0 {
		i := r.avoid
		r.avoid = c.avoids[i-1].next
		c.avoids[i-1].next = c.avoidsFree
		c.avoidsFree = i
	}
}

// hasElsewhere reports whether an eligible worker is connected that the task has not failed on.
func (c *Core) hasElsewhere(g *group, r *taskRec) bool {
	n := len(c.pool(g))
	for i := r.avoid; i != 0; i = c.avoids[i-1].next {
		a := &c.avoids[i-1]
		if w := c.worker(a.worker); w != nil && w.active && c.profiles[w.id].life == a.life && c.fits(g, w) {
			n--
		}
	}
	return n > 0
}

// mayRun reports whether a waiting task may be bound at the worker: it has not failed there, or there is nowhere else.
func (c *Core) mayRun(g *group, r *taskRec, w *worker) bool {
	return !c.avoided(r, w) || !c.hasElsewhere(g, r)
}
