package app

import (
	"container/heap"
	"context"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// threadSleeper is the design that [Sleeper] was chosen over, kept so that BenchmarkSleep
// shows why: one locked thread with a timer slack of 1 ns, asleep in ppoll until the earliest
// deadline or a write to an eventfd.
type threadSleeper struct {
	epoch time.Time
	wake  int // eventfd
	pool  sync.Pool

	mu      sync.Mutex // guards waiters and closed
	waiters waiterHeap
	closed  bool
}

func newThreadSleeper(b *testing.B) *threadSleeper {
	b.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		b.Fatal(os.NewSyscallError("eventfd", err))
	}
	s := &threadSleeper{epoch: time.Now(), wake: fd}
	s.pool.New = func() any { return &waiter{index: -1, woken: make(chan struct{}, 1)} }
	done := make(chan error, 1)
	go func() { done <- s.run() }()
	b.Cleanup(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.interrupt()
		if err := <-done; err != nil {
			b.Error(err)
		}
		_ = unix.Close(fd)
	})
	return s
}

func (s *threadSleeper) interrupt() {
	_, _ = unix.Write(s.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

func (s *threadSleeper) sleep(_ context.Context, d time.Duration) error {
	w, _ := s.pool.Get().(*waiter)
	w.deadline = time.Since(s.epoch) + d
	s.mu.Lock()
	heap.Push(&s.waiters, w)
	first := w.index == 0
	s.mu.Unlock()
	if first {
		s.interrupt()
	}
	<-w.woken
	s.pool.Put(w)
	return nil
}

func (s *threadSleeper) run() error {
	runtime.LockOSThread() // not unlocked: the thread ends with its slack
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	var due []*waiter
	fds := []unix.PollFd{{Fd: int32(s.wake), Events: unix.POLLIN}}
	for {
		s.mu.Lock()
		for now := time.Since(s.epoch); len(s.waiters) > 0 && s.waiters[0].deadline <= now; {
			w, _ := heap.Pop(&s.waiters).(*waiter)
			due = append(due, w)
		}
		var timeout *unix.Timespec
		if len(s.waiters) > 0 {
			ts := unix.NsecToTimespec(int64(max(0, s.waiters[0].deadline-time.Since(s.epoch))))
			timeout = &ts
		}
		closed := s.closed
		s.mu.Unlock()
		for _, w := range due {
			w.woken <- struct{}{}
		}
		due = due[:0]
		if closed {
			return nil
		}
		if n, _ := unix.Ppoll(fds, timeout, nil); n > 0 {
			var b [8]byte
			_, _ = unix.Read(s.wake, b[:])
		}
	}
}

// BenchmarkSleepThread is BenchmarkSleep for the rejected design.
func BenchmarkSleepThread(b *testing.B) {
	benchSleepers(b, "thread", newThreadSleeper(b).sleep)
}
