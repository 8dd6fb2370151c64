package check

import (
	"cmp"
	"slices"
	"time"

	"dunnock/internal/chaos/ledger"
)

// Times are durations from which quantiles are taken.
type Times []time.Duration

// Quantile is the nearest-rank quantile, 0 if there is none. q is 0 to 1.
func (t Times) Quantile(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	rank := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

// Recovery is how the fleet came through faults of one kind. Concerned are, of a fault that hits workers, the tasks
// that ran there when it began; of one that hits a scheduler, or comes between it and a client, the unfinished tasks of
// its jobs; of one between a scheduler and a worker, those that are both.
type Recovery struct {
	Kind      string
	Faults    int
	Concerned int
	// Restarted is from the fault to each such task's next start, for those that started again.
	Restarted Times
	// Busy are those of them in whose time the machine was busy. They are not in Restarted.
	Busy Times
	// Resumed is, for each job concerned so, from the fault to its first sign of progress:
	// a start, or an ok outcome. ResumedBusy as Busy.
	Resumed, ResumedBusy Times
	// Done is from the fault to each such task's outcome, unknown ones left out.
	Done Times
	// Unknown counts the concerned tasks that ended so.
	Unknown int
	// Finished counts the tasks of a scheduler's unfinished jobs that had finished ok before the fault, but for those
	// of clients that speak HTTP, and Redone those of them that started again.
	Finished, Redone int

	machine *Machine
}

// sort appends a time that began with a fault to one list or the other.
func (r *Recovery) sort(f *fault, until int64, quiet, busy *Times) {
	into := quiet
	if r.machine.Busy(f.At, until) {
		into = busy
	}
	*into = append(*into, time.Duration(until-f.At))
}

// Recoveries reads the records of all ledgers, in any order, and returns one entry for each kind of fault, by name.
func Recoveries(records []ledger.Record) []*Recovery {
	b := newBook(records)
	machine := NewMachine(records)
	kinds := map[string]*Recovery{}
	for i := range b.faults {
		f := &b.faults[i]
		r := kinds[f.Kind]
		if r == nil {
			r = &Recovery{Kind: f.Kind, machine: machine}
			kinds[f.Kind] = r
		}
		r.Faults++
		for _, id := range b.ids {
			if j := b.jobs[id]; j.accepted != nil && j.accepted.At <= f.At && (j.done == nil || j.done.At > f.At) && !b.orphaned(j, f.At) {
				b.recover(r, f, j)
			}
		}
	}
	all := make([]*Recovery, 0, len(kinds))
	for _, r := range kinds {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *Recovery) int { return cmp.Compare(a.Kind, b.Kind) })
	return all
}

// orphaned says whether the job's client was dead by then.
func (b *book) orphaned(j *jobBook, by int64) bool {
	l := b.lives[j.submit.Life]
	return l != nil && l.down != nil && l.down.At <= by
}

// recover adds what became of one job that was unfinished when the fault began.
func (b *book) recover(r *Recovery, f *fault, j *jobBook) {
	hit := func(node string) bool { return slices.Contains(f.Nodes, node) }
	apart := func(p [2]string) bool { // the job's client and its scheduler
		return p[1] == j.submit.Node && slices.Contains(j.schedulers, p[0]) || p[0] == j.submit.Node && slices.Contains(j.schedulers, p[1])
	}
	if slices.ContainsFunc(j.schedulers, hit) || slices.ContainsFunc(f.Pairs, apart) {
		b.recoverJob(r, f, j)
		return
	}
	concerns := func(worker string) bool {
		return hit(worker) || slices.ContainsFunc(f.Pairs, func(p [2]string) bool {
			return p[0] == worker && slices.Contains(j.schedulers, p[1]) || p[1] == worker && slices.Contains(j.schedulers, p[0])
		})
	}
	for _, n := range j.order() {
		t := j.tasks[n]
		ran := slices.ContainsFunc(t.attempts, func(a *attempt) bool {
			return a.start.At <= f.At && (a.finish == nil || a.finish.At > f.At) && concerns(a.start.Node)
		})
		if ran && !t.endedBy(f.At) {
			r.Concerned++
			r.restart(f, t)
			r.end(f, t)
		}
	}
}

// recoverJob adds a job whose scheduler the fault hit.
func (b *book) recoverJob(r *Recovery, f *fault, j *jobBook) {
	progress := int64(0)
	note := func(at int64) {
		if at > f.At && (progress == 0 || at < progress) {
			progress = at
		}
	}
	for n := range j.submit.Tasks {
		t := j.task(n)
		if !j.submit.Plain && slices.ContainsFunc(t.attempts, func(a *attempt) bool { return a.finished(ledger.OK, f.At) }) {
			r.Finished++
			if slices.ContainsFunc(t.attempts, func(a *attempt) bool { return a.start.At > f.At }) {
				r.Redone++
			}
		}
		if t.endedBy(f.At) {
			continue
		}
		r.Concerned++
		for _, a := range t.attempts {
			note(a.start.At)
		}
		if len(t.outcomes) > 0 && t.outcomes[0].Result == ledger.OK {
			note(t.outcomes[0].At)
		}
		if slices.ContainsFunc(t.attempts, func(a *attempt) bool { return a.start.At <= f.At }) {
			r.restart(f, t)
		}
		r.end(f, t)
	}
	if progress > 0 {
		r.sort(f, progress, &r.Resumed, &r.ResumedBusy)
	}
}

func (t *taskBook) endedBy(at int64) bool { return len(t.outcomes) > 0 && t.outcomes[0].At <= at }

func (r *Recovery) restart(f *fault, t *taskBook) {
	for _, a := range t.attempts {
		if a.start.At > f.At {
			r.sort(f, a.start.At, &r.Restarted, &r.Busy)
			return
		}
	}
}

func (r *Recovery) end(f *fault, t *taskBook) {
	switch {
	case len(t.outcomes) == 0:
	case t.outcomes[0].Result == "unknown":
		r.Unknown++
	default:
		r.Done = append(r.Done, time.Duration(t.outcomes[0].At-f.At))
	}
}

// Responses are the responses of jobs that ended ok, by when they ran.
type Responses struct {
	Before, During, Between, After Times
}

// ResponsesOf reads the records of all ledgers, in any order. Before is of the jobs that were done before the first
// fault, After of those submitted when the last one was over, During of those that overlapped one, Between of the rest.
// Jobs that were made to fail are left out.
func ResponsesOf(records []ledger.Record) Responses {
	b := newBook(records)
	var r Responses
	for _, id := range b.ids {
		j := b.jobs[id]
		if j.done == nil || j.done.Result != ledger.OK || j.submit.Kind != "" {
			continue
		}
		from, to := j.submit.At, j.done.At
		before, during, after := true, false, true
		for i := range b.faults {
			f := &b.faults[i]
			before = before && to < f.At
			after = after && from > f.until
			during = during || from <= f.until && to >= f.At
		}
		t := time.Duration(to - from)
		switch {
		case before:
			r.Before = append(r.Before, t)
		case during:
			r.During = append(r.During, t)
		case after:
			r.After = append(r.After, t)
		default:
			r.Between = append(r.Between, t)
		}
	}
	return r
}
