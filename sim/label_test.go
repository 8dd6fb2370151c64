package sim

import (
	"context"
	"math"
	"testing"
	"time"

	"dunnock/loadgen/workload"
)

// Each label is drawn on its own, the same for all policies, and somebody has it.
func TestLabelling(t *testing.T) {
	c := Config{
		Workers: 20_000, Seed: 7, Labels: []Share{{"gpu", 0.1}, {"ssd", 0.5}, {"rare", 0}}, RequireJobs: []Share{{"ssd", 0.25}}, RequireTasks: []Share{{"gpu", 0.2}, {"rare", 1}},
	}
	l := newLabelling(&c)
	counts := map[mask]float64{}
	for _, m := range l.workers {
		counts[m]++
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.01 {
			t.Errorf("%s: %.3f, want %.3f", what, got, want)
		}
	}
	near("gpu and ssd", counts[3]/20_000, 0.05)
	near("ssd alone", counts[2]/20_000, 0.45)
	if counts[4]+counts[5]+counts[6]+counts[7] != 1 {
		t.Errorf("of a label with share 0 one worker has it, got %v", counts)
	}
	jobs, tasks := 0.0, 0.0
	for i := range uint64(20_000) {
		jobs += float64(l.ofJob(i) >> 1)
		tasks += float64(l.ofTask(i, uint32(i%7)) & 1)
	}
	near("jobs", jobs/20_000, 0.25)
	near("tasks", tasks/20_000, 0.2)
	for m := range mask(8) {
		got, who := l.who(m)
		if len(who) == 0 || got&^m != 0 {
			t.Errorf("nobody for %b", m)
		}
		for _, w := range who {
			if l.workers[w]&got != got {
				t.Errorf("worker %d has %b, want %b", w, l.workers[w], got)
			}
		}
	}
}

// witness notes where tasks of a policy run.
type witness struct {
	Policy
	t *testing.T
	n [2]int // tasks that require something, and others
}

func (w *witness) Deliver(e *Engine, m *Message) {
	if m.Kind == MessageLaunch {
		id := m.Job
		if c, ok := w.Policy.(*cores); ok {
			id = c.schedulers[m.Scheduler].jobs[uint32(m.Ref)]
		}
		index := e.jobs[id].index
		want, _ := e.labels.who(e.labels.ofJob(index) | e.labels.ofTask(index, m.Task))
		if e.labels.workers[m.Worker]&want != want {
			w.t.Errorf("task %d of job %d requires %b and runs on worker %d, which has %b", m.Task, index, want, m.Worker, e.labels.workers[m.Worker])
		}
		if want == 0 {
			w.n[1]++
		} else {
			w.n[0]++
		}
	}
	w.Policy.Deliver(e, m)
}

// Under every policy that knows labels a task runs where it may, and nowhere else.
func TestTasksRunWhereTheyMay(t *testing.T) {
	t.Parallel()
	for policy, start := range map[string]func(*Engine) Policy{"late-binding": newCores, "per-task": newPerTask} {
		tasks, err := workload.ParseTasks("10")
		if err != nil {
			t.Fatal(err)
		}
		service, err := workload.ParseService("exp:100ms")
		if err != nil {
			t.Fatal(err)
		}
		arrival, err := workload.ParseArrival("poisson")
		if err != nil {
			t.Fatal(err)
		}
		spec := workload.Spec{Tasks: tasks, Service: service, Arrival: arrival, Load: 0.7, Slots: 200, Seed: 1}
		source, err := workload.Generate(spec, workload.Window{Jobs: 500})
		if err != nil {
			t.Fatal(err)
		}
		cfg := Config{
			Policy: policy, Workers: 50, NetDelay: time.Millisecond, Seed: 3,
			Labels: []Share{{"gpu", 0.3}, {"ssd", 0.5}}, RequireJobs: []Share{{"ssd", 0.2}}, RequireTasks: []Share{{"gpu", 0.1}},
		}.WithDefaults()
		w := &witness{t: t}
		if _, err := run(context.Background(), cfg, source, func(e *Engine) Policy { w.Policy = start(e); return w }); err != nil {
			t.Fatal(err)
		}
		if w.n[0] < 500 || w.n[1] < 500 {
			t.Errorf("%s: %d tasks required something, %d did not", policy, w.n[0], w.n[1])
		}
	}
}
