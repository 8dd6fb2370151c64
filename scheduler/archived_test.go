package scheduler_test

import (
	"bufio"
	"errors"
	"slices"
	"testing"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/task"
)

// A job whose client has it all stays known: over HTTP it is told who ran what, its id is not free for another job, and
// its results are the client's.
func TestArchivedJob(t *testing.T) {
	withHTTP(t, nil, func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, c *caller) {
		client := f.Client(s)
		j := echoJob(3, "20ms")
		j.ID[15], j.User = 1, "ann"
		h, err := client.Submit(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		results, err := h.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}

		type state struct {
			State, Worker string
			Attempt       int
			ServiceMS     float64 `json:"service_ms"`
			Result        []byte
		}
		var d struct {
			Job, State, User string
			Tasks, Finished  int
			TaskStates       []state `json:"task_states"`
		}
		c.do("GET", "/v1/jobs/"+j.ID.String(), "", 200, &d)
		if d.Job != j.ID.String() || d.State != "ok" || d.User != "ann" || d.Tasks != 3 || d.Finished != 3 || len(d.TaskStates) != 3 {
			t.Fatalf("%+v", d)
		}
		for i, s := range d.TaskStates {
			if s.State != "ok" || s.Worker != "w1" || s.Attempt != 1 || s.ServiceMS != float64(results[i].Service)/float64(time.Millisecond) || len(s.Result) > 0 {
				t.Errorf("task %d: %+v", i, s)
			}
		}
		var list struct{ Jobs []struct{ Job, State string } }
		c.do("GET", "/v1/jobs", "", 200, &list)
		if len(list.Jobs) != 1 || list.Jobs[0].Job != d.Job || list.Jobs[0].State != "ok" {
			t.Errorf("the list: %+v", list)
		}
		c.do("DELETE", "/v1/jobs/"+d.Job, "", 200, nil) // which changes nothing

		var told []int
		lines := bufio.NewScanner(c.open(t.Context(), "GET", "/v1/jobs/"+d.Job+"/events", "").Body)
		for e, ok := c.next(lines); ok; e, ok = c.next(lines) {
			if e.Event == "task" && e.Outcome == "ok" && e.Worker == "w1" {
				told = append(told, e.Task)
			}
		}
		if slices.Sort(told); !slices.Equal(told, []int{0, 1, 2}) {
			t.Errorf("events of tasks %v", told)
		}

		other := j
		other.Priority = 1
		for name, again := range map[string]task.Job{"the same job": j, "another job": other} {
			if _, err := client.Submit(t.Context(), again); !errors.Is(err, task.CodeConflict) {
				t.Errorf("%s under its id: %v", name, err)
			}
		}
		later := j
		later.Epoch = 1 // workers may have the results still
		h, err = client.Submit(t.Context(), later)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		c.do("GET", "/v1/jobs", "", 200, &list)
		if len(list.Jobs) != 1 {
			t.Errorf("the list of one job, submitted twice: %+v", list)
		}
		time.Sleep(2 * time.Minute) // its time is over
		c.do("GET", "/v1/jobs/"+d.Job, "", 404, nil)
	})
}
