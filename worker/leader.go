package worker

import (
	"slices"
	"time"

	"dunnock/task"
	"dunnock/worker/queue"
)

// leader runs the attempts in line that are believed to be brief on the goroutine of a connection's reader, when that
// has handled all that it has read. It leads for leadTime at most; then it is the runners' turn.
//
// One whose handler does not return is relieved, by guard: another goroutine goes on with the reading, and the leader
// ends with its attempt as a runner does. Leaders follow one another, and each has a turn of its own, since the
// reader's belongs to who reads.
type leader struct {
	runner
	peer     *peer
	until    time.Duration // when it has led for long enough
	begun    uint64        // attempts
	seen     uint64        // of those, when guard looked last
	relieved bool          // somebody else reads
}

const (
	// leadTime is for how long a reader leads before it reads again.
	leadTime = 50 * time.Microsecond
	// guardTime is how often leaders are looked at, while there are any: a handler that is not brief, against all
	// habit, keeps its reader waiting for up to twice as long. Each look wakes a thread, which on a worker of one slot
	// was a third of what a task took. So it is once more as long after each guardProven attempts that kept nobody
	// waiting, and guardMost in the end, for which the Go runtime may keep anybody waiting: over time that is 2 µs for
	// each attempt at most.
	guardTime   = time.Millisecond
	guardMost   = 10 * guardTime
	guardProven = 1024
)

// lead runs what is in line on the reader's goroutine. It reports whether that is still the reader.
func (p *peer) lead() bool {
	l := p.leader
	if l == nil {
		l = &leader{runner: runner{w: p.w}, peer: p}
		p.leader = l
	}
	defer l.afterGoexit()
	for a := l.begin(); a != nil; {
		a = l.do(a)
	}
	if l.relieved {
		l.turn.batch.FlushSoon()
		l.w.crew.group.Done()
		return false
	}
	l.turn.batch.Flush()
	return true
}

// do runs an attempt and takes the next. What was done to get here is not the handler's: at rest, when nothing of this
// process is in the caches, that takes longer than a brief handler may, and of an app that looked as if it were not
// brief each attempt would wake a runner.
func (l *leader) do(a *attempt) *attempt {
	l.began = l.w.clock.Now()
	l.turn.end = l.w.invoke(a)
	return l.finish(a)
}

// begin takes the first attempt.
func (l *leader) begin() *attempt {
	now := l.w.enter()
	l.until = now + leadTime
	c := l.w.crew
	c.leaders = append(c.leaders, l)
	c.guard()
	l.next(now)
	l.w.exit(now, &l.turn)
	return l.running
}

// next takes the next attempt in line, if the leader is to go on. What it leaves there is the runners'.
func (l *leader) next(now time.Duration) {
	c := l.w.crew
	l.running = nil
	if !l.relieved && now < l.until {
		l.running = c.takeBrief()
	}
	if l.turn.reads = l.running != nil; l.turn.reads {
		l.begun++
		c.proven++
	} else if !l.relieved {
		c.stepDown(l)
	}
}

// finish tells the core of an attempt's end, and takes the next.
func (l *leader) finish(a *attempt) *attempt {
	now := l.end(a)
	if !l.relieved {
		a.habit.took(now - l.began)
	}
	l.next(now)
	l.w.exit(now, &l.turn)
	l.turn.end = queue.End{}
	return l.running
}

// afterGoexit ends the attempt of a handler that has ended its goroutine (see runner.run), which was the reader's.
func (l *leader) afterGoexit() {
	a := l.running
	if a == nil {
		return
	}
	l.turn.end = l.w.outcome(a, nil, task.Errorf(task.CodeAppFailed, "the handler ended its goroutine"))
	now := l.end(a)
	if !l.relieved {
		l.relieve()
	}
	l.w.exit(now, &l.turn)
	l.turn.batch.FlushSoon()
	l.w.crew.group.Done()
}

// relieve has somebody else go on with the reading. The caller holds Worker.mu.
func (l *leader) relieve() {
	c := l.w.crew
	c.stepDown(l)
	c.group.Add(1)
	l.running.habit.mistaken()
	c.proven = 0
	l.relieved, l.turn.reads = true, false
	l.peer.leader = nil
	l.peer.conn.Relieve()
}

func (c *crew) stepDown(l *leader) {
	c.leaders = slices.DeleteFunc(c.leaders, func(other *leader) bool { return other == l })
}

// guard looks at the leaders before long.
func (c *crew) guard() {
	if !c.guarded {
		c.guarded = true
		c.guards.Reset(min(guardTime+time.Duration(c.proven/guardProven)*guardTime, guardMost))
		if c.single { // nobody but the runtime's monitor takes the processor from a handler
			c.w.monitor.Wake()
		}
	}
}

// look relieves the leaders that are still in the handler that they were in when it looked last.
func (c *crew) look() {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.guarded = false
	for _, l := range slices.Clone(c.leaders) {
		if l.seen == l.begun {
			l.relieve()
		} else {
			l.seen = l.begun
		}
	}
	if c.see(&turn{}); len(c.leaders) > 0 {
		c.guard()
	}
}
