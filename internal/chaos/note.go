package main

import (
	"fmt"
	"sync"
	"time"

	"dunnock/internal/chaos/check"
	"dunnock/internal/chaos/ledger"
)

// notes are what faults have measured of themselves.
type notes struct {
	mu     sync.Mutex // guards what follows
	times  map[string][]noted
	values map[string]float64 // the largest
	counts map[string]int
	broken []brokenPromise
	queues []longQueue
	loads  []overloaded
}

// brokenPromise is one that a fault saw broken.
type brokenPromise struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// noted is a time that a fault has measured, and when.
type noted struct {
	window
	took time.Duration
}

// window is a stretch of time.
type window struct{ from, to int64 }

// longQueue is one that was over its bound, in reservations per slot, when many workers had joined.
type longQueue struct {
	window
	got, most float64
}

// overloaded is one overload: when the fleet was full, and when it was asked for twice as much.
type overloaded struct{ peak, twice window }

func newNotes() *notes {
	return &notes{times: map[string][]noted{}, values: map[string]float64{}, counts: map[string]int{}}
}

func (n *notes) time(name string, d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.times[name] = append(n.times[name], noted{window{ledger.Now() - int64(d), ledger.Now()}, d})
}

// timeSince notes one that began then.
func (n *notes) timeSince(name string, began time.Time, d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	from := ledger.Now() - int64(time.Since(began))
	n.times[name] = append(n.times[name], noted{window{from, from + int64(d)}, d})
}

// sorted returns the times of a name: those in which the machine was not busy, and the others.
func (n *notes) sorted(name string, m *check.Machine) (quiet, busy check.Times) {
	for _, t := range n.times[name] {
		if m.Busy(t.from, t.to) {
			busy = append(busy, t.took)
		} else {
			quiet = append(quiet, t.took)
		}
	}
	return quiet, busy
}

func (n *notes) value(name string, v float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.values[name] = max(n.values[name], v)
}

func (n *notes) count(name string, by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counts[name] += by
}

func (n *notes) failf(kind, format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.broken = append(n.broken, brokenPromise{kind, fmt.Sprintf(format, args...)})
}

func (n *notes) queue(q longQueue) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.queues = append(n.queues, q)
}

func (n *notes) overload(peak, twice window) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loads = append(n.loads, overloaded{peak, twice})
}

// overloadEnds closes the last overload's window.
func (n *notes) overloadEnds(at int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.loads) > 0 && n.loads[len(n.loads)-1].twice.to == 0 {
		n.loads[len(n.loads)-1].twice.to = at
	}
}
