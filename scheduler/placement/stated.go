package placement

import (
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"dunnock/probe"
)

// What jobs state. A job may say what its tasks take, and where services differ nobody else can know: of tasks of 10 ms
// and of 100 ms the next one to be launched may be either. Whether the word is good is learnt, for each user of each
// app, by the rule by which services that are alike are: it is believed once less than a sixteenth of 64 to 256
// services were odd, that is further from what was stated than a forecast may be off, until more than a tenth are, and
// while not too much runs that should have ended. Then it goes with the launch, and its worker asks ahead. A word that
// is not believed is as none: what services are like without it is told by the forecast of their app, in which those
// that were told by their jobs do not count.

// statements is for how many users of apps what they state is kept apart. Some beyond that share what is known of
// others: one who is believed wrongly, or not, because of that is as one who was right so far, or wrong.
const statements = 1 << 10

// statement is what has come of what the jobs of a user state about the tasks of an app.
type statement struct {
	record
	mean time.Duration // of the services that were as stated, smoothed
	late []launched    // that should have ended
}

// promise is a launch and when it is late by its job's own word.
type promise struct {
	launched
	due time.Duration
}

// stated is what a core knows of what is stated; its parts are there once a job states something.
type stated struct {
	of       []statement
	promises []promise // a heap: the one that is late first is first
}

// heed looks up what is known of those who state what a job does. Without an estimate it is nothing.
func (c *Core) heed(j *job, s *Spec) {
	if c.idle == nil || s.Estimate <= 0 {
		return
	}
	x := &c.idle.stated
	if x.of == nil {
		x.of = make([]statement, statements)
	}
	var d xxhash.Digest
	d.ResetWithSeed(uint64(len(s.App)))
	_, _ = d.WriteString(s.App)
	_, _ = d.WriteString(s.User)
	j.estimate, j.statement = s.Estimate, &x.of[d.Sum64()%statements]
}

// believe is what the next task of a job will take by its word, which was good so far; 0: too much runs that should
// have ended.
func (c *Core) believe(now time.Duration, j *job) time.Duration {
	s := j.statement
	c.fallDue(now)
	if s.late = c.stillRun(s.late); s.odd+oddOf(now, s.late, s.mean) > oddMost {
		return 0
	}
	c.stats.Told++
	return j.estimate
}

// heard learns from a service what its job's word is worth, and reports whether it was believed.
func (c *Core) heard(j *job, d time.Duration) bool {
	s := j.statement
	if s == nil {
		return false
	}
	believed := s.settled
	band := bandOf(j.estimate, c.hop())
	if d >= j.estimate-band && d <= j.estimate+band {
		s.hit()
		s.mean += (d - s.mean) / 16
		return believed
	}
	c.stats.Untrue++
	if d < j.estimate { // its slot is offered when it is free: nobody has waited for it
		s.miss(1)
	} else {
		s.miss(weightOf(d, s.mean))
	}
	return believed
}

// WordView is what the word of those is worth who state what a job's tasks take.
type WordView struct {
	Seen     int     // of their services that were as stated or were not, up to Window; 0: none yet
	Window   int     // services beyond which those before count less and less
	Least    int     // services before a word is believed
	Wrong    float64 // share of those that were not: 0…1, a longer one counted as often as usual ones fit into it
	Believed bool    // by this, and slots are asked for ahead
	Overdue  int     // launches that run and should have ended by their jobs' word
	Held     bool    // nothing is believed for now, because these are too many
}

// Word is what is known of those who state what a job does, whose tasks wait for offers; false if it states nothing, or
// nobody goes by that. Times are from the same origin as the core's methods. It costs O(running tasks).
func (c *Core) Word(now time.Duration, ref probe.Ref) (WordView, bool) {
	j := c.find(ref)
	if j == nil || j.statement == nil || c.sorters > 0 {
		return WordView{}, false
	}
	s := j.statement
	late := make([]launched, 0, len(s.late))
	for i := range s.late {
		if c.runsStill(&s.late[i]) {
			late = append(late, s.late[i])
		}
	}
	for i := range c.idle.stated.promises {
		if p := &c.idle.stated.promises[i]; p.due < now && c.runsStill(&p.launched) && c.find(p.ref).statement == s {
			late = append(late, p.launched)
		}
	}
	return WordView{
		Seen: s.seen, Window: oddWindow, Least: minAlike, Wrong: float64(s.odd) / odds, Believed: s.settled, Overdue: len(late),
		Held: s.settled && s.odd+oddOf(now, late, s.mean) > oddMost,
	}, true
}

// promised notes when a launch is late by its job's word.
func (c *Core) promised(j *job, l launched) {
	x := &c.idle.stated
	if len(x.promises) > 4*c.load.Running+minAlike { // most have ended, long before they were late
		x.promises = slices.DeleteFunc(x.promises, func(p promise) bool { return !c.runsStill(&p.launched) })
		for i := len(x.promises)/2 - 1; i >= 0; i-- {
			x.sink(i)
		}
	}
	x.promises = append(x.promises, promise{l, after(l.at, c.lateBy(j.estimate))})
	for i := len(x.promises) - 1; i > 0 && x.promises[i].due < x.promises[(i-1)/2].due; i = (i - 1) / 2 {
		x.promises[i], x.promises[(i-1)/2] = x.promises[(i-1)/2], x.promises[i]
	}
}

// fallDue takes note of the launches that are late by now.
func (c *Core) fallDue(now time.Duration) {
	x := &c.idle.stated
	for len(x.promises) > 0 && x.promises[0].due < now {
		p := x.promises[0]
		last := len(x.promises) - 1
		x.promises[0] = x.promises[last]
		x.promises = x.promises[:last]
		x.sink(0)
		if c.runsStill(&p.launched) {
			s := c.find(p.ref).statement
			s.late = append(s.late, p.launched)
		}
	}
}

// sink moves a promise down to where it belongs.
func (x *stated) sink(i int) {
	for {
		least := 2*i + 1
		if least >= len(x.promises) {
			return
		}
		if least+1 < len(x.promises) && x.promises[least+1].due < x.promises[least].due {
			least++
		}
		if x.promises[i].due <= x.promises[least].due {
			return
		}
		x.promises[i], x.promises[least] = x.promises[least], x.promises[i]
		i = least
	}
}
