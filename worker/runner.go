package worker

import (
	"math"
	"runtime"
	"sync"
	"time"

	"dunnock/task"
	"dunnock/worker/queue"
)

// crew are the goroutines that user code runs on: one for each attempt under way, and at most one more. Worker.mu
// guards it.
//
// An attempt is not handed to a goroutine: it waits in line, and whichever runner is awake takes it. So a batch of
// launches wakes two goroutines and not one for each, and handlers that return at once run one after the other on the
// first.
//
// What must not happen is that an attempt waits while all who are awake are inside handlers, which may not return for
// hours. So whenever the lock is let go
//
//	an attempt is in line ⇒ a runner is coming: it has been woken, and has not looked at the line since,
//	                        or all in line are believed to be brief, and a reader is coming: it flushes when it has handled what it read
//
// A runner that takes an attempt and leaves others in line wakes the next runner first, unless one is coming. What a
// reader does is told where leaders are.
type crew struct {
	w       *Worker
	group   sync.WaitGroup
	line    []*attempt // a ring: there is at most one of each slot
	first   int
	waiting int       // how many are in line
	idle    []*runner // asleep, the last to go first: its stack is warm
	coming  bool
	closing bool // runners end when nothing is in line

	long    int       // of those in line, that are not believed to be brief
	leaders []*leader // that run attempts
	guards  *time.Timer
	guarded bool // guards is set
	proven  int  // attempts that leaders have begun since one kept its reader waiting
	single  bool // GOMAXPROCS is 1
}

func newCrew(w *Worker, slots int) *crew {
	c := &crew{w: w, line: make([]*attempt, slots), single: runtime.GOMAXPROCS(0) == 1}
	c.guards = time.AfterFunc(math.MaxInt64, c.look)
	return c
}

// add puts an attempt in line. Before the lock is let go of, see sees to it that somebody comes for it.
func (c *crew) add(a *attempt) {
	if a.brief = a.habit.brief(); !a.brief {
		c.long++
	}
	c.line[(c.first+c.waiting)%len(c.line)] = a
	c.waiting++
}

// see sees to it that somebody comes for what is in line: a reader does by itself, and is told so, if all are believed
// to be brief.
func (c *crew) see(t *turn) {
	switch {
	case c.waiting == 0:
	case t.reads && c.long == 0:
		t.leads = true
	default:
		c.call()
	}
}

// call sees to it that a runner comes.
func (c *crew) call() {
	if c.coming {
		return
	}
	c.coming = true
	if n := len(c.idle); n > 0 {
		r := c.idle[n-1]
		c.idle = c.idle[:n-1]
		r.wake <- struct{}{}
		return
	}
	r := &runner{w: c.w, wake: make(chan struct{}, 1)}
	c.group.Go(r.run)
}

// take gives a runner the first attempt in line, or lets it go to sleep.
func (c *crew) take(r *runner) *attempt {
	if c.waiting > 0 {
		return c.pop()
	}
	if c.closing {
		close(r.wake)
	} else {
		c.idle = append(c.idle, r)
	}
	return nil
}

// takeBrief gives a leader the first attempt in line, if that is believed to be brief.
func (c *crew) takeBrief() *attempt {
	if c.waiting == 0 || !c.line[c.first].brief {
		return nil
	}
	return c.pop()
}

func (c *crew) pop() *attempt {
	a := c.line[c.first]
	c.line[c.first] = nil
	c.first = (c.first + 1) % len(c.line)
	c.waiting--
	if !a.brief {
		c.long--
	}
	return a
}

// close has the goroutines end, with what they run stopped and what is in line. The caller holds Worker.mu.
func (c *crew) close() {
	c.guards.Stop()
	for _, s := range c.w.slots {
		if s.current != nil {
			s.current.stop(cancelled)
		}
	}
	c.closing = true
	for _, r := range c.idle {
		close(r.wake)
	}
	c.idle = nil
}

// wait waits until the goroutines of a crew that is closed have ended. It reports false when a handler has not returned
// by the timeout.
func (c *crew) wait(timeout time.Duration) bool {
	done := make(chan struct{})
	go func() { c.group.Wait(); close(done) }()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// runner is one goroutine for user code.
type runner struct {
	w       *Worker
	wake    chan struct{} // capacity 1: it is woken once each time it is asleep
	turn    turn
	running *attempt      // that is in its handler
	began   time.Duration // when it took the attempt that it runs
	took    time.Duration // by the handler that returned last
}

// run runs attempts until the crew ends. A handler that ends its goroutine (runtime.Goexit, as a test's
// FailNow does) has failed its attempt, and the runner ends with it; others come when they are called.
func (r *runner) run() {
	defer func() {
		if a := r.running; a != nil {
			r.turn.end = r.w.outcome(a, nil, task.Errorf(task.CodeAppFailed, "the handler ended its goroutine"))
			r.finish(a, false)
		}
	}()
	for woken := true; woken; _, woken = <-r.wake {
		r.w.monitor.Wake()
		for a := r.arrive(); a != nil; {
			r.running = a
			r.began = r.w.clock.Now()
			r.turn.end = r.w.invoke(a)
			r.took = r.w.clock.Now() - r.began
			r.turn.end.Took = r.took
			r.running = nil
			a = r.finish(a, true)
		}
	}
}

// arrive looks at the line for the first time since the runner was woken.
func (r *runner) arrive() *attempt {
	c := r.w.crew
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	c.coming = false
	a := c.take(r)
	c.see(&r.turn)
	return a
}

// finish tells the core of an attempt's end, and goes on with the next attempt in line, if it is to and there is one.
// Other runners may be about to finish too, so the flush lets them go first: under load many results leave in one
// write.
func (r *runner) finish(a *attempt, more bool) (next *attempt) {
	now := r.end(a)
	a.habit.took(r.took)
	if more {
		next = r.w.crew.take(r)
	}
	r.w.exit(now, &r.turn)
	r.turn.end = queue.End{}
	r.turn.batch.FlushSoon()
	return next
}

// end takes the lock, tells the core of an attempt's end and does what it says: a launch that was held may be in line
// by then. Once the lock is let go of the attempt may be another.
func (r *runner) end(a *attempt) time.Duration {
	a.stop(cancelled) // what the handler left running learns that it is over
	s := a.slot
	if cap(s.payload) > maxKeptPayload {
		s.payload = nil
	}
	now := r.w.enter()
	s.current = nil
	if r.turn.end.Took == 0 {
		r.turn.end.Took = now - r.began
	}
	r.turn.effects = r.w.core.Done(now, s.number, a.call, r.turn.end, r.turn.effects)
	r.w.carryOutAll(now, &r.turn)
	r.w.attempts.giveBack(a)
	return now
}
