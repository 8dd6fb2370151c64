package check

import (
	"cmp"
	"math"
	"slices"
	"time"

	"dunnock/internal/chaos/ledger"
)

// Options of a check.
type Options struct {
	// Settle is how long after its end a fault explains what happens: leases run out, connections are made anew.
	Settle time.Duration
	// OrphanGrace is how long after its client's death a task may still start: the client's lease, and a message on its
	// way.
	OrphanGrace time.Duration
}

// attempt is one start of a task.
type attempt struct {
	start  ledger.Record
	finish *ledger.Record // nil if it never said so
}

// finished says whether the attempt had ended so by then.
func (a *attempt) finished(result string, by int64) bool {
	return a.finish != nil && a.finish.Result == result && a.finish.At <= by
}

type taskBook struct {
	attempts []*attempt // by time
	outcomes []ledger.Record
}

type jobBook struct {
	id         string
	submit     ledger.Record
	accepted   *ledger.Record
	refused    *ledger.Record
	done       *ledger.Record
	schedulers []string
	moved      bool // from a scheduler that may not be among these
	tasks      map[int]*taskBook
}

func (j *jobBook) task(n int) *taskBook {
	t := j.tasks[n]
	if t == nil {
		t = new(taskBook)
		j.tasks[n] = t
	}
	return t
}

// order lists the tasks that anything was written about.
func (j *jobBook) order() []int {
	order := make([]int, 0, len(j.tasks))
	for n := range j.tasks {
		order = append(order, n)
	}
	slices.Sort(order)
	return order
}

// life is one process.
type life struct {
	up   ledger.Record
	down *ledger.Record
	bye  bool
}

type fault struct {
	ledger.Record       // its beginning
	until         int64 // its end; the run's if it never healed
}

func (f *fault) lasts(from, to int64, settle time.Duration) bool {
	return f.At <= to && f.until+int64(settle) >= from
}

// book is what all ledgers say, sorted out.
type book struct {
	jobs     map[string]*jobBook
	ids      []string // of the jobs, in the order of their submission
	lives    map[int]*life
	faults   []fault
	stalls   []fault           // that nobody made; of no recovery are they the beginning
	roles    map[string]string // by name
	strange  []ledger.Record   // starts of jobs that nobody submitted
	last     int64             // the newest line
	attempts map[attemptKey]*attempt
	starts   []*attempt // by time
}

type attemptKey struct {
	job           string
	task, attempt int
	epoch         uint32
	life          int
}

func keyOf(r ledger.Record) attemptKey {
	return attemptKey{job: r.Job, task: r.Task, attempt: r.Attempt, epoch: r.Epoch, life: r.Life}
}

// newBook sorts records of all ledgers, in any order.
func newBook(records []ledger.Record) *book {
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(a, b ledger.Record) int { return cmp.Compare(a.At, b.At) })
	b := &book{
		jobs: map[string]*jobBook{}, lives: map[int]*life{}, roles: map[string]string{}, attempts: map[attemptKey]*attempt{},
	}
	for _, r := range records {
		if r.Event == ledger.Submit {
			b.jobs[r.Job] = &jobBook{id: r.Job, submit: r, tasks: map[int]*taskBook{}}
			b.ids = append(b.ids, r.Job)
		}
		b.last = max(b.last, r.At)
	}
	for _, r := range records {
		b.add(r)
	}
	for i := range b.faults {
		if b.faults[i].until == math.MaxInt64 {
			b.faults[i].until = b.last
		}
	}
	b.stalls = slices.DeleteFunc(b.stalls, b.made)
	return b
}

// made says whether a stall is one that a fault was to bring about.
func (b *book) made(s fault) bool {
	return s.Node != "" && slices.ContainsFunc(b.faults, func(f fault) bool {
		return slices.Contains(f.Nodes, s.Node) && f.lasts(s.At, s.until, 0)
	})
}

func (b *book) add(r ledger.Record) {
	switch r.Event {
	case ledger.Up:
		b.lives[r.Life] = &life{up: r}
		b.roles[r.Node] = r.Role
	case ledger.Down:
		if l := b.lives[r.Life]; l != nil {
			l.down = &r
		}
	case ledger.Bye:
		if l := b.lives[r.Life]; l != nil {
			l.bye = true
		}
	case ledger.Inject:
		b.faults = append(b.faults, fault{Record: r, until: math.MaxInt64})
	case ledger.Heal:
		for i := range b.faults {
			if b.faults[i].Fault == r.Fault {
				b.faults[i].until = r.At
			}
		}
	case ledger.Stall:
		from := r
		from.At -= r.Nanos
		b.stalls = append(b.stalls, fault{Record: from, until: r.At})
	case ledger.Submit: // known already
	case ledger.Start, ledger.Finish, ledger.Accept, ledger.Refuse, ledger.Outcome, ledger.Done:
		if j := b.jobs[r.Job]; j != nil {
			b.addToJob(j, r)
		} else if r.Event == ledger.Start {
			b.strange = append(b.strange, r)
		}
	}
}

func (b *book) addToJob(j *jobBook, r ledger.Record) {
	switch r.Event { //nolint:exhaustive // add has taken the others
	case ledger.Start:
		a := &attempt{start: r}
		j.task(r.Task).attempts = append(j.task(r.Task).attempts, a)
		b.attempts[keyOf(r)] = a
		j.moved = j.moved || r.Epoch > 0
		b.starts = append(b.starts, a)
	case ledger.Finish:
		if a := b.attempts[keyOf(r)]; a != nil {
			a.finish = &r
		}
	case ledger.Accept:
		if j.accepted == nil {
			j.accepted = &r
		}
		j.through(r.Scheduler)
	case ledger.Refuse:
		j.refused = &r
	case ledger.Outcome:
		j.task(r.Task).outcomes = append(j.task(r.Task).outcomes, r)
		j.moved = j.moved || r.Code == "scheduler_lost"
	case ledger.Done:
		j.done = &r
		j.through(r.Scheduler)
	}
}

func (j *jobBook) through(scheduler string) {
	if scheduler != "" && !slices.Contains(j.schedulers, scheduler) {
		j.schedulers = append(j.schedulers, scheduler)
	}
}

// explained says whether a fault that touches the job and these workers lasted, or had not settled, between two times.
func (b *book) explained(j *jobBook, workers []string, from, to int64, settle time.Duration) bool {
	takesPart := func(node string) bool {
		return node == j.submit.Node || slices.Contains(workers, node) || slices.Contains(j.schedulers, node) ||
			(len(j.schedulers) == 0 || j.moved) && b.roles[node] == "scheduler" // it was never said who else had it
	}
	lasts := func(f *fault) bool { return f.lasts(from, to, settle) }
	// What stands still though nobody stopped it does so for want of a CPU, and then others do so too, of whom it
	// cannot be seen.
	for i := range b.stalls {
		if lasts(&b.stalls[i]) {
			return true
		}
	}
	for i := range b.faults {
		f := &b.faults[i]
		if !lasts(f) {
			continue
		}
		if slices.ContainsFunc(f.Nodes, takesPart) {
			return true
		}
		if slices.ContainsFunc(f.Pairs, func(p [2]string) bool { return takesPart(p[0]) && takesPart(p[1]) }) {
			return true
		}
	}
	return false
}

// apart says whether between two times a worker's results could not get to a job's scheduler: the worker was hit, or
// what is between the two.
func (b *book) apart(j *jobBook, worker string, from, to int64, settle time.Duration) bool {
	holds := func(node string) bool {
		return slices.Contains(j.schedulers, node) || (len(j.schedulers) == 0 || j.moved) && b.roles[node] == "scheduler"
	}
	return slices.ContainsFunc(b.faults, func(f fault) bool {
		return f.lasts(from, to, settle) && (slices.Contains(f.Nodes, worker) || slices.ContainsFunc(f.Pairs, func(p [2]string) bool {
			return p[0] == worker && holds(p[1]) || p[1] == worker && holds(p[0])
		}))
	})
}
