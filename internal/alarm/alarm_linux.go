package alarm

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Clock is a timer of the kernel that the runtime's poller waits for. Its time starts when it is made.
type Clock struct {
	file  *os.File  // a timerfd, not blocking
	fd    int       // its descriptor
	epoch time.Time // zero of the clock, by Go
	zero  int64     // the same instant or a little later, in ns of CLOCK_MONOTONIC
}

// New returns a clock, or why the system gives none.
func New() (*Clock, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	c := &Clock{file: os.NewFile(uintptr(fd), "timerfd"), fd: fd, epoch: time.Now()}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		_ = c.file.Close()
		return nil, os.NewSyscallError("clock_gettime", err)
	}
	c.zero = ts.Nano()
	return c, nil
}

// Now is the time on the clock.
func (c *Clock) Now() time.Duration { return time.Since(c.epoch) }

// Set has the clock ring at t instead of what it was set to; at once if t has
// passed. Not to be called after Close, when the descriptor may be another file's.
func (c *Clock) Set(t time.Duration) {
	at := int64(1<<63 - 1)
	if t <= time.Duration(at-c.zero) {
		at = c.zero + int64(t)
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(at, 1))} // 0 would stop it
	// It cannot fail: the descriptor is ours and the time well formed. If it did, there
	// is a Go timer beside it wherever one waits.
	_ = unix.TimerfdSettime(c.fd, unix.TFD_TIMER_ABSTIME, &spec, nil)
}

// Wait returns true when the clock has rung, and false once it is closed.
func (c *Clock) Wait() bool {
	var expirations [8]byte
	_, err := c.file.Read(expirations[:])
	return err == nil
}

// SleepUntil sets the clock and waits for it or for a Go timer, whichever is first, and returns at t, or sooner if the
// context ends or the clock is closed. It is for one goroutine, that does not Wait as well.
func (c *Clock) SleepUntil(ctx context.Context, t time.Duration) {
	for c.Now() < t {
		if c.file.SetReadDeadline(c.epoch.Add(t)) != nil {
			return
		}
		c.Set(t)
		// After the deadline was set, or it would undo what the end of the context does.
		stop := context.AfterFunc(ctx, func() { _ = c.file.SetReadDeadline(time.Unix(1, 0)) })
		_ = c.Wait()
		stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// Close ends a Wait and frees the timer.
func (c *Clock) Close() { _ = c.file.Close() }
