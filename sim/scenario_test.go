package sim_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"dunnock/loadgen/workload"
	"dunnock/sim"
	"dunnock/worker/queue"
)

// TestScenarios runs the scripts under testdata/scenario: each scenario twice, and both times the summary and the
// digest must be those of the script, on every machine and with every release of Go. The first jobs of each run once
// more with every core checking itself after every step. A scenario is
//
//	run policy=late-binding workers=100 tasks=10 service=exp:100ms load=0.9 jobs=2000 warmup=300
//
// with those flags of `dunnock sim run` that differ from the defaults in scenario.
func TestScenarios(t *testing.T) {
	t.Parallel()
	datadriven.Walk(t, "testdata/scenario", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s := newScenario()
			for _, arg := range d.CmdArgs {
				if len(arg.Vals) == 0 {
					d.Fatalf(t, "%s has no value", arg.Key)
				}
				value := arg.Vals[0]
				for _, more := range arg.Vals[1:] {
					value += "," + more
				}
				if err := s.set(arg.Key, value); err != nil {
					d.Fatalf(t, "%s: %v", arg.Key, err)
				}
			}
			first := summary(simulate(t, s.config, s.flags))
			if second := summary(simulate(t, s.config, s.flags)); second != first {
				d.Fatalf(t, "run again:\n%swas before:\n%s", second, first)
			}
			s.check(t)
			return first
		})
	})
}

// scenario is one simulation.
type scenario struct {
	config sim.Config
	flags  flags
}

func newScenario() *scenario {
	return &scenario{
		config: sim.Config{
			Policy: "late-binding", Workers: 100, Slots: 4, Schedulers: 5, NetDelay: 500 * time.Microsecond, Decision: time.Millisecond, Seed: 1,
			Faults: sim.Faults{Outage: 200 * time.Millisecond, Lease: 150 * time.Millisecond},
		},
		flags: flags{tasks: "10", service: "exp:100ms", load: 0.9, jobs: 2000, warmup: 300, seed: 1},
	}
}

// check runs the first jobs with and without checks, which may not make a difference.
func (s *scenario) check(t *testing.T) {
	t.Helper()
	few := *s
	few.flags.jobs, few.flags.warmup = min(s.flags.jobs, 1000/s.tasks()), 0
	plain := summary(simulate(t, few.config, few.flags))
	few.config.Check = true
	if checked := summary(simulate(t, few.config, few.flags)); checked != plain {
		t.Errorf("with checks:\n%swithout:\n%s", checked, plain)
	}
}

// tasks returns about how many tasks a job has.
func (s *scenario) tasks() int {
	if n, err := strconv.Atoi(s.flags.tasks); err == nil {
		return n
	}
	return 20
}

// set takes one flag.
func (s *scenario) set(key, value string) (err error) {
	c, f := &s.config, &s.config.Faults
	texts := map[string]*string{"policy": &c.Policy, "tasks": &s.flags.tasks, "service": &s.flags.service, "arrival": &s.flags.arrival}
	counts := map[string]*int{
		"workers": &c.Workers, "slots": &c.Slots, "schedulers": &c.Schedulers, "jobs": &s.flags.jobs, "warmup": &s.flags.warmup, "zones": &s.flags.fleet.Zones, "max-attempts": &c.MaxAttempts,
	}
	fractions := map[string]*float64{
		"load": &s.flags.load, "probe-ratio": &c.ProbeRatio, "drop": &f.Drop, "delay": &f.Delay, "duplicate": &f.Duplicate, "reorder": &f.Reorder,
	}
	times := map[string]*time.Duration{
		"net-delay": &c.NetDelay, "client-delay": &c.ClientDelay, "task-overhead": &c.TaskOverhead, "decision": &c.Decision, "until": &f.Until,
		"partition": &f.PartitionEvery, "worker-crash": &f.WorkerCrashEvery, "scheduler-crash": &f.SchedulerCrashEvery,
	}
	wishes := &s.flags.wishes
	shares := map[string]*[]workload.Share{
		"label": &s.flags.fleet.Labels, "require-jobs": &wishes.RequireJobs, "require-tasks": &wishes.RequireTasks,
		"prefer-tasks": &wishes.PreferTasks, "exclude-tasks": &wishes.ExcludeTasks,
	}
	switch {
	case shares[key] != nil: // as gpu:0.1
		var share workload.Share
		err = share.UnmarshalText([]byte(strings.ReplaceAll(value, ":", "=")))
		*shares[key] = append(*shares[key], share)
	case key == "resource": // as gpu:2@0.5
		var stock workload.Stock
		err = stock.UnmarshalText([]byte(strings.Replace(value, ":", "=", 1)))
		s.flags.fleet.Stocks = append(s.flags.fleet.Stocks, stock)
	case key == "need": // as ann/cpu:1/memory:4@0.5
		value = strings.ReplaceAll(value, ":", "=")
		if user, rest, found := strings.Cut(value, "//"); found {
			value = user + ":" + rest
		}
		var need workload.Need
		need, err = workload.ParseNeed(strings.ReplaceAll(value, "/", ","))
		s.flags.needs = append(s.flags.needs, need)
	case key == "spread":
		wishes.Spread = value
	case key == "users":
		err = s.flags.users.UnmarshalText([]byte(value))
	case key == "discipline":
		c.Sharing.Discipline, err = queue.ParseDiscipline(value)
	case texts[key] != nil:
		*texts[key] = value
	case counts[key] != nil:
		*counts[key], err = strconv.Atoi(value)
	case fractions[key] != nil:
		*fractions[key], err = strconv.ParseFloat(value, 64)
	case times[key] != nil:
		*times[key], err = time.ParseDuration(value)
	default:
		return fmt.Errorf("no such flag")
	}
	return err
}

// summary is what a script holds of a result.
func summary(r *sim.Result) string {
	a, w := &r.ResponseMS, &r.WaitMS
	return fmt.Sprintf("%d jobs, %d tasks, %d failed, %d events, %.3f messages a task, utilization %.4f\n"+
		"response: mean %.3f (%.3f to %.3f), p50 %.3f, p90 %.3f, p95 %.3f, p99 %.3f, p999 %.3f, max %.3f\n"+
		"wait: mean %.3f, p50 %.3f, p95 %.3f, p99 %.3f, p999 %.3f\n"+
		"digest %s\n",
		r.Jobs, r.Tasks, r.FailedTasks, r.Events, r.MessagesPerTask, r.Utilization,
		a.Mean, a.CI95[0], a.CI95[1], a.P50, a.P90, a.P95, a.P99, a.P999, a.Max,
		w.Mean, w.P50, w.P95, w.P99, w.P999, r.Digest)
}
