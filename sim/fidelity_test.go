package sim_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/client"
	"dunnock/internal/fleettest"
	"dunnock/loadgen/workload"
	"dunnock/probe"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/sim"
	"dunnock/task"
	"dunnock/worker"
)

// TestFidelity runs the same jobs through the simulator and through a fleet of real schedulers, workers and clients in
// virtual time, and expects the same response at p50 and p99, and the same messages per task.
//
// What differs is where jobs are sampled, by other random streams. With another seed of sampling the simulator itself
// differs from one run of 12,000 jobs to the next by 0.2 % at p50 and 0.4 % at p99 (standard deviation, constant
// service), and so does a fleet. The tolerance is for that; the simulator's part of it is averaged away.
//
// And constant services end at the very instants at which messages arrive. What then comes first is in the simulator
// what was planned first, so that a slot still asks for a reservation whose cancellation has just come; here it is the
// Go scheduler's choice. That is 0.1 % of the messages and up to 0.6 % of p99.
func TestFidelity(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		schedulers int
		ratio      float64
		service    string
		load       float64
		jobs       int
	}{
		{3, 2, "const:20ms", 0.85, 12_000},
		{2, 3, "const:10ms", 0.8, 12_000},
		{5, 2, "exp:20ms", 0.9, 6000}, // where responses depend less on placement, and vary less
	} {
		t.Run(fmt.Sprintf("%g of %s", s.load, s.service), func(t *testing.T) {
			t.Parallel()
			jobs, tolerance := s.jobs, 0.02
			if raceDetector() { // which makes a fleet ten times slower
				jobs, tolerance = jobs/10, 0.06
			}
			cfg := sim.Config{Workers: 50, Slots: 4, Schedulers: s.schedulers, ProbeRatio: s.ratio, NetDelay: 500 * time.Microsecond, Seed: 1}
			f := flags{tasks: "10", service: s.service, load: s.load, jobs: jobs, warmup: jobs / 10, seed: 1}
			got, want := runFleet(t, cfg, f), simulated(t, cfg, f)
			for _, v := range []struct {
				what                 string
				got, want, tolerance float64
			}{
				{"p50", got.quantile(0.5), want.ResponseMS.P50, tolerance},
				{"p99", got.quantile(0.99), want.ResponseMS.P99, tolerance},
				{"messages per task", got.messagesPerTask, want.MessagesPerTask, tolerance / 2},
			} {
				t.Logf("%s: %.3f in the fleet, %.3f simulated: %+.2f %%", v.what, v.got, v.want, 100*(v.got/v.want-1))
				if !near(v.got, v.want, v.tolerance) {
					t.Errorf("%s: %.3f in the fleet, %.3f simulated; want them within %g %%", v.what, v.got, v.want, 100*v.tolerance)
				}
			}
		})
	}
}

// TestFidelityWithoutChance leaves nothing to chance: with one worker it does not matter what is sampled, and with one
// scheduler nothing else happens at the same instant. Then jobs take as long in the fleet as in the simulator, to the
// nanosecond.
func TestFidelityWithoutChance(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"late-binding", "late-binding-nocancel"} {
		cfg := sim.Config{Policy: policy, Workers: 1, Slots: 4, Schedulers: 1, NetDelay: 500 * time.Microsecond, ClientDelay: 200 * time.Microsecond}
		f := flags{tasks: "uniform:1,10", service: "exp:20ms", load: 0.8, jobs: 1000, seed: 1}
		got, want := runFleet(t, cfg, f), simulate(t, cfg, f).ResponseMS
		if mean := got.mean(); math.Abs(mean-want.Mean) > 1e-9*want.Mean || got.quantile(1) != want.Max {
			t.Errorf("%s: mean %.6f ms and at most %.6f in the fleet, %.6f and %.6f simulated", policy, mean, got.quantile(1), want.Mean, want.Max)
		}
	}
}

// simulated is what the simulator shows, as a mean over seeds of its sampling.
func simulated(t *testing.T, cfg sim.Config, f flags) *sim.Result {
	t.Helper()
	const seeds = 5
	var mean sim.Result
	for range seeds {
		r := simulate(t, cfg, f)
		mean.ResponseMS.P50 += r.ResponseMS.P50 / seeds
		mean.ResponseMS.P99 += r.ResponseMS.P99 / seeds
		mean.MessagesPerTask += r.MessagesPerTask / seeds
		cfg.Seed++
	}
	return &mean
}

// raceDetector reports whether the test was built with it.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// measured is what a fleet showed.
type measured struct {
	responses       []time.Duration // of the jobs after the warm-up, sorted
	messagesPerTask float64
}

// quantile returns the response of nearest rank in milliseconds.
func (m *measured) quantile(q float64) float64 {
	rank := int(math.Ceil(q*float64(len(m.responses)) - 1e-6))
	return float64(m.responses[rank-1]) / float64(time.Millisecond)
}

func (m *measured) mean() float64 {
	sum := time.Duration(0)
	for _, d := range m.responses {
		sum += d
	}
	return float64(sum) / float64(len(m.responses)) / float64(time.Millisecond)
}

// runFleet runs the jobs that the simulator would run under the same configuration through a fleet of that shape.
func runFleet(t *testing.T, cfg sim.Config, f flags) *measured {
	t.Helper()
	cfg = cfg.WithDefaults()
	var a assigner
	if _, err := sim.RunPolicy(t.Context(), cfg, source(t, f, cfg.Workers*cfg.Slots), func(*sim.Engine) sim.Policy { return &a }); err != nil {
		t.Fatal(err)
	}
	policy, err := placement.ParsePolicy(cfg.Policy)
	if err != nil {
		t.Fatal(err)
	}
	m := &measured{responses: make([]time.Duration, f.jobs)}
	synctest.Test(t, func(t *testing.T) {
		fleet := fleettest.New(t)
		defer fleet.Stop()
		fleet.Delay(probe.RoleWorker, cfg.NetDelay)
		fleet.Delay(probe.RoleScheduler, cfg.ClientDelay)
		var schedulers, workers []*fleettest.Node
		var clients []*client.Client // by scheduler
		for i := range cfg.Schedulers {
			n := fleet.Scheduler(fmt.Sprintf("s%d", i), func(c *scheduler.Config) { c.Policy, c.Seed = policy, cfg.Seed<<32+uint64(i) })
			schedulers, clients = append(schedulers, n), append(clients, fleet.Client(n))
		}
		for i := range cfg.Workers {
			workers = append(workers, fleet.Worker(fmt.Sprintf("w%d", i), cfg.Slots, map[string]worker.Handler{"serve": serve}, nil))
		}
		time.Sleep(time.Second) // schedulers and workers are connected by then
		for _, c := range clients {
			connect(t, c)
		}
		submitAll(t, source(t, f, cfg.Workers*cfg.Slots), cfg.ProbeRatio, func(i int) *client.Client { return clients[a.schedulers[i]] }, m.responses)
		m.messagesPerTask = messagesPerTask(t, schedulers, workers)
	})
	m.responses = m.responses[f.warmup:]
	slices.Sort(m.responses)
	return m
}

// assigner is a policy that runs everything at once and notes which scheduler each job goes to.
type assigner struct{ schedulers []uint32 }

// Submit starts the tasks.
func (a *assigner) Submit(e *sim.Engine, job sim.JobID) {
	a.schedulers = append(a.schedulers, e.Scheduler(job))
	for i := range e.Tasks(job) {
		e.Start(sim.Timer{Job: job, Task: uint32(i)})
	}
}

// Deliver is for messages, of which there are none.
func (a *assigner) Deliver(*sim.Engine, *sim.Message) {}

// Wake ends a task.
func (a *assigner) Wake(e *sim.Engine, t sim.Timer) { e.Finish(t.Job, t.Task, 0) }

// serve is a handler that takes as long as its payload says.
func serve(_ context.Context, t worker.Task) ([]byte, error) {
	time.Sleep(time.Duration(binary.LittleEndian.Uint64(t.Payload)))
	return nil, nil
}

// connect has a client connect, which it does when it first submits.
func connect(t *testing.T, c *client.Client) {
	t.Helper()
	h := fleettest.Submit(t, c, task.Job{App: "serve", Tasks: []task.Task{{Payload: make([]byte, 8)}}})
	fleettest.Wait(t, h)
}

// submitAll submits each job of a source when it arrives, and waits for all of them. It notes how long each took.
func submitAll(t *testing.T, jobs *workload.Source, ratio float64, to func(int) *client.Client, responses []time.Duration) {
	t.Helper()
	began := time.Now()
	var running sync.WaitGroup
	defer running.Wait()
	var j workload.Job
	for i := 0; jobs.Next(&j); i++ {
		time.Sleep(time.Until(began.Add(j.At)))
		spec := task.Job{App: "serve", ProbeRatio: ratio, Deadline: task.MaxDeadline, Tasks: make([]task.Task, len(j.Service))}
		for k, d := range j.Service {
			spec.Tasks[k].Payload = binary.LittleEndian.AppendUint64(nil, uint64(d))
		}
		at := time.Now()
		running.Go(func() {
			h, err := to(i).Submit(t.Context(), spec)
			if err != nil {
				t.Errorf("job %d: %v", i, err)
				return
			}
			if _, err := h.Wait(t.Context()); err != nil {
				t.Errorf("job %d: %v", i, err)
			}
			responses[i] = time.Since(at)
		})
	}
	if err := jobs.Err(); err != nil {
		t.Error(err)
	}
}

// messagesPerTask adds up what a fleet's metrics say: each call is answered once, by a launch or by NoTask.
func messagesPerTask(t *testing.T, schedulers, workers []*fleettest.Node) float64 {
	t.Helper()
	sum := func(nodes []*fleettest.Node, name string) (total float64) {
		for _, n := range nodes {
			total += n.Metric(name)
		}
		return total
	}
	tasks := sum(schedulers, `dunnock_tasks_total{result="ok"}`)
	if launches := sum(schedulers, "dunnock_launches_total"); launches != tasks {
		t.Errorf("%g launches of %g tasks, without a fault", launches, tasks)
	}
	messages := 2*tasks + 2*sum(schedulers, "dunnock_notask_total") + sum(workers, `dunnock_tasks_total{result="ok"}`)
	for _, name := range []string{
		"dunnock_reservations_total", "dunnock_cancelled_reservations_total", "dunnock_refused_reservations_total", "dunnock_declined_launches_total",
	} {
		messages += sum(schedulers, name)
	}
	return messages / tasks
}
