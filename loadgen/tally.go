package loadgen

import (
	"fmt"
	"sync"
	"time"

	"dunnock/internal/stat"
	"dunnock/task"
)

// tally keeps the books of a run in memory that does not grow with it, but for jobs under way.
type tally struct {
	mu sync.Mutex // guards all below

	stocks                *stocks // nil: workers have no resources
	caching               bool
	cached, hits          uint64 // tasks after the warm-up that met a cache, and found their key there
	jobs, tasks, outcomes uint64 // due, of them, and task outcomes that came
	sent, ended, erred    uint64 // jobs
	failedTasks           uint64
	abandoned             uint64
	errors                map[string]uint64
	inFlight              int

	// Of the jobs after the warm-up.
	response, wait, service, lag, accept histogram
	means                                stat.Batches
	parts                                parts
	counting                             bool // the first has been due
	first, last                          time.Duration
	counted                              uint64
	demand                               float64 // slots × nanoseconds that their tasks ran
	finished                             time.Duration

	timeline timeline
	stages   []stageTally
	users    map[string]*userTally
	widths   map[int]*widthTally // nil before the first job whose tasks take several slots
	workers  map[string]*workerTally
	slots    map[string]int // of workers, as the fleet said

	csv    *csvWriter
	record *recorder
}

func newTally(cfg *Config) *tally {
	t := &tally{
		errors:   make(map[string]uint64),
		response: newHistogram(), wait: newHistogram(), service: newHistogram(), lag: newHistogram(), accept: newHistogram(),
		timeline: newTimeline(), users: make(map[string]*userTally), workers: make(map[string]*workerTally),
		slots: cfg.Fleet.slotsByWorker(), stocks: newStocks(&cfg.Fleet), caching: cfg.Cache.Keys > 0,
	}
	start := time.Duration(0)
	for _, s := range cfg.Plan.Stages {
		t.stages = append(t.stages, stageTally{
			plan: s, start: start, response: newHistogram(), wait: newHistogram(), lag: newHistogram(), errors: make(map[string]uint64),
		})
		start += s.Length
	}
	if cfg.CSV != nil {
		t.csv = newCSVWriter(cfg.CSV, cfg.Repeat)
	}
	return t
}

// due counts a job whose time has come, and reports whether it may be sent: fewer than most are under way.
func (t *tally) due(j *job, now time.Duration, most int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jobs++
	t.tasks += uint64(len(j.tasks))
	v := t.timeline.at(j.at)
	v.jobs++
	v.tasks += uint64(len(j.tasks))
	if j.counted {
		if !t.counting {
			t.counting, t.first = true, j.at
		}
		t.last = j.at
		t.counted++
	}
	if s := t.stage(j); s != nil {
		s.jobs++
		s.tasks += uint64(len(j.tasks))
	}
	u := t.user(j.user)
	u.jobs++
	u.tasks += uint64(len(j.tasks))
	if j.class.Slots > 1 && t.widths == nil {
		t.widths = make(map[int]*widthTally)
	}
	if w := t.width(j); w != nil && j.counted {
		w.jobs++
		w.tasks += uint64(len(j.tasks))
	}
	if t.inFlight >= most {
		t.failed(j, CodeOverload, len(j.tasks))
		t.csv.job(&line{job: j, sent: now, accepted: now, ended: now, code: CodeOverload})
		t.record.skip(j.index)
		return false
	}
	t.sent++
	t.inFlight++
	v.inFlight = max(v.inFlight, t.inFlight)
	return true
}

// failed counts a job in error.
func (t *tally) failed(j *job, code string, tasks int) {
	t.erred++
	t.failedTasks += uint64(tasks)
	t.errors[code]++
	t.timeline.at(j.at).errors++
	t.user(j.user).errors++
	if w := t.width(j); w != nil && j.counted {
		w.errors++
	}
	if s := t.stage(j); s != nil {
		s.errors[code]++
	}
}

// refused counts the end of a job that no scheduler took.
func (t *tally) refused(j *job, sent, ended time.Duration, code string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end(ended)
	t.lagged(j, sent)
	t.failed(j, code, len(j.tasks))
	t.csv.job(&line{job: j, sent: sent, accepted: ended, ended: ended, code: code})
	t.record.skip(j.index)
}

// abandon counts a job that was under way when an interrupted run ended.
func (t *tally) abandon(j *job, ended time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight--
	t.abandoned++
	t.finished = max(t.finished, ended)
	t.record.skip(j.index)
}

// finish counts the end of a job with the results of its tasks in the order in which they came.
func (t *tally) finish(j *job, sent, accepted, ended time.Duration, scheduler string, results []task.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end(ended)
	t.lagged(j, sent)
	l := line{job: j, sent: sent, accepted: accepted, ended: ended, scheduler: scheduler, tookPart: true}
	t.results(j, accepted, ended, results, &l)
	if l.failed > 0 {
		t.failed(j, l.code, l.failed)
	}

	response := ended - j.at
	v := t.timeline.at(j.at)
	v.response.add(response)
	if s := t.stage(j); s != nil {
		s.response.add(response)
	}
	if w := t.width(j); w != nil && j.counted {
		w.response.add(response)
	}
	if j.counted {
		t.response.add(response)
		t.user(j.user).response.add(response)
		t.means.Add(float64(response))
		t.accept.add(accepted - sent)
	}
	if n := len(results); n > 0 && results[n-1].Outcome == task.OK {
		last := &results[n-1]
		l.wait, l.service = last.Wait, last.Service
		p := parts{
			jobs: 1, lag: float64(sent - j.at), wait: float64(last.Wait), service: float64(last.Service),
			rest: float64(ended - sent - last.Wait - last.Service),
		}
		v.parts.add(&p)
		if j.counted {
			t.parts.add(&p)
		}
	}
	t.csv.job(&l)
	t.record.ran(j, results)
}

// end counts a job that is not under way any more.
func (t *tally) end(at time.Duration) {
	t.inFlight--
	t.ended++
	t.finished = max(t.finished, at)
}

// lagged counts how late a job was sent.
func (t *tally) lagged(j *job, sent time.Duration) {
	lag := sent - j.at
	v := t.timeline.at(j.at)
	v.lagMax = max(v.lagMax, lag)
	if j.counted {
		t.lag.add(lag)
	}
	if s := t.stage(j); s != nil {
		s.lag.add(lag)
	}
}

// results counts the outcomes of a job's tasks and notes those that failed in its line.
func (t *tally) results(j *job, accepted, ended time.Duration, results []task.Result, l *line) {
	t.outcomes += uint64(len(results))
	for i := range results {
		r := &results[i]
		if r.Outcome != task.OK {
			if l.failed++; l.failed == 1 {
				l.code = codeOf(r)
			}
		}
		if r.Attempt > 0 { // else it never started
			t.ran(j, r, accepted, ended)
		}
	}
}

// ran counts the last attempt at a task.
func (t *tally) ran(j *job, r *task.Result, accepted, ended time.Duration) {
	wide, _ := j.class.takes(r.Task)
	slots := float64(wide)
	if j.counted {
		t.wait.add(r.Wait)
		t.service.add(r.Service)
		t.demand += float64(r.Service) * slots
		if width := t.width(j); width != nil {
			width.wait.add(r.Wait)
		}
		t.countCache(r)
	}
	if s := t.stage(j); s != nil {
		s.wait.add(r.Wait)
		s.busy += float64(r.Service) * slots
	}
	// A wait begins when the job is accepted, a hop before that is known here, as the launch is a hop before the
	// start.
	start := min(accepted+r.Wait, ended-r.Service)
	t.timeline.run(start, start+r.Service, slots)
	if t.stocks != nil && j.user != "" {
		t.user(j.user).usage.run(start, start+r.Service, t.stocks.takes(&j.class, r.Task))
	}
	w := t.worker(r.Worker)
	w.tasks++
	w.wait += float64(r.Wait)
	w.service += float64(r.Service)
	if r.Outcome != task.OK {
		w.failed++
	}
	if t.counting {
		w.busy += float64(max(start+r.Service-max(start, t.first), 0)) * slots
	}
}

// countCache counts a task with an affinity key, whose result says whether its worker had the key in its cache.
func (t *tally) countCache(r *task.Result) {
	if !t.caching {
		return
	}
	switch string(r.Value) {
	case "hit":
		t.hits++
		t.cached++
	case "miss":
		t.cached++
	}
}

// codeOf returns why a task did not end ok.
func codeOf(r *task.Result) string {
	if r.Err != nil && r.Err.Code != "" {
		return string(r.Err.Code)
	}
	return r.Outcome.String()
}

// progress sums up what has happened so far.
func (t *tally) progress() Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	ms := func(x float64) time.Duration { return time.Duration(x * float64(time.Millisecond)) }
	return Progress{
		Sent: t.sent, Ended: t.ended, Errors: t.erred, InFlight: t.inFlight,
		P50: ms(t.response.quantile(0.5)), P99: ms(t.response.quantile(0.99)), LagP99: ms(t.lag.quantile(0.99)),
	}
}

// check says what does not add up once a run has ended; nil if all does.
func (t *tally) check() error {
	if accounted := t.ended + t.abandoned + t.errors[CodeOverload]; accounted != t.jobs || t.inFlight != 0 {
		return fmt.Errorf("loadgen: of %d jobs, %d have an end and %d are under way", t.jobs, accounted, t.inFlight)
	}
	return nil
}
