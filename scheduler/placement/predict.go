package placement

import (
	"time"

	"dunnock/probe"
)

const (
	odds       = unit * oddWindow     // all of them, as a share
	oddWindow  = 256                  // services over which the share of the odd ones is taken
	oddMost    = odds / 10            // with a larger share nothing is expected any more
	oddFew     = odds / 16            // until it is smaller than this
	mostWeight = 16                   // of an odd one
	mostMisses = 32                   // odd ones, beyond those that were alike, after which services are what they are now
	minAlike   = 64                   // services before the next one is expected to be like them
	bandShare  = 4                    // services are alike within a quarter of what most of them exceed,
	bandMost   = 2 * time.Millisecond // of that at most, or within a hop
)

// forecast is what services of one app have been like, as far as tasks were launched from here. If all but a few were alike, the next is expected to take as
// long as the shorter ones of them, and its slot can be asked for ahead of its end. A busy machine makes one in a hundred late. To expect nothing because of that would
// cost more than the launch that is then too early: it is held for a moment, or given back. With one late task of 14 ms in 33 of 10 ms the two are as 27 to 33 ms, and
// even at one in ten (8 workers × 4 slots, 3 schedulers, load 0.9, jobs of 10 tasks, 0.2 ms a hop). An odd one counts as often as services that are alike fit into it, because
// what matters is how many slots run one.
//
// What ends first is short, so that of tasks of which some take long only the short ones have been seen for a while. Therefore nothing is expected while something
// runs that is late, unless so few are that they do not matter beside what is known.
type forecast struct {
	seen    int           // services, up to oddWindow
	low     time.Duration // what most services take at least
	odd     int           // share of those that are not alike, smoothed, of odds
	misses  int           // odd ones less others, from 0 up
	settled bool          // few are odd
	varied  bool          // some have been
	mean    time.Duration // of services, smoothed
	running deque[launched]
	late    []launched   // that were the first in running, and take longer than those that are alike
	brief   deque[offer] // for this app alone, freshest last
}

// launched is one launch.
type launched struct {
	ref  probe.Ref
	task uint32
	at   time.Duration
}

// band is how far apart services may be that are alike.
func (f *forecast) band(hop time.Duration) time.Duration {
	return max(min(f.low/bandShare, bandMost), hop)
}

// learn takes a service.
func (f *forecast) learn(d, hop time.Duration) {
	f.mean += (d - f.mean) / 16
	if f.seen == 0 {
		f.seen, f.low, f.odd = 1, d, 0
		return
	}
	f.seen = min(f.seen+1, oddWindow)
	if band := f.band(hop); d < f.low-band || d > f.low+band {
		f.varied = true
		f.odd += min((odds-f.odd)/f.seen*f.weight(d), odds-f.odd)
		f.settled = f.settled && f.odd <= oddMost
		if f.misses++; f.misses == mostMisses { // it has changed
			f.seen, f.low, f.odd, f.misses, f.settled = 1, d, 0, 0, false
		}
		return
	}
	f.misses = max(f.misses-1, 0)
	f.odd -= f.odd / f.seen
	if d < f.low {
		f.low -= (f.low - d) / 4
	} else {
		f.low += (d - f.low) / 64
	}
	f.settled = f.settled || f.seen >= minAlike && f.odd < oddFew
}

// weight is how many of those that are alike a service takes the time of: what counts is how many slots run what is odd.
func (f *forecast) weight(d time.Duration) int {
	return int(min(max(d/max(f.low, 1), 1), mostWeight))
}

// varies reports whether services are not alike.
func (f *forecast) varies() bool { return f.varied && !f.settled }

// expect is what the next service will be; 0: nobody can say.
func (c *Core) expect(now time.Duration, f *forecast) time.Duration {
	if !f.settled {
		return 0
	}
	late := f.low + f.low/10 + f.band(c.hop()) + 10*c.hop()
	for i := 0; i < len(f.late); {
		if c.runsStill(&f.late[i]) {
			i++
			continue
		}
		f.late[i] = f.late[len(f.late)-1]
		f.late = f.late[:len(f.late)-1]
	}
	for f.running.len() > 0 && !f.overdue(now) {
		l := f.running.at(0)
		if c.runsStill(l) {
			if now-l.at <= late {
				break
			}
			f.late = append(f.late, *l)
		}
		f.running.shift()
	}
	if f.overdue(now) {
		return 0
	}
	return f.low
}

// overdue reports whether what runs and is late would be too many odd ones.
func (f *forecast) overdue(now time.Duration) bool {
	if !f.varied {
		return len(f.late) > 0
	}
	odd := f.odd
	for i := range f.late {
		odd += unit * f.weight(now-f.late[i].at)
	}
	return odd > oddMost
}

func (c *Core) runsStill(l *launched) bool {
	j := c.find(l.ref)
	return j != nil && j.tasks[l.task].state == stateRunning && j.tasks[l.task].launched == l.at
}

// note takes note of a launch.
func (c *Core) note(f *forecast, l launched) {
	// One that runs for long keeps the others from leaving. They are looked for when they may be most of them.
	if f.running.len() > 4*c.load.Running+minAlike {
		f.running.filter(c.runsStill)
	}
	f.running.push(l)
}
