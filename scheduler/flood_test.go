package scheduler_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dunnock/client"
	"dunnock/internal/fleettest"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// flood is jobs of tasks of 5 to 50 ms, at random times, at three schedulers and twenty slots, which do 727 such tasks
// a second.
type flood struct {
	c                       *client.Client
	accepted, refused, late atomic.Int32
	jobs                    sync.WaitGroup
}

const floodTasks = 10

// submit submits so many jobs a second, for a while.
func (f *flood) submit(seed uint64, rate float64, deadline, lasts time.Duration) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for began := time.Now(); time.Since(began) < lasts; {
		job := echoJob(floodTasks, "")
		job.ID, job.Deadline = idFrom(rng), deadline
		for t := range job.Tasks {
			job.Tasks[t].Payload = []byte((5*time.Millisecond + time.Duration(rng.Int64N(int64(45*time.Millisecond)))).String())
		}
		f.jobs.Go(func() { f.follow(job) })
		time.Sleep(time.Duration(rng.ExpFloat64() / rate * float64(time.Second)))
	}
}

// idFrom draws a job's ID. It says which scheduler has the job: with those that clients draw by themselves a run would
// have luck of its own.
func idFrom(rng *rand.Rand) (id task.JobID) {
	for i := range id {
		id[i] = byte(rng.Uint32())
	}
	return id
}

func (f *flood) follow(job task.Job) bool {
	h, err := f.c.Submit(context.Background(), job)
	if err != nil {
		f.refused.Add(1)
		return false
	}
	f.accepted.Add(1)
	began := time.Now()
	_, _ = h.Wait(context.Background())
	// It was to be launched in the first half of its time, by what could be known. A quarter more is to be wrong in.
	if h.Outcome() != task.OK || time.Since(began) > job.Deadline*3/4+50*time.Millisecond {
		f.late.Add(1)
	}
	return true
}

// Twice as much work as the fleet can do, of jobs that may take a second, comes upon one that has something to do. What
// is accepted is done, from the first moment on; the rest is refused; and the slots have hardly a pause.
func TestFloodIsRefusedAndNotDropped(t *testing.T) {
	for _, policy := range []placement.Policy{placement.LateBinding, placement.IdleOffer} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(policy, seed), func(t *testing.T) {
				inBubble(t, func(t *testing.T, fl *fleettest.Fleet) {
					const lasts = 3 * time.Second
					var nodes []*fleettest.Node
					for i := range 3 {
						nodes = append(nodes, fl.Scheduler(fmt.Sprintf("s%d", i+1), func(c *scheduler.Config) { c.Policy, c.Seed = policy, 10*seed+uint64(i)+1 }))
					}
					for i := range 5 {
						fl.Worker(fmt.Sprintf("w%d", i+1), 4, apps(nil), nil)
					}
					time.Sleep(time.Second)
					f := &flood{c: fl.Client(nodes...)}
					f.jobs.Go(func() { f.submit(seed+100, 36, 10*time.Second, lasts+time.Second) })
					time.Sleep(time.Second)
					before := f.accepted.Load()
					f.submit(seed, 145, time.Second, lasts)
					got := f.accepted.Load() - before
					f.jobs.Wait()
					if n := f.late.Load(); n > 0 {
						t.Errorf("%d jobs of %d were accepted and not done, or only just", n, f.accepted.Load())
					}
					if least := int32(0.9 * 727 / floodTasks * lasts.Seconds()); got < least || f.refused.Load() == 0 {
						t.Errorf("%d jobs accepted and %d refused; at least %d could be done", got, f.refused.Load(), least)
					}
				})
			})
		}
	}
}
