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
	toldWindow = 1024                 // services over which the share of those is taken that their jobs have told
	toldFew    = odds / 8             // with a smaller share they are as none,
	toldLeast  = odds / 64            // and with one smaller than this while peers wait for offers
)

// record is how often services were what was expected of them.
type record struct {
	seen    int  // services, up to oddWindow
	odd     int  // share of those that were not, smoothed, of odds
	misses  int  // odd ones less others, from 0 up
	settled bool // few are odd
}

// miss takes an odd service, which counts as several, and reports whether there were so many of late that what was
// before does not count any more.
func (r *record) miss(weight int) (changed bool) {
	r.seen = min(r.seen+1, oddWindow)
	r.odd += min((odds-r.odd)/r.seen*weight, odds-r.odd)
	r.settled = r.settled && r.odd <= oddMost
	if r.misses++; r.misses < mostMisses {
		return false
	}
	*r = record{seen: 1}
	return true
}

// hit takes one that was what was expected.
func (r *record) hit() {
	r.seen = min(r.seen+1, oddWindow)
	r.misses = max(r.misses-1, 0)
	r.odd -= r.odd / r.seen
	r.settled = r.settled || r.seen >= minAlike && r.odd < oddFew
}

// forecast is what services of one app have been like, as far as tasks were launched from here. If all but a few were
// alike, the next is expected to take as long as the shorter ones of them, and its slot can be asked for ahead of its
// end. A busy machine makes one in a hundred late. To expect nothing because of that would cost more than the launch
// that is then too early: it is held for a moment, or given back. With one late task of 14 ms in 33 of 10 ms the two
// are as 27 to 33 ms, and even at one in ten (8 workers × 4 slots, 3 schedulers, load 0.9, jobs of 10 tasks, 0.2 ms a
// hop). An odd one counts as often as services that are alike fit into it, because what matters is how many slots run
// one.
//
// What ends first is short, so that of tasks of which some take long only the short ones have been seen for a while.
// Therefore nothing is expected while something runs that is late, unless so few are that they do not matter beside
// what is known.
type forecast struct {
	record
	low     time.Duration // what most services take at least
	varied  bool          // some have been odd
	mean    time.Duration // of services, smoothed
	long    time.Duration // the longest of late
	wanted  time.Duration // when a peer said last that it waits for offers for the app
	told    int           // share of services that their jobs have told, smoothed, of odds
	running deque[launched]
	late    []launched   // that were the first in running, and take longer than those that are alike
	brief   deque[offer] // for this app alone, freshest last
}

// bandOf is how far from what is expected a service may be.
func bandOf(expected, hop time.Duration) time.Duration {
	return max(min(expected/bandShare, bandMost), hop)
}

// weightOf is how many of those that are alike a service takes the time of: what counts is how many slots run what is
// odd.
func weightOf(d, usual time.Duration) int {
	return int(min(max(d/max(usual, 1), 1), mostWeight))
}

// learn takes a service of a task of a job.
func (c *Core) learn(f *forecast, j *job, d time.Duration) {
	f.mean += (d - f.mean) / 16
	f.long = max(d, f.long-f.long/toldWindow)
	if c.heard(j, d) {
		f.told += (odds - f.told) / toldWindow
		return
	}
	f.told -= f.told / toldWindow
	if f.seen == 0 {
		f.seen, f.low, f.odd = 1, d, 0
		return
	}
	if band := bandOf(f.low, c.hop()); d < f.low-band || d > f.low+band {
		f.varied = true
		if f.miss(weightOf(d, f.low)) {
			f.low = d
		}
		return
	}
	f.hit()
	if d < f.low {
		f.low -= (f.low - d) / 4
	} else {
		f.low += (d - f.low) / 64
	}
}

// varies reports whether services are not alike, nor told by their jobs.
func (f *forecast) varies(now time.Duration) bool { return f.varied && !f.settled && !f.tells(now) }

// tells reports whether jobs tell what their tasks take often enough for offers to be of more use than reservations:
// with one service in eight told they are about as good, and with half of them a tenth better. Worse than either is
// that one scheduler has reservations and another waits for offers, which come to those that have none last. So the
// share is taken over many services, and where peers wait for offers a small one is enough.
func (f *forecast) tells(now time.Duration) bool {
	return f.told >= toldFew || f.told >= toldLeast && f.wanted > 0 && now-f.wanted < minNetWait
}

// foresee is what the service of a task that is launched now will be, as its job says or as others of its app have
// been; 0: nobody can say.
func (c *Core) foresee(now time.Duration, f *forecast, l launched) time.Duration {
	if j := c.find(l.ref); j.statement != nil {
		c.promised(j, l)
		if j.statement.settled { // the others are not like its tasks
			return c.believe(now, j)
		}
	}
	d := c.expect(now, f)
	c.note(f, l)
	return d
}

// expect is what the next service will be if it is like the others; 0: they are not alike.
func (c *Core) expect(now time.Duration, f *forecast) time.Duration {
	if !f.settled {
		return 0
	}
	late := c.lateBy(f.low)
	f.late = c.stillRun(f.late)
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

// lateBy is how long after its launch a task of which a service was expected is late.
func (c *Core) lateBy(expected time.Duration) time.Duration {
	return expected + expected/10 + bandOf(expected, c.hop()) + 10*c.hop()
}

// overdue reports whether what runs and is late would be too many odd ones.
func (f *forecast) overdue(now time.Duration) bool {
	if !f.varied {
		return len(f.late) > 0
	}
	return f.odd+oddOf(now, f.late, f.low) > oddMost
}

// oddOf is what launches that are late would add to the share of the odd ones.
func oddOf(now time.Duration, late []launched, usual time.Duration) (odd int) {
	for i := range late {
		odd += unit * weightOf(now-late[i].at, usual)
	}
	return odd
}

// note takes note of a launch.
func (c *Core) note(f *forecast, l launched) {
	// One that runs for long keeps the others from leaving. They are looked for when they may be most of them.
	if f.running.len() > 4*c.load.Running+minAlike {
		f.running.filter(c.runsStill)
	}
	f.running.push(l)
}

// launched is one launch.
type launched struct {
	ref  probe.Ref
	task uint32
	at   time.Duration
}

func (c *Core) runsStill(l *launched) bool {
	j := c.find(l.ref)
	return j != nil && j.tasks[l.task].state == stateRunning && j.tasks[l.task].launched == l.at
}

// stillRun keeps of some launches, in any order, those that run.
func (c *Core) stillRun(list []launched) []launched {
	for i := 0; i < len(list); {
		if c.runsStill(&list[i]) {
			i++
			continue
		}
		list[i] = list[len(list)-1]
		list = list[:len(list)-1]
	}
	return list
}
