package sim_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"time"

	"dunnock/loadgen/workload"
	"dunnock/probe"
	"dunnock/sim"
)

// jobs makes a workload of jobs of ten tasks of 100 ms each, at 80 % of the slots.
func jobs(slots int) *workload.Source {
	spec := workload.Spec{Load: 0.8, Slots: slots, Seed: 1}
	var err error
	if spec.Tasks, err = workload.ParseTasks("10"); err != nil {
		log.Fatal(err)
	}
	if spec.Service, err = workload.ParseService("const:100ms"); err != nil {
		log.Fatal(err)
	}
	if spec.Arrival, err = workload.ParseArrival("poisson"); err != nil {
		log.Fatal(err)
	}
	source, err := workload.Generate(spec, workload.Window{Jobs: 5000, Warmup: workload.Warmup{Jobs: 500}})
	if err != nil {
		log.Fatal(err)
	}
	return source
}

// Two policies on the very same jobs.
func ExampleRun() {
	for _, policy := range []string{"batch", "late-binding"} {
		cfg := sim.Config{Policy: policy, Workers: 200, Slots: 4, NetDelay: 500 * time.Microsecond, Seed: 1}
		r, err := sim.Run(context.Background(), cfg, jobs(200*4))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: mean %.1f ms, p99 %.1f ms, %.1f messages a task\n", r.Policy, r.ResponseMS.Mean, r.ResponseMS.P99, r.MessagesPerTask)
	}
	// Output:
	// batch: mean 117.1 ms, p99 174.1 ms, 6.0 messages a task
	// late-binding: mean 106.9 ms, p99 130.2 ms, 6.4 messages a task
}

// twoQueues is a policy: each task goes to the shorter of two random queues, whose lengths it knows without asking.
type twoQueues struct {
	queues *sim.Queues // workers where tasks wait their turn
	rng    *rand.Rand
}

// Submit sends each task of a job that has arrived.
func (p *twoQueues) Submit(e *sim.Engine, job sim.JobID) {
	n := uint64(e.Config().Workers)
	for i := range e.Tasks(job) {
		w, other := uint32(probe.Below(p.rng, n)), uint32(probe.Below(p.rng, n))
		if p.queues.Len(other) < p.queues.Len(w) {
			w = other
		}
		e.Send(&sim.Message{Kind: sim.MessageLaunch, Scheduler: e.Scheduler(job), Worker: w, Job: job, Task: uint32(i)})
	}
}

// Deliver takes a launch at a worker, or a result at a scheduler.
func (p *twoQueues) Deliver(e *sim.Engine, m *sim.Message) { p.queues.Deliver(e, m) }

// Wake takes the end of a task: the worker sends the result and starts the next one.
func (p *twoQueues) Wake(e *sim.Engine, t sim.Timer) { p.queues.Done(e, t) }

// A policy of one's own is three methods.
func ExampleRunPolicy() {
	cfg := sim.Config{Policy: "two-queues", Workers: 200, Slots: 4, NetDelay: 500 * time.Microsecond, Seed: 1}
	r, err := sim.RunPolicy(context.Background(), cfg, jobs(200*4), func(e *sim.Engine) sim.Policy {
		return &twoQueues{queues: sim.NewQueues(e), rng: e.Rand(0)}
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: mean %.1f ms, p99 %.1f ms, %.1f messages a task\n", r.Policy, r.ResponseMS.Mean, r.ResponseMS.P99, r.MessagesPerTask)
	// Output:
	// two-queues: mean 130.8 ms, p99 180.7 ms, 2.0 messages a task
}
