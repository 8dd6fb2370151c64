package app

import (
	"bytes"
	"container/heap"
	"context"
	"sync"
	"time"

	"dunnock/internal/alarm"
	"dunnock/internal/lru"
	"dunnock/worker"
)

// Sleeper sleeps precisely, for any number of callers at once. It never wakes one early, and wakes it tens of
// microseconds late on average where package time is 0.5–1 ms late.
//
// Why time.Sleep is late: when nothing runs, the runtime waits for its next timer in epoll_wait, whose timeout is in
// whole milliseconds. When goroutines do run, its timers are precise, because each pass of its scheduler looks at them.
// So a Sleeper leaves each sleep to a Go timer and adds an alarm clock for the idle case: a timer of the kernel
// (timerfd), set to the earliest deadline and waited for by the runtime's own poller, which it interrupts on the
// nanosecond. The first of the two to fire ends the sleep.
//
// Rejected: a thread of its own in ppoll with nanosecond timeouts and a timer slack of 1 ns. It is as good when the
// process is idle. But a goroutine that wakes up in a system call and goes back to sleep there keeps its P (the right
// to run Go code) until the runtime's monitor takes it away, up to 10 ms later. With one of two cores busy in the same
// process, the sleeper it had just made ready waited that long: 4 to 10 ms late on average, against 0.03 to 0.12 ms
// (BenchmarkSleepThread and BenchmarkSleep). Rejected, too: the alarm alone. If runnable goroutines never run out, the
// poller is looked at every 10 ms only.
//
// What no sleeper can help: a goroutine that is woken waits for a P. If this process computes on all of its cores at
// times, a GOMAXPROCS of twice the cores has the system share them, and wakes sleepers in 0.05 ms instead of 0.15 ms
// (the "bursts" of BenchmarkSleep).
//
// The zero Sleeper is ready to use and has no alarm. It is for tests in testing/synctest bubbles: the alarm runs on the
// kernel's clock, and a goroutine that waits for it would keep the bubble's clock from moving.
type Sleeper struct {
	alarmed bool // wants an alarm
	pool    sync.Pool

	mu      sync.Mutex // guards all below, and each waiter's index
	waiters waiterHeap
	cache   *lru.Set     // of the keys that were met last; nil: none was
	keys    int          // for how many it is
	alarm   *alarm.Clock // nil: not started yet, not to be had, or closed
	started bool         // the alarm was tried for, or is not wanted any more
	due     []*waiter
	done    chan struct{} // closed when the alarm's goroutine has returned
}

// waiter is one sleep. Its deadline is on the Sleeper's clock, see alarm.Clock.
type waiter struct {
	deadline time.Duration
	index    int           // in the heap; -1: not in it
	queued   bool          // this sleep went into the heap; if it is no longer there, a token is in woken or on its way
	woken    chan struct{} // capacity 1
	timer    *time.Timer
}

// NewSleeper returns a Sleeper with an alarm, where the system has one (Linux).
// It starts nothing until the first sleep.
func NewSleeper() *Sleeper { return &Sleeper{alarmed: true} }

// Close ends the alarm's goroutine and frees its timer. Sleeps that are under way go on,
// less precisely. The error is always nil.
func (s *Sleeper) Close() error {
	s.mu.Lock()
	a, done := s.alarm, s.done
	s.alarm, s.started = nil, true
	s.mu.Unlock()
	if a != nil {
		a.Close()
		<-done
	}
	return nil
}

// Handle is the handler of the app sleep: it sleeps for as long as the payload says, a Go duration such as "100ms" or
// "1.5s", and returns an empty result. A payload that is not one, or is negative, is a permanent error.
//
// It can stand in for work that is quicker where its data is: with the payload "100ms 17 5 200" it sleeps 100 ms if key
// 17 is among the 200 that it has met last, and returns "hit"; else 5 times as long, and returns "miss".
func (s *Sleeper) Handle(ctx context.Context, t worker.Task) ([]byte, error) {
	const longest = 64 // bytes; no sensible duration is longer
	text := bytes.TrimSpace(t.Payload)
	if len(text) <= longest {
		if d, err := time.ParseDuration(string(text)); err == nil && d >= 0 {
			return nil, s.Sleep(ctx, d)
		}
		if m, ok := parseCached(string(text)); ok {
			return s.sleepCached(ctx, m)
		}
	}
	return nil, hopeless("sleep: want a duration such as 100ms, or DURATION KEY MISS-COST KEYS, got "+quote(string(text)), "")
}

// Sleep returns nil after d, or the context's cause as soon as that has ended. It
// does not allocate.
func (s *Sleeper) Sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if d <= 0 {
		return nil
	}
	w := s.acquire(d)
	s.add(w, d)
	var err error
	select {
	case <-w.woken:
	case <-w.timer.C:
		s.remove(w)
	case <-ctx.Done():
		err = context.Cause(ctx)
		s.remove(w)
	}
	w.timer.Stop()
	s.pool.Put(w)
	return err
}

func (s *Sleeper) acquire(d time.Duration) *waiter {
	if w, ok := s.pool.Get().(*waiter); ok {
		w.timer.Reset(d)
		return w
	}
	return &waiter{index: -1, woken: make(chan struct{}, 1), timer: time.NewTimer(d)}
}

// add has the alarm wake the waiter as well, if there is one.
func (s *Sleeper) add(w *waiter, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		s.started = true
		s.start()
	}
	if w.queued = s.alarm != nil; !w.queued {
		return
	}
	w.deadline = later(s.alarm.Now(), d)
	heap.Push(&s.waiters, w)
	if w.index == 0 {
		s.alarm.Set(w.deadline)
	}
}

// remove takes back a waiter that did not wait for the alarm, with nothing left
// behind that could end its next sleep.
func (s *Sleeper) remove(w *waiter) {
	if !w.queued {
		return
	}
	s.mu.Lock()
	inHeap := w.index >= 0
	if inHeap {
		heap.Remove(&s.waiters, w.index)
	}
	s.mu.Unlock()
	if !inHeap {
		<-w.woken
	}
}

// start is called with mu held.
func (s *Sleeper) start() {
	if !s.alarmed {
		return
	}
	a, err := alarm.New()
	if err != nil {
		return // no descriptor to be had, or not on this system: Go's timers do
	}
	s.alarm, s.done = a, make(chan struct{})
	go func() {
		defer close(s.done)
		for a.Wait() {
			s.ring(a)
		}
	}()
}

// ring wakes everyone whose time has come and sets the alarm to the next deadline.
func (s *Sleeper) ring(a *alarm.Clock) {
	s.mu.Lock()
	if s.alarm != a { // closed
		s.mu.Unlock()
		return
	}
	due := s.due[:0]
	for now := a.Now(); len(s.waiters) > 0 && s.waiters[0].deadline <= now; {
		due = append(due, heap.Pop(&s.waiters).(*waiter)) //nolint:forcetypeassert // the heap holds nothing else
	}
	if len(s.waiters) > 0 {
		a.Set(s.waiters[0].deadline)
	}
	s.due = due
	s.mu.Unlock()
	// Outside the lock, which those who wake up may want at once for their next
	// sleep. Only this goroutine uses due.
	for i, w := range due {
		due[i] = nil
		w.woken <- struct{}{}
	}
}

// later is now + d, or the end of time.
func later(now, d time.Duration) time.Duration {
	if sum := now + d; sum > now {
		return sum
	}
	return 1<<63 - 1
}

// waiterHeap has the earliest deadline first. See container/heap.
type waiterHeap []*waiter

func (h waiterHeap) Len() int           { return len(h) }
func (h waiterHeap) Less(i, j int) bool { return h[i].deadline < h[j].deadline }
func (h waiterHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waiterHeap) Push(x any) {
	w := x.(*waiter) //nolint:forcetypeassert // see container/heap: only waiters are pushed
	w.index = len(*h)
	*h = append(*h, w)
}

func (h *waiterHeap) Pop() any {
	last := len(*h) - 1
	w := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	w.index = -1
	return w
}
