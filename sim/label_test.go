package sim

import (
	"context"
	"testing"
	"time"

	"dunnock/loadgen/workload"
	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// witness notes where tasks of a policy run.
type witness struct {
	Policy
	t     *testing.T
	n     [2]int // tasks that ask for something, and others
	liked int    // that run where they prefer to
}

func (w *witness) Deliver(e *Engine, m *Message) {
	if m.Kind == MessageLaunch {
		id := m.Job
		if c, ok := w.Policy.(*cores); ok {
			id = c.schedulers[m.Scheduler].jobs[uint32(m.Ref)]
		}
		w.look(e, m, id)
	}
	w.Policy.Deliver(e, m)
}

// look holds a launch against what its task asks for.
func (w *witness) look(e *Engine, m *Message, id JobID) {
	a, node := e.jobs[id].asks, e.fleet.kindOf(m.Worker).node
	if a == nil {
		w.n[1]++
		return
	}
	g := &a.groups[a.of[m.Task]]
	if len(g.Require)+len(g.Prefer)+len(g.Exclude)+len(g.Need.Resources) == 0 {
		w.n[1]++
		return
	}
	w.n[0]++
	for _, l := range g.Require {
		if !node.Has(l.Key, l.Value) {
			w.t.Errorf("task %d of job %d requires %v and runs on worker %d, which has %v", m.Task, e.jobs[id].index, l, m.Worker, node.Labels)
		}
	}
	for _, l := range g.Exclude {
		if node.Has(l.Key, l.Value) {
			w.t.Errorf("task %d of job %d excludes %v and runs on worker %d, which has it", m.Task, e.jobs[id].index, l, m.Worker)
		}
	}
	for _, r := range g.Need.Resources {
		if node.Resources[r.Name] < r.N {
			w.t.Errorf("task %d of job %d takes %v and runs on worker %d, which has %v", m.Task, e.jobs[id].index, r, m.Worker, node.Resources)
		}
	}
	for _, l := range g.Prefer {
		if node.Has(l.Key, l.Value) {
			w.liked++
		}
	}
}

// constrainedFleet is 50 workers of which some have labels and resources, and jobs that ask for them.
func constrainedFleet(t *testing.T, needs ...string) ([]workload.Node, *workload.Source) {
	t.Helper()
	fleet := workload.Fleet{
		Labels: []workload.Share{{Key: "gpu", Value: "yes", Of: 0.3}, {Key: "ssd", Value: "yes", Of: 0.5}}, Stocks: []workload.Stock{{Name: "memory", N: 8, Of: 1}, {Name: "card", N: 2, Of: 0.4}},
		Zones: 3, Seed: 3,
	}
	spec := workload.Spec{Load: 0.5, Slots: 200, Seed: 1}
	for _, err := range []error{
		spec.Tasks.UnmarshalText([]byte("10")), spec.Service.UnmarshalText([]byte("exp:100ms")), spec.Arrival.UnmarshalText([]byte("poisson")), fleet.Validate(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range needs {
		n, err := workload.ParseNeed(text)
		if err != nil {
			t.Fatal(err)
		}
		spec.Needs = append(spec.Needs, n)
	}
	source, err := workload.Generate(spec, workload.Window{Jobs: 500})
	if err != nil {
		t.Fatal(err)
	}
	return fleet.Nodes(50), source
}

func yes(label string, of float64) []workload.Share {
	return []workload.Share{{Key: label, Value: "yes", Of: of}}
}

// Under every policy that knows labels a task runs where it may, and nowhere else; under the fleet's own also with
// resources, preferences and zones.
func TestTasksRunWhereTheyMay(t *testing.T) {
	t.Parallel()
	for policy, start := range map[string]func(*Engine) Policy{"late-binding": newCores, "idle-offer": newCores, "per-task": newPerTask} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			wishes := workload.Wishes{RequireJobs: yes("ssd", 0.2), RequireTasks: yes("gpu", 0.1), ExcludeTasks: []workload.Share{{Key: "zone", Value: "z1", Of: 0.2}}, Seed: 3}
			var needs []string
			if policy != "per-task" {
				wishes.PreferTasks, wishes.Spread = yes("gpu", 0.2), "zone"
				needs = []string{"memory=1@0.8", "slots=2,memory=4,card=1@0.2"}
			}
			nodes, source := constrainedFleet(t, needs...)
			if err := source.Wish(wishes, nodes); err != nil {
				t.Fatal(err)
			}
			cfg := Config{Policy: policy, Workers: 50, NetDelay: time.Millisecond, Seed: 3, Nodes: nodes, Check: true}.WithDefaults()
			w := &witness{t: t}
			if _, err := run(context.Background(), cfg, source, func(e *Engine) Policy { w.Policy = start(e); return w }); err != nil {
				t.Fatal(err)
			}
			if w.n[0] < 500 || len(needs) == 0 && w.n[1] < 500 || len(needs) > 0 && w.liked < 500 {
				t.Errorf("%d tasks asked for something, %d did not; %d ran where they prefer to", w.n[0], w.n[1], w.liked)
			}
		})
	}
}

// The simulator keeps its own books of what runs at each worker: a core that lost count would be found out.
func TestTheWatchSeesTooMuch(t *testing.T) {
	t.Parallel()
	nodes := []workload.Node{{Resources: map[string]uint32{"memory": 8}}}
	e := &Engine{cfg: Config{Workers: 1, Slots: 4}.WithDefaults(), needs: make([]probe.Need, 1), needNumbers: map[probe.Need]uint16{}, fleet: newFleet(nodes, placement.Worker{})}
	e.shares = newShares(e)
	c := &cores{engine: e, workers: make([]worker, 1)}
	c.startWorker(0)
	n := e.numbered(probe.Need{Slots: 1, Resources: [probe.MaxResources]uint32{5}})
	for lane := range uint16(2) {
		c.expect(0, lane, JobID(n), false)
		c.occupied(0, lane)
	}
	if e.err == nil {
		t.Error("two tasks that take 5 of 8 run together")
	}
}
