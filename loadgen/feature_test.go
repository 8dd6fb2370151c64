package loadgen

import (
	"bytes"
	"log/slog"
	"maps"
	"math"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/loadgen/workload"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/sim"
	"dunnock/worker"
	"dunnock/worker/app"
	"dunnock/worker/queue"
)

// feature is one that a live fleet and the simulator have in common, and jobs that show it.
type feature struct {
	name       string
	policy     placement.Policy
	discipline queue.Discipline
	load       float64
	spec       map[string]string        // of the workload
	change     func(j *workload.Job)    // what its flags do not say
	keys       bool                     // of the tasks, with a cache at each worker
	needs      []string                 // of the tasks
	stocks     []string                 // of the workers
	labels     []string                 // likewise
	wishes     workload.Wishes          // of the jobs
	misses     float64                  // the least share of the jobs that miss their deadline; 0: none does
	shows      func(r *sim.Result) bool // that the feature does something at all
}

func features() []feature {
	wide := map[string]string{"tasks": "5", "service": "exp:50ms", "width": "bimodal:0.8,1,3"}
	shown := func(r *sim.Result) bool {
		return r.TaskSlots["3"].WaitMS.Mean > 1.5*r.TaskSlots["1"].WaitMS.Mean
	}
	users := map[string]string{"tasks": "5", "service": "exp:50ms", "users": "quiet:0.3,flood:1.1"}
	two := map[string]string{"tasks": "5", "service": "exp:50ms", "users": "first:0.3,later:0.6"}
	ranked, soon := maps.Clone(two), map[string]string{"tasks": "5", "service": "const:50ms", "deadlines": "exp:200ms"}
	ranked["priority"] = "first:5"
	sooner := func(first, later string) func(r *sim.Result) bool {
		return func(r *sim.Result) bool {
			return r.Users[later].WaitMS.Mean > 1.5*r.Users[first].WaitMS.Mean
		}
	}
	constrained := feature{
		load: 0.5, spec: map[string]string{"tasks": "5", "service": "exp:50ms"}, labels: []string{"gpu=0.4", "ssd=0.5"},
		wishes: workload.Wishes{
			RequireTasks: asked("gpu=0.15"), PreferTasks: asked("ssd=0.3"), ExcludeTasks: asked("zone=z1=0.2"), Spread: "zone", Seed: 1,
		},
		shows: func(r *sim.Result) bool { return r.MessagesPerTask > 3.2 },
	}
	resources := feature{
		load: 0.4, spec: map[string]string{"tasks": "5", "service": "exp:50ms", "users": "ann:1,bob:1"}, stocks: []string{"cpu=5", "memory=9", "card=1@0.5"},
		needs: []string{"ann:cpu=1,memory=4", "bob:cpu=3,memory=1@0.9", "bob:cpu=1,card=1@0.1"},
		shows: func(r *sim.Result) bool {
			return r.Users["bob"].Shares["cpu"] > 0.3 && r.Users["ann"].Shares["memory"] > 0.3
		},
	}
	with := func(f feature, name string, p placement.Policy, d queue.Discipline) feature {
		f.name, f.policy, f.discipline = name, p, d
		return f
	}
	return []feature{
		with(constrained, "constraints, late binding", placement.LateBinding, 0),
		with(constrained, "constraints, idle offers", placement.IdleOffer, 0),
		with(resources, "resources, late binding", placement.LateBinding, 0),
		with(resources, "resources, idle offers", placement.IdleOffer, 0),
		with(resources, "resources, fair", placement.IdleOffer, queue.Fair),
		{name: "wide tasks, late binding", policy: placement.LateBinding, load: 0.6, spec: wide, shows: shown},
		{name: "wide tasks, idle offers", policy: placement.IdleOffer, load: 0.6, spec: wide, shows: shown},
		{name: "fair, idle offers", policy: placement.IdleOffer, discipline: queue.Fair, load: 1.4, spec: users, shows: sooner("quiet", "flood")},
		{name: "priority, late binding", policy: placement.LateBinding, discipline: queue.Priority, load: 0.9, spec: ranked, shows: sooner("first", "later")},
		{name: "srpt, idle offers", policy: placement.IdleOffer, discipline: queue.SRPT, load: 0.9, spec: two, shows: sooner("first", "later"), change: func(j *workload.Job) {
			for i := range j.Service {
				if j.User == "first" {
					j.Service[i] /= 2
				}
			}
			j.Est = j.Service[0]
			for _, s := range j.Service {
				j.Est = max(j.Est, s)
			}
		}},
		{name: "edf, late binding", policy: placement.LateBinding, discipline: queue.EDF, load: 0.8, spec: two},
		{name: "deadlines, late binding", policy: placement.LateBinding, load: 0.95, spec: soon, misses: 0.05},
		{name: "deadlines, edf, idle offers", policy: placement.IdleOffer, discipline: queue.EDF, load: 0.85, spec: soon, misses: 0.05},
		{
			name: "affinity, idle offers", policy: placement.IdleOffer, load: 0.4, keys: true, spec: map[string]string{"tasks": "5", "service": "exp:20ms", "keys": "zipf:200,0.9"},
			shows: func(r *sim.Result) bool { return r.Affinity.HitRate > 0.8 },
		},
	}
}

const featureSlots = 40 // on ten workers

// asked reads a label and a share.
func asked(text string) []workload.Share {
	var s workload.Share
	if err := s.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return []workload.Share{s}
}

// nodes is what the workers of a feature have.
func (f *feature) nodes(t *testing.T) []workload.Node {
	t.Helper()
	fleet := workload.Fleet{Seed: 1}
	if f.wishes.Spread != "" {
		fleet.Zones = 3
	}
	for _, text := range f.labels {
		fleet.Labels = append(fleet.Labels, asked(text)...)
	}
	for _, text := range f.stocks {
		var s workload.Stock
		if err := s.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		fleet.Stocks = append(fleet.Stocks, s)
	}
	return fleet.Nodes(10)
}

// file returns the jobs of a feature as a file.
func (f *feature) file(t *testing.T) []byte {
	t.Helper()
	spec := workload.Spec{Load: f.load, Slots: featureSlots, Seed: 1}
	for name, text := range f.spec {
		into := map[string]interface{ UnmarshalText([]byte) error }{
			"tasks": &spec.Tasks, "service": &spec.Service, "users": &spec.Users, "keys": &spec.Keys, "width": &spec.Width,
			"priority": &spec.Priorities, "deadlines": &spec.Deadlines,
		}
		if err := into[name].UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := spec.Arrival.UnmarshalText([]byte("poisson")); err != nil {
		t.Fatal(err)
	}
	for _, text := range f.needs {
		n, err := workload.ParseNeed(text)
		if err != nil {
			t.Fatal(err)
		}
		spec.Needs = append(spec.Needs, n)
	}
	source, err := workload.Generate(spec, workload.Window{Jobs: 1200})
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Wish(f.wishes, f.nodes(t)); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	w, j := workload.NewWriter(&text), workload.Job{}
	for source.Next(&j) {
		if f.change != nil {
			f.change(&j)
		}
		if err := w.Write(&j); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// live runs the jobs of a feature on a fleet in virtual time.
func (f *feature) live(t *testing.T, source *workload.Source, cache workload.Cache) (r *Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fleet := fleettest.New(t)
		defer fleet.Stop()
		cfg := Config{
			Dial: fleet.Dial, Logger: slog.New(slog.DiscardHandler), NoAlarm: true, Cache: cache, Timeout: time.Hour,
			Fleet: Fleet{Policy: f.policy.String(), Schedulers: 2, Workers: 10, Slots: featureSlots, Uniform: true},
		}
		for i := range 2 {
			cfg.Schedulers = append(cfg.Schedulers, fleet.Scheduler("s"+strconv.Itoa(i+1), func(c *scheduler.Config) {
				c.Policy = f.policy
				c.MaxQueueTime = time.Hour
			}).Addr)
		}
		nodes := f.nodes(t)
		for i := range 10 {
			own, name := &app.Sleeper{}, "w"+strconv.Itoa(i+1)
			node := Node{Role: "worker", Name: name, Slots: featureSlots / 10}
			if nodes != nil {
				node.Labels, node.Resources = nodes[i].Labels, nodes[i].Resources
			}
			cfg.Fleet.Nodes = append(cfg.Fleet.Nodes, node)
			fleet.Worker(name, featureSlots/10, map[string]worker.Handler{SleepApp: own.Handle}, func(c *worker.Config) {
				c.Labels, c.Resources = maps.Clone(node.Labels), node.Resources
				c.Zone = c.Labels["zone"]
				delete(c.Labels, "zone")
				if f.discipline != 0 {
					c.Discipline = f.discipline.String()
				}
			})
		}
		time.Sleep(time.Second) // all are connected
		var err error
		if r, err = Run(t.Context(), cfg, source); err != nil {
			t.Fatal(err)
		}
	})
	return r
}

// TestFeaturesAgreeWithTheSimulator runs the same jobs on a live fleet in virtual time and in the simulator, which
// decide with the same code: whatever is asked of either, they agree within a tenth.
func TestFeaturesAgreeWithTheSimulator(t *testing.T) {
	t.Parallel()
	for _, f := range features() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			text := f.file(t)
			source := func() *workload.Source {
				s, err := workload.Read(bytes.NewReader(text), workload.Window{Warmup: workload.Warmup{Jobs: 200}})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			var cache workload.Cache
			if f.keys {
				cache = workload.Cache{Keys: 40, MissCost: 4}
			}
			live := f.live(t, source(), cache)
			same, err := sim.Run(t.Context(), sim.Config{
				Policy: f.policy.String(), Workers: 10, Slots: featureSlots / 10, Schedulers: 2, Cache: cache, Sharing: sim.Sharing{Discipline: f.discipline}, Nodes: f.nodes(t),
			}, source())
			if err != nil {
				t.Fatal(err)
			}
			if f.misses == 0 && live.FailedJobs > 0 || live.Jobs != 1200 || f.shows != nil && !f.shows(same) {
				t.Fatalf("%d tasks of %d jobs failed, or there is nothing to be seen: %+v %+v", live.FailedTasks, live.Jobs, same.Users, same.TaskSlots)
			}
			agree := func(what string, live, same float64) {
				t.Logf("%s: live %.2f, simulated %.2f", what, live, same)
				if math.Abs(live/same-1) > 0.1 {
					t.Errorf("%s: live %.2f, simulated %.2f", what, live, same)
				}
			}
			agree("mean response", live.ResponseMS.Mean, same.ResponseMS.Mean)
			if missed := float64(same.FailedJobs); f.misses > 0 {
				agree("jobs that miss their deadline", float64(live.FailedJobs), missed)
				if missed < f.misses*1200 {
					t.Errorf("%g jobs miss their deadline: what is compared?", missed)
				}
			}
			if f.misses == 0 { // of attempts that are stopped loadgen does not hear how long they ran
				agree("utilization", live.Utilization, same.Utilization)
			}
			for slots, w := range same.TaskSlots {
				agree("response of tasks of "+slots, live.TaskSlots[slots].ResponseMS.Mean, w.ResponseMS.Mean)
			}
			for _, u := range live.Users {
				if s, known := same.Users[u.User]; known && u.User != "" {
					agree("response of "+u.User, u.ResponseMS.Mean, s.ResponseMS.Mean)
					for name, share := range s.Shares {
						agree("share that "+u.User+" has of "+name, u.Shares[name], share)
					}
				}
			}
			if f.keys {
				agree("hits", live.Affinity.HitRate, same.Affinity.HitRate)
			}
		})
	}
}
