package stream

import (
	"sync/atomic"
	"time"
)

// Monitor keeps the Go runtime's monitor thread (sysmon) awake while code of unknown length may run. sysmon takes the
// processor from goroutines that keep it for long, and sleeps while all of them wait, until a timer is due or the
// runtime is told of a system call. On Linux our connections read and write without the runtime being told
// (now_linux.go), so that nothing would wake it: should such code then take every processor, connections would go
// unread for as long as sysmon sleeps, half a second with our beats.
//
// So call Wake before code of unknown length is run because of a message. To wake sysmon each time would cost two
// context switches. It is woken after a rest only, and for as long as Wake is called again a timer is kept that is due
// within monitorTime, so that it sleeps no longer than that.
type Monitor struct {
	timer   *time.Timer
	called  atomic.Bool // since the timer was set
	running atomic.Bool // the timer is set
	stopped atomic.Bool
}

// monitorTime is for how long one may have to wait for a processor, at most, beyond the 10 ms of the runtime's own time
// slice.
const monitorTime = 20 * time.Millisecond

// NewMonitor returns a Monitor that does nothing until Wake is called. Stop it in the end.
func NewMonitor() *Monitor {
	m := &Monitor{}
	m.timer = time.AfterFunc(time.Hour, m.tick)
	m.timer.Stop()
	return m
}

// Wake is to be called before code of unknown length is run. Any goroutine may call it, under any lock.
func (m *Monitor) Wake() {
	if m.called.Load() && m.running.Load() {
		return
	}
	m.called.Store(true)
	if !m.stopped.Load() && m.running.CompareAndSwap(false, true) {
		m.timer.Reset(monitorTime)
		wakeMonitor()
	}
}

// tick sets the timer again if Wake was called meanwhile.
func (m *Monitor) tick() {
	if m.called.Swap(false) && !m.stopped.Load() {
		m.timer.Reset(monitorTime)
		return
	}
	m.running.Store(false)
	if m.called.Load() && m.running.CompareAndSwap(false, true) { // between the two
		m.timer.Reset(monitorTime)
	}
}

// Stop ends the timer.
func (m *Monitor) Stop() {
	m.stopped.Store(true)
	m.timer.Stop()
}
