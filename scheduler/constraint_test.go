package scheduler_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/client"
	"dunnock/internal/fleettest"
	"dunnock/scheduler"
	"dunnock/task"
	"dunnock/worker"
)

// labelled starts a worker with labels.
func labelled(f *fleettest.Fleet, name string, slots int, labels map[string]string) *fleettest.Node {
	return f.Worker(name, slots, apps(nil), func(c *worker.Config) { c.Labels = labels })
}

// ran waits for a job and returns how many of its tasks each worker ran, by worker and by task.
func ran(t *testing.T, h *client.Handle) (perWorker map[string]int, byTask []string) {
	t.Helper()
	results := fleettest.Wait(t, h)
	perWorker = make(map[string]int)
	for _, r := range results {
		if r.Outcome != task.OK {
			t.Fatalf("task %d: %+v", r.Task, r)
		}
		perWorker[r.Worker]++
		byTask = append(byTask, r.Worker)
	}
	return perWorker, byTask
}

func submit(t *testing.T, c *client.Client, j task.Job) *client.Handle {
	t.Helper()
	h := fleettest.Submit(t, c, j)
	return h
}

// Tasks of one job run where their own constraints, together with the job's, let them, and the others anywhere.
func TestConstrainedTasks(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		labelled(f, "w1", 2, map[string]string{"gpu": "a100", "zone": "a"})
		labelled(f, "w2", 2, map[string]string{"gpu": "a100", "zone": "b"})
		labelled(f, "w3", 2, map[string]string{"zone": "a"})
		synctest.Wait()
		j := echoJob(80, "1ms")
		j.Require = map[string]string{"zone": "a"}
		for i := range j.Tasks {
			switch i % 4 {
			case 0:
				j.Tasks[i].Require = map[string]string{"gpu": "a100"}
			case 1:
				j.Tasks[i].Require = map[string]string{"zone": "b"} // counts instead of the job's
			case 2:
				j.Tasks[i].Exclude = []string{"w1"}
			}
		}
		_, byTask := ran(t, submit(t, f.Client(s), j))
		others := map[string]bool{}
		for i, w := range byTask {
			if want := []string{"w1", "w2", "w3", w}[i%4]; w != want {
				t.Errorf("task %d ran at %s, want %s", i, w, want)
			}
			if i%4 == 3 {
				others[w] = true
			}
		}
		if want := map[string]bool{"w1": true, "w3": true}; !maps.Equal(others, want) {
			t.Errorf("tasks without constraints of their own ran at %v, want %v", others, want)
		}
	})
}

// What nobody can satisfy is refused with the label and the task, and a job that is submitted again with other
// constraints is another job.
func TestConstraintsAreRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		labelled(f, "w1", 1, map[string]string{"ssd": "yes"})
		synctest.Wait()
		c := f.Client(s)
		refused := func(code task.Code, want string, change func(*task.Job)) {
			t.Helper()
			j := echoJob(3, "1s")
			change(&j)
			if _, err := c.Submit(t.Context(), j); !errors.Is(err, code) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s with %q", err, code, want)
			}
		}
		refused(task.CodeUnsatisfiable, "tasks[2].require: no connected worker with app \"echo\" has gpu=a100", func(j *task.Job) {
			j.Tasks[2].Require = map[string]string{"gpu": "a100"}
		})
		refused(task.CodeUnsatisfiable, "exclude: every connected worker with app \"echo\" is excluded (ssd=yes)", func(j *task.Job) {
			j.Exclude = []string{"ssd=yes"}
		})
		refused(task.CodeUnsatisfiable, "require: no connected worker with app \"echo\" has worker=w2", func(j *task.Job) {
			j.Require = map[string]string{"worker": "w2"}
		})
		many := func(j *task.Job) {
			j.Tasks = make([]task.Task, 1000)
			for i := range j.Tasks {
				j.Tasks[i].Exclude = []string{fmt.Sprintf("other%d", i)}
			}
		}
		refused(task.CodeTooLarge, "tasks[999]: at most 999 different constraints", many)

		first := echoJob(3, "1s")
		first.ID = task.JobID{1}
		submit(t, c, first)
		for name, change := range map[string]func(*task.Job){
			"exclude":      func(j *task.Job) { j.Exclude = []string{"w9"} },
			"spread":       func(j *task.Job) { j.Spread = "zone" },
			"prefer":       func(j *task.Job) { j.Prefer = map[string]string{"ssd": "yes"} },
			"task prefer":  func(j *task.Job) { j.Tasks[1].Prefer = map[string]string{"ssd": "yes"} },
			"task exclude": func(j *task.Job) { j.Tasks[1].Exclude = []string{"w9"} },
			"task require": func(j *task.Job) { j.Tasks[1].Require = map[string]string{"ssd": "yes"} },
		} {
			j := echoJob(3, "1s")
			j.ID = first.ID
			change(&j)
			if _, err := f.Client(s).Submit(t.Context(), j); !errors.Is(err, task.CodeConflict) {
				t.Errorf("%s: got %v, want a conflict", name, err)
			}
		}
	})
}

// A job whose constraints somebody satisfied when it came, and nobody does any more, says so, goes on when somebody
// does again, and ends at its deadline otherwise.
func TestConstraintsLost(t *testing.T) {
	withHTTP(t, nil, func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, c *caller) {
		gpu := map[string]string{"gpu": "a100"}
		w := labelled(f, "gpu1", 1, gpu)
		synctest.Wait()
		j := echoJob(6, "1s")
		j.Deadline = 20 * time.Second
		for i := range 4 {
			j.Tasks[i].Require = gpu
		}
		j.Tasks[4].Exclude, j.Tasks[5].Exclude = []string{"gpu=a100"}, []string{"gpu=a100"}
		h := submit(t, f.Client(s), j)
		time.Sleep(1500 * time.Millisecond)
		w.Kill()
		time.Sleep(3200 * time.Millisecond)
		var got struct {
			Why   string `json:"why"`
			State string `json:"state"`
		}
		c.do("GET", "/v1/jobs/"+h.ID().String(), "", 200, &got)
		if want := "3 tasks wait: no connected worker has gpu=a100; the last one left 3."; !strings.Contains(got.Why, want) {
			t.Errorf("why: %q, want %q", got.Why, want)
		}
		if n := s.Metric("dunnock_unsatisfiable_tasks"); n != 3 {
			t.Errorf("%v tasks count as unsatisfiable", n)
		}
		w = labelled(f, "gpu2", 1, gpu)
		time.Sleep(1500 * time.Millisecond)
		w.Kill()
		results, err := h.Wait(t.Context())
		if !errors.Is(err, task.CodeDeadline) {
			t.Fatal(err)
		}
		outcomes := map[task.Outcome]int{}
		for _, r := range results {
			outcomes[r.Outcome]++
		}
		if outcomes[task.OK] != 4 || outcomes[task.Timeout] != 2 {
			t.Errorf("outcomes %v", outcomes)
		}
	})
}

// Preferred workers come first and others after the wait; without a wait, or without a preferred worker, others come at
// once.
func TestPreference(t *testing.T) {
	for name, tt := range map[string]struct {
		wait   time.Duration
		prefer string
		after  time.Duration // of the start of the second task
		first  string
	}{
		"default":   {0, "yes", 50 * time.Millisecond, "w1"},
		"long":      {700 * time.Millisecond, "yes", 700 * time.Millisecond, "w1"},
		"none":      {-1, "yes", 0, ""},
		"nobody":    {0, "no", 0, ""},
		"never was": {0, "", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
				s := f.Scheduler("s1", func(c *scheduler.Config) { c.PreferWait = tt.wait })
				labelled(f, "w1", 1, map[string]string{"ssd": "yes"})
				labelled(f, "w2", 1, nil)
				synctest.Wait()
				j := echoJob(2, "1s")
				if tt.prefer != "" {
					j.Prefer = map[string]string{"ssd": tt.prefer}
				}
				results, err := submit(t, f.Client(s), j).Wait(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				workers := map[string]bool{}
				var last time.Duration
				for _, r := range results {
					workers[r.Worker] = true
					last = max(last, r.Wait)
					if r.Wait == 0 && tt.first != "" && r.Worker != tt.first {
						t.Errorf("task %d started at once at %s", r.Task, r.Worker)
					}
				}
				if len(workers) != 2 || last < tt.after || last > tt.after+5*time.Millisecond {
					t.Errorf("the second task waited %v, want %v; workers %v", last, tt.after, workers)
				}
			})
		})
	}
}

// A job that is spread runs equally many tasks in each zone, though one has most of the slots.
func TestSpread(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		for name, zone := range map[string]string{"w1": "a", "w2": "a", "w3": "a", "w4": "b", "w5": "c", "w6": ""} {
			f.Worker(name, 3, apps(nil), func(c *worker.Config) { c.Zone = zone })
		}
		synctest.Wait()
		j := echoJob(32, "10ms")
		j.Spread = "zone"
		got, _ := ran(t, submit(t, f.Client(s), j))
		zones := []int{got["w1"] + got["w2"] + got["w3"], got["w4"], got["w5"]}
		for _, n := range zones {
			if n != 10 && n != 11 {
				t.Errorf("32 tasks over three zones: %v", got)
				break
			}
		}
	})
}

// The constraints of a job hold at the scheduler that takes it over.
func TestConstraintsSurviveTheirScheduler(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s1, s2 := f.Scheduler("s1", nil), f.Scheduler("s2", nil)
		labelled(f, "w1", 1, map[string]string{"gpu": "a100"})
		labelled(f, "w2", 4, nil)
		synctest.Wait()
		j := echoJob(20, "100ms")
		for i := range j.Tasks[:10] {
			j.Tasks[i].Require = map[string]string{"gpu": "a100"}
		}
		h := submit(t, f.Client(s1, s2), j)
		time.Sleep(250 * time.Millisecond)
		first, second := s1, s2
		if first.Metric("dunnock_launches_total") == 0 {
			first, second = s2, s1
		}
		first.Kill()
		_, byTask := ran(t, h)
		for i, w := range byTask {
			if i < 10 && w != "w1" {
				t.Errorf("task %d ran at %s", i, w)
			}
		}
		if second.Metric("dunnock_launches_total") == 0 {
			t.Error("nobody took the job over")
		}
	})
}
