package scheduler_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/client"
	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/scheduler"
	"dunnock/task"
)

// Two clients own each job, and connections break, fall silent and are slow, and nodes die and come back, in random
// order. Then nothing more happens, and everything comes to rest: every client has one outcome for each task, and
// nobody keeps anything.
func TestStorm(t *testing.T) {
	for seed := range uint64(stormSeeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fleettest.Fleet) { newStorm(t, f, seed).run() })
		})
	}
}

const stormSeeds = 6

type storm struct {
	t          *testing.T
	f          *fleettest.Fleet
	rng        *rand.Rand
	schedulers []*fleettest.Node
	workers    []*fleettest.Node
	clients    []*client.Client
	handles    []*client.Handle
}

func newStorm(t *testing.T, f *fleettest.Fleet, seed uint64) *storm {
	t.Helper()
	s := &storm{t: t, f: f, rng: rand.New(rand.NewPCG(seed, 7))}
	for i := range 3 {
		s.schedulers = append(s.schedulers, f.Scheduler(fmt.Sprintf("s%d", i), func(c *scheduler.Config) { c.ResultTTL = time.Second }))
	}
	for i := range 5 {
		s.workers = append(s.workers, s.worker(i))
	}
	synctest.Wait()
	return s
}

func (s *storm) worker(i int) *fleettest.Node {
	return s.f.Worker(fmt.Sprintf("w%d", i), 3, apps(nil), nil)
}

func (s *storm) run() {
	for range 4 {
		s.clients = append(s.clients, s.f.Client(s.schedulers...))
	}
	for i := range 60 {
		if i%6 == 0 {
			s.submit(byte(i + 1))
		}
		if i == 30 { // one scheduler dies for good
			s.schedulers[0].Kill()
			s.schedulers = s.schedulers[1:]
		}
		s.disturb()
		time.Sleep(time.Duration(s.rng.IntN(300)) * time.Millisecond)
	}
	for _, n := range append(s.workers, s.schedulers...) {
		s.f.Drop(n, false)
	}
	for i, h := range s.handles {
		results, err := h.Wait(s.t.Context())
		if err != nil {
			s.t.Errorf("job %v of client %d: %v", h.ID(), i%2, err)
		}
		seen := make(map[int]bool)
		for r := range h.Results() {
			if seen[r.Task] {
				s.t.Errorf("job %v: task %d was told twice", h.ID(), r.Task)
			}
			seen[r.Task] = true
		}
		if len(seen) != len(results) {
			s.t.Errorf("job %v: %d outcomes of %d tasks", h.ID(), len(seen), len(results))
		}
	}
	for _, c := range s.clients {
		_ = c.Close()
	}
	time.Sleep(20 * time.Second)
	for _, n := range s.schedulers {
		for _, name := range []string{
			"dunnock_running_jobs", "dunnock_running_tasks", "dunnock_queue_depth", "dunnock_client_connections", "dunnock_payload_bytes", "dunnock_retained_bytes",
			`dunnock_held_jobs{reason="no_owner"}`, `dunnock_held_jobs{reason="owner_asked"}`, `dunnock_held_jobs{reason="unread_results"}`,
		} {
			if v := n.Metric(name); v != 0 {
				s.t.Errorf("%s: %s is %v", n.Name, name, v)
			}
		}
		if v := n.Metric("dunnock_connections"); v != 5 {
			s.t.Errorf("%s is connected to %v workers", n.Name, v)
		}
	}
	time.Sleep(30 * time.Second) // results for schedulers that have died go with time
	for _, n := range s.workers {
		for _, name := range []string{`dunnock_slots{state="running"}`, `dunnock_slots{state="asking"}`, "dunnock_queue_depth", "dunnock_unacked_results"} {
			if v := n.Metric(name); v != 0 {
				s.t.Errorf("%s: %s is %v", n.Name, name, v)
			}
		}
	}
}

// submit has two clients submit the same job.
func (s *storm) submit(id byte) {
	job := task.Job{ID: task.JobID{id}, App: "echo", MaxAttempts: task.MaxAttempts, Tasks: make([]task.Task, 1+s.rng.IntN(60))}
	for i := range job.Tasks {
		job.Tasks[i].Payload = []byte((time.Duration(s.rng.IntN(400)) * time.Millisecond).String())
	}
	at := s.rng.IntN(len(s.clients))
	for i := range 2 {
		h, err := s.clients[(at+i)%len(s.clients)].Submit(s.t.Context(), job)
		switch {
		case i > 0 && errors.Is(err, task.CodeConflict):
			continue // it came so late that the job was over
		case err != nil:
			s.t.Errorf("job %d: %v", id, err)
			continue
		}
		s.handles = append(s.handles, h)
	}
}

// disturb does one thing that goes wrong in networks.
func (s *storm) disturb() {
	i, j := s.rng.IntN(len(s.workers)), s.rng.IntN(len(s.schedulers))
	switch s.rng.IntN(8) {
	case 0, 1:
		s.f.Break(s.workers[i])
	case 2, 3:
		s.f.Break(s.schedulers[j])
	case 4:
		s.f.Drop(s.workers[i], true)
		time.Sleep(time.Duration(s.rng.IntN(3000)) * time.Millisecond)
		s.f.Drop(s.workers[i], false)
	case 5:
		s.f.Drop(s.schedulers[j], true)
		time.Sleep(time.Duration(s.rng.IntN(3000)) * time.Millisecond)
		s.f.Drop(s.schedulers[j], false)
	case 6:
		s.f.Delay(probe.RoleWorker, time.Duration(s.rng.IntN(20))*time.Millisecond)
		s.f.Delay(probe.RoleScheduler, time.Duration(s.rng.IntN(20))*time.Millisecond)
	case 7:
		s.workers[i].Kill()
		s.f.Forget(probe.RoleWorker, s.workers[i].Name)
		s.workers[i] = s.worker(i)
	}
}
