package app

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm is a timer of the kernel that the runtime's poller waits for. Its clock
// starts when it is made.
type alarm struct {
	file  *os.File  // a timerfd, not blocking
	fd    int       // its descriptor
	epoch time.Time // zero of the clock, by Go
	zero  int64     // the same instant or a little later, in ns of CLOCK_MONOTONIC
}

func newAlarm() (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	a := &alarm{file: os.NewFile(uintptr(fd), "timerfd"), fd: fd, epoch: time.Now()}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		_ = a.file.Close()
		return nil, os.NewSyscallError("clock_gettime", err)
	}
	a.zero = ts.Nano()
	return a, nil
}

// now is the time on the alarm's clock.
func (a *alarm) now() time.Duration { return time.Since(a.epoch) }

// set has the alarm ring at t instead of what it was set to; at once if t has
// passed. Not to be called after close, when the descriptor may be another file's.
func (a *alarm) set(t time.Duration) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(later(time.Duration(a.zero), t)))}
	// It cannot fail: the descriptor is ours and the time well formed. If it did,
	// sleeps would still end by their Go timers.
	_ = unix.TimerfdSettime(a.fd, unix.TFD_TIMER_ABSTIME, &spec, nil)
}

// wait returns true when the alarm has rung, and false once it is closed.
func (a *alarm) wait() bool {
	var expirations [8]byte
	_, err := a.file.Read(expirations[:])
	return err == nil
}

func (a *alarm) close() { _ = a.file.Close() }
