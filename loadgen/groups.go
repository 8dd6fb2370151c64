package loadgen

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Beside the books of the whole run a tally keeps those of its parts: stages, users, widths of tasks, and workers.

// others is what users and workers beyond the bounds are counted under.
const others = "…"

// stageTally is what happened to the jobs that were due in a stage.
type stageTally struct {
	plan                PlannedStage
	start               time.Duration
	jobs, tasks         uint64
	response, wait, lag histogram
	busy                float64 // slots × nanoseconds that its tasks ran
	errors              map[string]uint64
}

// userTally is what happened to the jobs of a user.
type userTally struct {
	jobs, tasks, errors uint64
	response            histogram
	usage               usage
}

// widthTally is what jobs saw whose tasks take so many slots, after the warm-up.
type widthTally struct {
	jobs, tasks, errors uint64
	response, wait      histogram
}

// workerTally is what a worker did.
type workerTally struct {
	tasks, failed uint64  // tasks whose last attempt was here
	wait, service float64 // sums in nanoseconds
	busy          float64 // since the first job after the warm-up, in slots × nanoseconds
}

// stage returns the one that a job is due in; nil without stages.
func (t *tally) stage(j *job) *stageTally {
	for i := len(t.stages) - 1; i >= 0; i-- {
		if j.at >= t.stages[i].start {
			return &t.stages[i]
		}
	}
	return nil
}

func (t *tally) user(name string) *userTally {
	return bounded(t.users, name, MaxUsers, func() *userTally { return &userTally{response: newSparseHistogram()} })
}

func (t *tally) worker(name string) *workerTally {
	return bounded(t.workers, name, MaxWorkers, func() *workerTally { return &workerTally{} })
}

// bounded returns the entry of a name, and of all names beyond a number of them that of others.
func bounded[T any](m map[string]*T, name string, most int, fresh func() *T) *T {
	if e := m[name]; e != nil {
		return e
	}
	if len(m) >= most-1 {
		name = others
	}
	e := m[name]
	if e == nil {
		e = fresh()
		m[name] = e
	}
	return e
}

func (t *tally) userShares() []UserShare {
	shares := make([]UserShare, 0, len(t.users))
	for _, name := range slices.Sorted(maps.Keys(t.users)) {
		u := t.users[name]
		shares = append(shares, UserShare{User: name, Jobs: u.jobs, Tasks: u.tasks, Errors: u.errors, ResponseMS: u.response.quantiles(), Shares: u.shares(t, name)})
	}
	return shares
}

// shares returns which part of the fleet a user's tasks had; nil if that is not known.
func (u *userTally) shares(t *tally, name string) map[string]float64 {
	if name == "" || name == others {
		return nil
	}
	return u.usage.shares(t.stocks, t.first, t.last)
}

// maxWidths bounds how many widths have statistics of their own.
const maxWidths = 64

// width returns the statistics of jobs whose tasks take as many slots as a job's; nil where there are none but plain
// ones.
func (t *tally) width(j *job) *widthTally {
	if t.widths == nil {
		return nil
	}
	slots := max(j.class.Slots, 1)
	w := t.widths[slots]
	if w == nil && len(t.widths) < maxWidths {
		w = &widthTally{response: newSparseHistogram(), wait: newSparseHistogram()}
		t.widths[slots] = w
	}
	return w
}

func (t *tally) widthShares() map[string]WidthShare {
	var shares map[string]WidthShare
	for slots, w := range t.widths {
		if shares == nil {
			shares = make(map[string]WidthShare)
		}
		shares[strconv.Itoa(slots)] = WidthShare{Jobs: w.jobs, Tasks: w.tasks, Errors: w.errors, ResponseMS: w.response.quantiles(), WaitMS: w.wait.quantiles()}
	}
	return shares
}

// workerShares lists the workers that the fleet had and those that results came from.
func (t *tally) workerShares() []WorkerShare {
	for name := range t.slots {
		t.worker(name)
	}
	shares := make([]WorkerShare, 0, len(t.workers))
	for name, w := range t.workers {
		s := WorkerShare{Worker: name, Slots: t.slots[name], Tasks: w.tasks, Failed: w.failed}
		if w.tasks > 0 {
			s.WaitMS = w.wait / float64(w.tasks) / float64(time.Millisecond)
			s.ServiceMS = w.service / float64(w.tasks) / float64(time.Millisecond)
		}
		if capacity := float64(t.finished-t.first) * float64(s.Slots); capacity > 0 {
			s.Utilization = min(w.busy/capacity, 1)
		}
		shares = append(shares, s)
	}
	slices.SortFunc(shares, func(a, b WorkerShare) int { return compareNames(a.Worker, b.Worker) })
	return shares
}

// compareNames orders w2 before w10.
func compareNames(a, b string) int {
	return cmp.Or(cmp.Compare(trimDigits(a), trimDigits(b)), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

func trimDigits(s string) string {
	for len(s) > 0 && s[len(s)-1] >= '0' && s[len(s)-1] <= '9' {
		s = s[:len(s)-1]
	}
	return s
}

func (t *tally) stageList(slots int) []Stage {
	if len(t.stages) == 0 {
		return nil
	}
	list := make([]Stage, 0, len(t.stages))
	for i := range t.stages {
		s := &t.stages[i]
		stage := Stage{
			Load: s.plan.Load, Rate: s.plan.Rate, StartS: s.start.Seconds(), LengthS: s.plan.Length.Seconds(), Jobs: s.jobs, Tasks: s.tasks,
			ResponseMS: s.response.quantiles(), WaitMS: s.wait.quantiles(), LagMS: s.lag.quantiles(), Errors: s.errors,
		}
		if capacity := float64(s.plan.Length) * float64(slots); capacity > 0 {
			stage.Utilization = s.busy / capacity
		}
		list = append(list, stage)
	}
	return list
}
