package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/client"
	"dunnock/internal/api"
	"dunnock/internal/fleettest"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/task"
	"dunnock/worker"
)

// meter counts what tasks have at one worker, as they say themselves.
type meter struct {
	mu     sync.Mutex
	slots  int
	gpus   uint32
	peak   int
	gpu    uint32
	starts int
}

func (m *meter) nap(_ context.Context, t worker.Task) ([]byte, error) {
	d, err := time.ParseDuration(string(t.Payload))
	if err != nil {
		return nil, err
	}
	m.change(t.Slots, t.Resources["gpu"])
	time.Sleep(d)
	m.change(-t.Slots, -t.Resources["gpu"])
	return fmt.Appendf(nil, "%d slots, %d GPUs", t.Slots, t.Resources["gpu"]), nil
}

func (m *meter) change(slots int, gpus uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slots, m.gpus = m.slots+slots, m.gpus+gpus
	m.peak, m.gpu = max(m.peak, m.slots), max(m.gpu, m.gpus)
	if slots > 0 {
		m.starts++
	}
}

// Tasks of several slots and with resources run beside plain ones under either policy, and never more of them together
// than their worker has. Each is told what it has.
func TestNeeds(t *testing.T) {
	for _, policy := range []placement.Policy{placement.LateBinding, placement.IdleOffer} {
		t.Run(policy.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
				s := f.Scheduler("s1", func(c *scheduler.Config) { c.Policy = policy })
				meters := make([]meter, 3)
				for i := range meters {
					f.Worker(fmt.Sprintf("w%d", i), 4, map[string]worker.Handler{"nap": meters[i].nap}, func(c *worker.Config) {
						c.Resources = map[string]uint32{"gpu": 2, "memory": 100}
					})
				}
				synctest.Wait()
				j := task.Job{App: "nap", Tasks: make([]task.Task, 200), Resources: map[string]uint32{"memory": 10}}
				for i := range j.Tasks {
					at := &j.Tasks[i]
					at.Payload = fmt.Appendf(nil, "%dms", 1+i%7)
					switch i % 5 {
					case 1:
						at.Slots = 4
					case 2:
						at.Resources = map[string]uint32{"gpu": 1}
					case 3:
						at.Slots, at.Resources = 2, map[string]uint32{"gpu": 2}
					case 4:
						at.Resources = map[string]uint32{"memory": 0} // a plain one
					}
				}
				results, err := submit(t, f.Client(s), j).Wait(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range results {
					want := []string{"1 slots, 0 GPUs", "4 slots, 0 GPUs", "1 slots, 1 GPUs", "2 slots, 2 GPUs", "1 slots, 0 GPUs"}[r.Task%5]
					if r.Outcome != task.OK || string(r.Value) != want {
						t.Fatalf("task %d: %+v with %q, want %q", r.Task, r.Outcome, r.Value, want)
					}
				}
				starts := 0
				for i := range meters {
					m := &meters[i]
					starts += m.starts
					if m.peak != 4 || m.gpu != 2 {
						t.Errorf("worker %d ran tasks of %d slots and %d GPUs together; it has 4 and 2, and there was enough to do", i, m.peak, m.gpu)
					}
				}
				if starts != len(j.Tasks) {
					t.Errorf("%d starts of %d tasks", starts, len(j.Tasks))
				}
			})
		})
	}
}

// What nobody has is refused and named, and what waits for more than a slot says so.
func TestNeedsAreSaid(t *testing.T) {
	withHTTP(t, nil, func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, http *caller) {
		var m meter
		f.Worker("w1", 2, map[string]worker.Handler{"nap": m.nap}, func(c *worker.Config) {
			c.Resources, c.Discipline = map[string]uint32{"gpu": 1}, "fair"
		})
		f.Worker("w2", 1, map[string]worker.Handler{"other": m.nap}, func(c *worker.Config) { c.Discipline = "edf" }) // of which no job here says anything
		synctest.Wait()
		c := f.Client(s)
		for want, j := range map[string]task.Job{
			`slots: no connected worker with app "nap" has 3 slots; the most is 2, of w1`:          {Slots: 3},
			`resources: no connected worker with app "nap" has gpu=2; the most is 1, of w1`:        {Resources: map[string]uint32{"gpu": 2}},
			`tasks[0].resources: no connected worker with app "nap" has tape=1; none has any tape`: {Tasks: []task.Task{{Resources: map[string]uint32{"tape": 1}}}},
			`slots: want 1 to 4096, got 5000`:                                                      {Slots: 5000},
		} {
			j.App = "nap"
			if j.Tasks == nil {
				j.Tasks = make([]task.Task, 1)
			}
			code := task.CodeUnsatisfiable
			if j.Slots > 4096 {
				code = task.CodeInvalidJob
			}
			if _, err := c.Submit(t.Context(), j); !errors.Is(err, code) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s with %q", err, code, want)
			}
		}
		job := task.Job{ID: task.JobID{1}, App: "nap", User: "ann", Slots: 2, Tasks: []task.Task{{Payload: []byte("100ms")}, {Payload: []byte("100ms")}}}
		h := submit(t, c, job)
		time.Sleep(10 * time.Millisecond)
		var detail api.JobDetail
		http.do("GET", "/v1/jobs/"+h.ID().String(), "", 200, &detail)
		if want := "1 task waits for 2 slots: 1 reservation is queued at 1 eligible worker that has as much, for 10ms; users share the slots, and what counts is what ann has had of late (fair)"; detail.Why != want {
			t.Errorf("why %q, want %q", detail.Why, want)
		}
		if detail.Slots != 2 || detail.Resources != nil {
			t.Errorf("the job takes %d slots and %v", detail.Slots, detail.Resources)
		}
		var list api.WorkerList
		http.do("GET", "/v1/workers", "", 200, &list)
		if w := list.Workers[0]; w.Resources["gpu"] != 1 || len(w.Resources) != 1 {
			t.Errorf("worker %+v", w)
		}
		job.Slots = 1
		if _, err := f.Client(s).Submit(t.Context(), job); !errors.Is(err, task.CodeConflict) {
			t.Errorf("the same job with other needs: %v", err)
		}
		if _, err := h.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A job says that queues are full: under idle offers too, where workers do not go by who came first.
func TestFullQueuesAreSaid(t *testing.T) {
	for policy, discipline := range map[placement.Policy]string{placement.LateBinding: "fifo", placement.IdleOffer: "fair"} {
		t.Run(policy.String(), func(t *testing.T) { fullQueuesAreSaid(t, policy, discipline) })
	}
}

func fullQueuesAreSaid(t *testing.T, policy placement.Policy, discipline string) {
	t.Helper()
	withHTTP(t, func(c *scheduler.Config) { c.Policy = policy }, func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, http *caller) {
		var m meter
		f.Worker("w1", 1, map[string]worker.Handler{"nap": m.nap}, func(c *worker.Config) {
			c.MaxReservations, c.Discipline, c.Labels = 1, discipline, map[string]string{"gpu": "a100"}
		})
		synctest.Wait()
		c := f.Client(s)
		nap := func(duration string) task.Job {
			return task.Job{App: "nap", Require: map[string]string{"gpu": "a100"}, Tasks: []task.Task{{Payload: []byte(duration)}}}
		}
		first := submit(t, c, nap("20s"))
		time.Sleep(time.Second)
		second := submit(t, c, nap("1ms")) // has the only place there is in the queue
		time.Sleep(time.Second)
		third := submit(t, c, nap("1ms"))
		time.Sleep(time.Second)
		synctest.Wait()
		var detail api.JobDetail
		http.do("GET", "/v1/jobs/"+third.ID().String(), "", 200, &detail)
		if want := "1 task waits for a free slot: 1 worker has gpu=a100, all queues that were asked are full, for 1s; more are asked in "; !strings.Contains(detail.Why, want) {
			t.Errorf("why %q, want %q", detail.Why, want)
		}
		http.do("GET", "/v1/jobs/"+second.ID().String(), "", 200, &detail)
		if want := "1 task waits for a free slot: 1 reservation is queued at 1 worker with gpu=a100, for 2s"; !strings.HasPrefix(detail.Why, want) {
			t.Errorf("why %q, want %q", detail.Why, want)
		}
		for _, h := range []*client.Handle{first, second, third} {
			ran(t, h)
		}
	})
}

// TestWeightsReachSchedulers has workers tell what weights users have: a user with more than half of what runs is under
// its share with three times the weight of another, and over it without.
func TestWeightsReachSchedulers(t *testing.T) {
	for _, weights := range []map[string]int{nil, {"org/quiet": 1, "org": 3}} {
		inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
			s := f.Scheduler("s1", func(c *scheduler.Config) { c.Policy = placement.LateBinding })
			f.Worker("w1", 10, map[string]worker.Handler{"nap": new(meter).nap}, func(c *worker.Config) { c.Discipline, c.Weights = "fair", weights })
			synctest.Wait()
			c := f.Client(s)
			naps := func(user string, n int) {
				j := task.Job{App: "nap", User: user, Tasks: make([]task.Task, n)}
				for i := range j.Tasks {
					j.Tasks[i].Payload = []byte("20s")
				}
				submit(t, c, j)
			}
			naps("org/quiet", 6)
			naps("flood", 20)
			time.Sleep(15 * time.Second)
			before := s.Metric("dunnock_under_share_jobs_total")
			naps("org/quiet", 1)
			synctest.Wait()
			want := before
			if weights != nil {
				want++
			}
			if got := s.Metric("dunnock_under_share_jobs_total"); got != want {
				t.Errorf("weights %v: of users under their share are %v jobs, want %v", weights, got, want)
			}
		})
	}
}
