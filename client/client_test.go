package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/client"
	"dunnock/internal/fleettest"
	"dunnock/task"
	"dunnock/worker"
)

func echoJob(payloads ...string) task.Job {
	j := task.Job{App: "echo"}
	for _, p := range payloads {
		j.Tasks = append(j.Tasks, task.Task{Payload: []byte(p)})
	}
	return j
}

// inBubble runs a test over a fleet of one worker and some schedulers in virtual time.
func inBubble(t *testing.T, schedulers int, test func(t *testing.T, f *fleettest.Fleet, s []*fleettest.Node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t)
		defer f.Stop()
		var s []*fleettest.Node
		for i := range schedulers {
			s = append(s, f.Scheduler(fmt.Sprintf("s%d", i+1), nil))
		}
		f.Worker("w1", 4, map[string]worker.Handler{"echo": fleettest.Echo}, nil)
		synctest.Wait()
		test(t, f, s)
	})
}

// Results come as tasks end, each once, for every caller; leaving early is allowed.
func TestResultsAsTheyCome(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, f *fleettest.Fleet, s []*fleettest.Node) {
		h := fleettest.Submit(t, f.Client(s...), echoJob("30ms", "10ms", "20ms"))
		var order []string
		for r := range h.Results() {
			order = append(order, string(r.Value))
			if len(order) == 2 {
				break
			}
		}
		if got := strings.Join(order, " "); got != "10ms 20ms" {
			t.Errorf("the first two were %s", got)
		}
		select {
		case <-h.Done():
			t.Error("done before the last task")
		default:
		}
		n := 0
		for range h.Results() {
			n++
		}
		if n != 3 || h.Scheduler() != "s1" || h.ID().IsZero() {
			t.Errorf("%d results by %s", n, h.Scheduler())
		}
	})
}

// Many jobs share one connection, and none hears of another.
func TestJobsAtOnce(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, f *fleettest.Fleet, s []*fleettest.Node) {
		c := f.Client(s...)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				want := fmt.Sprintf("job %d", i)
				h, err := c.Submit(t.Context(), echoJob(want, want, want))
				if err != nil {
					t.Error(err)
					return
				}
				results, err := h.Wait(t.Context())
				if err != nil {
					t.Error(err)
				}
				for _, r := range results {
					if string(r.Value) != want {
						t.Errorf("got %s, want %s", r.Value, want)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestCancel(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, f *fleettest.Fleet, s []*fleettest.Node) {
		h := fleettest.Submit(t, f.Client(s...), echoJob("1h", "1h", "0s"))
		time.Sleep(time.Second)
		h.Cancel()
		results, err := h.Wait(t.Context())
		if !errors.Is(err, task.CodeCancelled) || h.Outcome() != task.Cancelled || results[0].Outcome != task.Cancelled || results[2].Outcome != task.OK {
			t.Errorf("%v, %+v", err, results)
		}
		h.Cancel() // again is no mistake
	})
}

// Everyone who submits one job asks the same scheduler.
func TestSchedulerOfAJob(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, f *fleettest.Fleet, s []*fleettest.Node) {
		a, b := f.Client(s...), f.Client(s[2], s[0], s[1])
		used := make(map[string]int)
		for i := range 30 {
			j := echoJob("1s")
			j.ID = task.JobID{1, byte(i)}
			h1, err1 := a.Submit(t.Context(), j)
			h2, err2 := b.Submit(t.Context(), j)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			if h1.Scheduler() != h2.Scheduler() {
				t.Errorf("%s and %s", h1.Scheduler(), h2.Scheduler())
			}
			used[h1.Scheduler()]++
		}
		if len(used) != 3 {
			t.Errorf("schedulers used: %v", used)
		}
	})
}

// A scheduler that takes the connection and says nothing is given up, and a job without its scheduler's
// word ends by its own deadline.
func TestMuteScheduler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := client.New(client.Config{
			Schedulers: []string{"mute:1"},
			Dial: func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go func() { // reads what it is sent, for ever
					buf := make([]byte, 1024)
					for {
						if _, err := theirs.Read(buf); err != nil {
							return
						}
					}
				}()
				return ours, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Submit(t.Context(), echoJob("0s"))
		if !errors.Is(err, task.CodeSchedulerLost) {
			t.Errorf("got %v", err)
		}
		_ = c.Close()
		if _, err := c.Submit(t.Context(), echoJob("0s")); !errors.Is(err, client.ErrClosed) {
			t.Errorf("a closed client: %v", err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for _, s := range []string{"", "nohost", ":7070", "https://a:1", "http://a:1/path", "ftp://a:1"} {
		if _, err := client.New(client.Config{Schedulers: []string{s}}); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
	if _, err := client.New(client.Config{}); err == nil {
		t.Error("no scheduler was taken")
	}
}

// A malformed job is refused without asking anyone.
func TestMalformedJob(t *testing.T) {
	c, err := client.New(client.Config{Schedulers: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Submit(t.Context(), task.Job{App: "No Such Name", Tasks: make([]task.Task, 1)}); !errors.Is(err, task.CodeInvalidJob) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Submit(t.Context(), echoJob("x")); !errors.Is(err, task.CodeSchedulerLost) || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("nobody listens: %v", err)
	}
}

// A client that is closed with an unfinished job tells its scheduler, and is not held up: everything it started ends at
// once.
func TestCloseTakesNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t)
		defer f.Stop()
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 1, map[string]worker.Handler{"echo": fleettest.Echo}, nil)
		synctest.Wait()
		c := f.Client(s)
		h := fleettest.Submit(t, c, task.Job{App: "echo", Tasks: []task.Task{{Payload: []byte("1h")}}})
		began := time.Now()
		if err := c.Close(); err != nil || time.Since(began) != 0 {
			t.Errorf("closed after %v: %v", time.Since(began), err)
		}
		if h.Outcome() != task.Unknown {
			t.Errorf("the job ended %v", h.Outcome())
		}
		synctest.Wait()
		if n := s.Metric("dunnock_running_jobs"); n != 0 {
			t.Errorf("%v jobs are left", n)
		}
	})
}
