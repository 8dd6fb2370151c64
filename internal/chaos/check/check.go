package check

import (
	"cmp"
	"fmt"
	"slices"

	"dunnock/internal/chaos/ledger"
)

// Breach is one thing that the fleet must not do.
type Breach struct {
	Kind string `json:"kind"` // see the package's comment
	At   int64  `json:"at"`
	Text string `json:"text"`
}

// Verdict is what a check found.
type Verdict struct {
	Jobs      int            `json:"jobs"`      // submitted
	Accepted  int            `json:"accepted"`  // of them
	Abandoned int            `json:"abandoned"` // accepted jobs whose client died before they were done
	Refused   map[string]int `json:"refused"`   // by code
	Tasks     int            `json:"tasks"`     // of accepted jobs whose client lived
	Outcomes  map[string]int `json:"outcomes"`  // of those
	// Unknown outcomes of tasks that may start more than once: another scheduler could have finished them.
	Unknown int `json:"unknown"`
	Starts  int `json:"starts"`
	Retries int `json:"retries"` // starts after an attempt that failed
	// Second and later starts that no failed attempt accounts for.
	Explained   int    `json:"explained_starts"`
	Unexplained int    `json:"unexplained_starts"`
	Redone      Redone `json:"redone"`
	Lost        int    `json:"lost"`
	// Stalls of half a second and more that nobody made: of processes, or of the whole machine.
	Stalls       int   `json:"stalls"`
	LongestStall int64 `json:"longest_stall_ns"`

	Breaches []Breach `json:"breaches"` // all of them, by time
}

// Redone counts the starts of tasks that had been finished ok, by why their results were of no use. A fault may take a
// result with it; but a worker that lives and can be reached has it for whoever comes for it.
type Redone struct {
	All   int `json:"all"`
	Apart int `json:"apart"` // the worker was dead, stood still, or was cut off from the job's schedulers
	Plain int `json:"plain"` // it had been written to a connection to a client that speaks HTTP, and a fault hit that
	Busy  int `json:"busy"`  // the machine was: for want of a CPU the worker's answer came too late
}

// Idle is how many there was no reason for.
func (r Redone) Idle() int { return r.All - r.Apart - r.Plain - r.Busy }

// Count is how many breaches of a kind there are.
func (v *Verdict) Count(kind string) int {
	n := 0
	for i := range v.Breaches {
		if v.Breaches[i].Kind == kind {
			n++
		}
	}
	return n
}

// checker walks one book.
type checker struct {
	*book
	o       Options
	v       *Verdict
	machine *Machine
}

func (c *checker) breach(kind string, at int64, format string, args ...any) {
	c.v.Breaches = append(c.v.Breaches, Breach{Kind: kind, At: at, Text: fmt.Sprintf(format, args...)})
}

// Check reads the records of all ledgers of a run, in any order.
func Check(records []ledger.Record, o Options) *Verdict {
	c := &checker{book: newBook(records), o: o, machine: NewMachine(records), v: &Verdict{Refused: map[string]int{}, Outcomes: map[string]int{}}}
	for _, r := range c.strange {
		c.breach("stranger", r.At, "%s started task %d of job %s, which no client has submitted", r.Node, r.Task, r.Job)
	}
	for _, id := range c.ids {
		c.job(c.jobs[id])
	}
	c.slots()
	for i := range c.stalls {
		c.v.Stalls++
		c.v.LongestStall = max(c.v.LongestStall, c.stalls[i].Nanos)
	}
	for _, l := range c.lives {
		if l.down != nil && !l.down.Planned {
			c.breach("crash", l.down.At, "%s ended by itself: %s", l.up.Node, l.down.Result)
		}
	}
	slices.SortStableFunc(c.v.Breaches, func(a, b Breach) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Text, b.Text))
	})
	return c.v
}

// died says when the job's client did; false if it ended by itself or still lives.
func (c *checker) died(j *jobBook) (at int64, died bool) {
	l := c.lives[j.submit.Life]
	if l == nil || l.bye || l.down == nil {
		return 0, false
	}
	return l.down.At, true
}

func (c *checker) job(j *jobBook) {
	c.v.Jobs++
	for _, n := range j.order() {
		c.starts(j, n)
	}
	if j.refused != nil {
		c.v.Refused[j.refused.Code]++
	}
	deathAt, died := c.died(j)
	if died {
		c.orphans(j, deathAt)
	}
	switch {
	case j.accepted == nil:
		return
	case died && j.done == nil:
		c.v.Accepted++
		c.v.Abandoned++
		return
	}
	c.v.Accepted++
	for n := range j.submit.Tasks {
		c.outcome(j, n)
	}
}

// starts judges each start of a task by those before it.
func (c *checker) starts(j *jobBook, n int) {
	attempts := j.tasks[n].attempts
	var newest ledger.Record
	for i, a := range attempts {
		s := a.start
		c.v.Starts++
		if i == 0 {
			newest = s
			continue
		}
		if j.submit.Once {
			c.breach("once-twice", s.At, "job %s task %d may start once and started on %s and on %s", j.id, n, attempts[i-1].start.Node, s.Node)
		}
		if i == j.submit.MaxAttempts {
			c.breach("over-attempts", s.At, "job %s task %d started more than %d times", j.id, n, j.submit.MaxAttempts)
		}
		if cmp.Or(cmp.Compare(s.Epoch, newest.Epoch), cmp.Compare(s.Attempt, newest.Attempt)) <= 0 {
			c.breach("stale-start", s.At, "job %s task %d: attempt %d of epoch %d started on %s after attempt %d of epoch %d on %s",
				j.id, n, s.Attempt, s.Epoch, s.Node, newest.Attempt, newest.Epoch, newest.Node)
		} else {
			newest = s
		}
		c.again(j, n, attempts[:i], s)
	}
}

// again looks for what explains that a task started again.
func (c *checker) again(j *jobBook, n int, before []*attempt, s ledger.Record) {
	last := before[len(before)-1]
	if i := slices.IndexFunc(before, func(a *attempt) bool { return a.finished(ledger.OK, s.At) }); i >= 0 {
		c.redone(j, before[i], s)
	}
	switch {
	case last.finished(ledger.Failed, s.At):
		c.v.Retries++
	case c.explained(j, []string{last.start.Node, s.Node}, last.start.At, s.At, c.o.Settle):
		c.v.Explained++
	default:
		c.v.Unexplained++
		c.breach("unexplained-start", s.At, "job %s task %d started on %s, %.3f s after it started on %s, without a fault",
			j.id, n, s.Node, float64(s.At-last.start.At)/1e9, last.start.Node)
	}
}

// redone looks for what took the result of an attempt that had finished before its task started again.
func (c *checker) redone(j *jobBook, done *attempt, s ledger.Record) {
	r := &c.v.Redone
	r.All++
	switch from := done.finish.At; {
	case c.apart(j, done.start.Node, from, s.At, c.o.Settle):
		r.Apart++
	case j.submit.Plain && c.explained(j, nil, from, s.At, c.o.Settle):
		r.Plain++
	case c.machine.Busy(from, s.At):
		r.Busy++
	}
}

// orphans looks for starts when the client was long dead.
func (c *checker) orphans(j *jobBook, deathAt int64) {
	for _, n := range j.order() {
		for _, a := range j.tasks[n].attempts {
			if late := a.start.At - deathAt; late > int64(c.o.OrphanGrace) {
				c.breach("orphan-start", a.start.At, "job %s task %d started on %s, %.3f s after its client %s died",
					j.id, n, a.start.Node, float64(late)/1e9, j.submit.Node)
			}
		}
	}
}

// outcome judges what the client was told of a task.
func (c *checker) outcome(j *jobBook, n int) {
	c.v.Tasks++
	t := j.task(n)
	if len(t.outcomes) == 0 {
		c.v.Lost++
		c.breach("lost", j.submit.At, "job %s task %d was accepted by %s and has no outcome", j.id, n, j.accepted.Scheduler)
		return
	}
	if len(t.outcomes) > 1 {
		c.breach("outcome-twice", t.outcomes[1].At, "job %s task %d ended %s and %s", j.id, n, t.outcomes[0].Result, t.outcomes[1].Result)
	}
	o := t.outcomes[0]
	c.v.Outcomes[o.Result]++
	c.cut(j, n, t, o)
	if o.Result == ledger.OK {
		made := func(a *attempt) bool { return ledger.Proof(a.start) == o.Proof && a.finished(ledger.OK, o.At) }
		if !slices.ContainsFunc(t.attempts, made) {
			c.breach("phantom", o.At, "job %s task %d: nobody has made its result %q", j.id, n, o.Proof)
		}
		return
	}
	if o.Result == "unknown" && !j.submit.Once {
		c.v.Unknown++
	}
	c.notOK(j, n, t, o)
}

// cut looks for what explains that a running attempt was told to stop, if neither the end of its job nor its task's
// does.
func (c *checker) cut(j *jobBook, n int, t *taskBook, o ledger.Record) {
	if o.Result == "timeout" || o.Result == "cancelled" {
		return
	}
	// One of two attempts is stopped when the other has finished, so what explains that there were two explains that as
	// well.
	var workers []string
	for _, a := range t.attempts {
		workers = append(workers, a.start.Node)
	}
	for _, a := range t.attempts {
		if a.finish == nil || a.finish.Result != ledger.Cut || a.finish.At > o.At {
			continue
		}
		if !c.explained(j, workers, t.attempts[0].start.At, a.finish.At, c.o.Settle) {
			c.breach("unexplained-cut", a.finish.At, "job %s task %d was stopped on %s without a fault", j.id, n, a.start.Node)
		}
	}
}

// notOK looks for what explains an outcome that is not ok.
func (c *checker) notOK(j *jobBook, n int, t *taskBook, o ledger.Record) {
	if j.submit.Kind != "" { // it was made to fail
		return
	}
	if o.Result == "timeout" && c.weakened(j.submit.At, o.At) {
		return
	}
	workers := []string{o.Worker}
	for _, a := range t.attempts {
		if a.finished(ledger.Failed, o.At) {
			return
		}
		workers = append(workers, a.start.Node)
	}
	if !c.explained(j, workers, j.submit.At, o.At, c.o.Settle) {
		c.breach("unexplained-end", o.At, "job %s task %d ended %s (%s) without a fault", j.id, n, o.Result, o.Code)
	}
}

// weakened says whether the fleet could do less than usual between two times: what then takes too long may only have
// had to wait.
func (c *checker) weakened(from, to int64) bool {
	return slices.ContainsFunc(c.stalls, func(f fault) bool { return f.lasts(from, to, c.o.Settle) }) ||
		slices.ContainsFunc(c.faults, func(f fault) bool { return len(f.Nodes)+len(f.Pairs) > 0 && f.lasts(from, to, c.o.Settle) })
}

// slots counts what runs at once in each life of each worker. A command that was killed cannot say when it ended, so of
// workers that run commands only attempts that finished count.
func (c *checker) slots() {
	type step struct {
		at    int64
		by    int
		start ledger.Record
	}
	steps := map[int][]step{}
	for _, a := range c.book.starts {
		l := c.lives[a.start.Life]
		if l == nil || a.finish == nil && l.up.Role != "worker" {
			continue
		}
		steps[a.start.Life] = append(steps[a.start.Life], step{a.start.At, 1, a.start})
		if a.finish != nil {
			steps[a.start.Life] = append(steps[a.start.Life], step{a.finish.At, -1, a.start})
		}
	}
	for number, of := range steps {
		l := c.lives[number]
		slices.SortFunc(of, func(a, b step) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.by, b.by)) })
		running := 0
		for _, s := range of {
			running += s.by
			if running > l.up.Slots && s.by > 0 {
				c.breach("over-slots", s.at, "%s has %d slots and started job %s task %d as its attempt no. %d at once", l.up.Node, l.up.Slots, s.start.Job, s.start.Task, running)
			}
		}
	}
}
