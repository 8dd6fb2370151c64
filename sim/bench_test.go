package sim_test

import (
	"fmt"
	"testing"
	"time"

	"dunnock/sim"
)

// BenchmarkRun simulates fleets at load 0.9 with jobs of 100 tasks, in simulated tasks per second of one core.
// Allocations are those of the set-up: jobs and tasks make none. With -short it is one small fleet and few jobs.
func BenchmarkRun(b *testing.B) {
	fleets, jobs := []int{1000, 10_000}, 20_000
	if testing.Short() {
		fleets, jobs = []int{100}, 500
	}
	for _, workers := range fleets {
		for _, policy := range []string{"late-binding", "late-binding-nocancel", "batch", "per-task", "ideal"} {
			b.Run(fmt.Sprintf("workers=%d/%s", workers, policy), func(b *testing.B) {
				b.ReportAllocs()
				tasks, messages := uint64(0), 0.0
				for b.Loop() {
					r := simulate(b, sim.Config{Policy: policy, Workers: workers, NetDelay: 500 * time.Microsecond, Seed: 1},
						flags{tasks: "100", service: "exp:100ms", load: 0.9, jobs: jobs, seed: 1})
					tasks += r.Tasks
					messages = r.MessagesPerTask // the same each time
				}
				b.ReportMetric(float64(tasks)/b.Elapsed().Seconds(), "tasks/s")
				b.ReportMetric(messages, "messages/task")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
