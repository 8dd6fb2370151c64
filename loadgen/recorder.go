package loadgen

import (
	"io"
	"time"

	"dunnock/loadgen/workload"
	"dunnock/task"
)

// recorder writes jobs as they ran: their intended starts, and the service times that workers measured. A workload file
// is in the order of arrivals and jobs end in any, so it keeps what has ended after one that has not; at most as much
// as comes within a job's deadline. A nil one records nothing.
type recorder struct {
	outs  []*workload.Writer    // each keeps its first error
	next  int                   // index of the job to write next
	kept  map[int]*workload.Job // that ended early; nil for one that did not run
	jobs  int
	first time.Duration // arrival of the first job after the warm-up
	found bool
}

func newRecorder(outs ...io.Writer) *recorder {
	r := &recorder{kept: make(map[int]*workload.Job)}
	for _, w := range outs {
		r.outs = append(r.outs, workload.NewWriter(w))
	}
	return r
}

// skip says that a job did not run.
func (r *recorder) skip(index int) {
	if r != nil {
		r.take(index, nil)
	}
}

// ran takes the results of a job.
func (r *recorder) ran(j *job, results []task.Result) {
	if r == nil {
		return
	}
	if j.counted && (!r.found || j.at < r.first) {
		r.first, r.found = j.at, true
	}
	w := &workload.Job{At: j.at, User: j.user, Est: j.est, Service: make([]time.Duration, len(j.tasks))}
	w.Priority, w.Deadline, w.Demand, w.Spread, w.Groups = j.class.priority, j.class.deadline, j.class.Demand, j.class.spread, j.class.groups
	for i := range results {
		if k := results[i].Task; k < len(w.Service) { // which it is
			w.Service[k] = min(max(results[i].Service, 0), workload.MaxService)
		}
	}
	r.take(j.index, w)
}

// take writes what is now in order.
func (r *recorder) take(index int, w *workload.Job) {
	r.kept[index] = w
	for {
		w, ok := r.kept[r.next]
		if !ok {
			return
		}
		delete(r.kept, r.next)
		r.next++
		if w == nil {
			continue
		}
		r.jobs++
		for _, out := range r.outs {
			_ = out.Write(w) // flush tells
		}
	}
}

// flush returns the first error of writing to each output.
func (r *recorder) flush() []error {
	errs := make([]error, len(r.outs))
	for i, out := range r.outs {
		errs[i] = out.Flush()
	}
	return errs
}
