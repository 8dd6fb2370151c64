package placement

import (
	"time"

	"dunnock/probe"
)

const (
	minAlike   = 64      // services in a row that are alike before the next one is expected to be so too
	mostAlike  = 1 << 16 // after others
	alikeShare = 20      // they are alike within a 20th of the shortest, or a hop
)

// forecast is what services of one app have been like, as far as tasks were launched from here. If a long enough streak of them was alike, the next
// is expected to take as long as the shortest of them, and its slot can be asked for ahead of its end. What ends first is short, so that
// of tasks of which some take long only the short ones have been seen for a while. Therefore one that is unlike the others makes the next streak
// four times as long, and nothing is expected while something runs that is not of the streak and will end it.
type forecast struct {
	alike    int // services
	need     int // it takes
	shortest time.Duration
	longest  time.Duration
	mean     time.Duration   // of services, smoothed
	running  deque[launched] // oldest first; those that have ended leave when they are the first
}

// launched is one launch.
type launched struct {
	ref  probe.Ref
	task uint32
	at   time.Duration
}

// learn takes a service.
func (f *forecast) learn(d, hop time.Duration) {
	f.mean += (d - f.mean) / 16
	shortest, longest := min(f.shortest, d), max(f.longest, d)
	if f.alike == 0 || longest-shortest > max(shortest/alikeShare, hop) {
		if f.alike > 0 {
			f.need = min(4*max(f.need, minAlike), mostAlike)
		}
		f.shortest, f.longest, f.alike = d, d, 1
		return
	}
	f.shortest, f.longest = shortest, longest
	f.alike++
}

// varies reports whether services have been seen that were not alike.
func (f *forecast) varies() bool { return f.need > 0 }

// expect is what the next service will be; 0: nobody can say.
func (c *Core) expect(now time.Duration, f *forecast) time.Duration {
	if f.alike < max(f.need, minAlike) {
		return 0
	}
	for f.running.len() > 0 && !c.runsStill(f.running.at(0)) {
		f.running.shift()
	}
	if f.running.len() > 0 && now-f.running.at(0).at > f.shortest+f.shortest/10+10*c.cfg.Hop {
		return 0
	}
	return f.shortest
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
