package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/client"
	"dunnock/internal/fleettest"
	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/task"
	"dunnock/worker"
)

// Do returns results by task index, whatever the order in which tasks end, without those that had finished before.
func TestDo(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, f *fleettest.Fleet, s []*fleettest.Node) {
		c := f.Client(s...)
		for _, payloads := range []string{"0s", "30ms 10ms 20ms", "40ms 30ms 20ms 10ms", "10ms 20ms", "10ms 40ms 20ms 30ms 50ms 5ms"} {
			want := strings.Fields(payloads)
			results, err := c.Do(t.Context(), echoJob(want...))
			if err != nil || len(results) != len(want) {
				t.Fatalf("%s: %d results, %v", payloads, len(results), err)
			}
			for i, r := range results {
				if r.Task != i || r.Outcome != task.OK || string(r.Value) != want[i] {
					t.Errorf("%s: result %d is %+v", payloads, i, r)
				}
			}
		}
		rest := echoJob("30ms", "20ms", "10ms")
		rest.Epoch, rest.Finished = 1, []byte{1 << 1}
		results, err := c.Do(t.Context(), rest)
		if err != nil || len(results) != 3 || string(results[0].Value) != "30ms" || results[1].Outcome != 0 || string(results[2].Value) != "10ms" {
			t.Errorf("with a task that had finished: %+v, %v", results, err)
		}
	})
}

// What fails is what Wait says of it: the first that failed, how many did, and all results.
func TestDoFails(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, f *fleettest.Fleet, s []*fleettest.Node) {
		c := f.Client(s...)
		f.Worker("w2", 4, map[string]worker.Handler{"fail": func(ctx context.Context, t worker.Task) ([]byte, error) {
			if _, err := fleettest.Echo(ctx, t); err != nil || len(t.Payload) > 0 {
				return nil, errors.New("it failed")
			}
			return nil, nil
		}}, nil)
		synctest.Wait()
		job := task.Job{App: "fail", MaxAttempts: 1, Deadline: time.Second, Tasks: []task.Task{{Payload: []byte("5s")}, {Payload: []byte("1ms")}, {}}}
		results, err := c.Do(t.Context(), job)
		var fault *task.Error
		if !errors.As(err, &fault) || fault.Message != "2 of 3 tasks did not end ok; task 1: it failed" {
			t.Errorf("got %v", err)
		}
		if len(results) != 3 || results[0].Outcome != task.Timeout || results[1].Outcome != task.Failed || results[2].Outcome != task.OK {
			t.Errorf("got %+v", results)
		}
		if results, err := c.Do(t.Context(), task.Job{App: "echo"}); !errors.Is(err, task.CodeInvalidJob) || results != nil {
			t.Errorf("without tasks: %v, %v", results, err)
		}
		job = echoJob("0s")
		job.Require = map[string]string{"zone": "none"}
		if results, err := c.Do(t.Context(), job); !errors.Is(err, task.CodeUnsatisfiable) || results != nil {
			t.Errorf("nowhere to run: %v, %v", results, err)
		}
	})
}

// A job ends with its caller's context, also where it runs.
func TestDoIsCancelled(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, f *fleettest.Fleet, s []*fleettest.Node) {
		c := f.Client(s...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if results, err := c.Do(ctx, echoJob("1h", "0s")); !errors.Is(err, context.DeadlineExceeded) || results != nil {
			t.Errorf("got %v, %v", results, err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if running := s[0].Metric("dunnock_running_tasks"); running != 0 {
			t.Errorf("%v tasks run on", running)
		}
	})
}

// A job that no scheduler has accepted ends with the word of the last, or with its client.
func TestDoIsRefused(t *testing.T) {
	refuse := func(c *stream.Conn, kind submission.Kind, body []byte) {
		if kind != submission.KindSubmit {
			return
		}
		if m, err := submission.DecodeSubmit(body, task.DefaultLimits()); err == nil && m.Job.App == "echo" {
			c.Send(uint8(submission.KindRejected), nil, submission.AppendRejected(nil, submission.Rejected{Seq: m.Seq, Err: task.Errorf(task.CodeTooLarge, "not so much")}))
		}
	}
	withFake(t, refuse, func(t *testing.T, c *client.Client) {
		if results, err := c.Do(t.Context(), echoJob("0s")); !errors.Is(err, task.CodeTooLarge) || results != nil {
			t.Errorf("got %v, %v", results, err)
		}
		closing := make(chan error)
		go func() {
			job := echoJob("0s")
			job.App = "unanswered"
			_, err := c.Do(t.Context(), job)
			closing <- err
		}()
		synctest.Wait()
		_ = c.Close()
		if err := <-closing; !errors.Is(err, task.CodeSchedulerLost) {
			t.Errorf("closed meanwhile: %v", err)
		}
		if _, err := c.Do(t.Context(), echoJob("0s")); !errors.Is(err, client.ErrClosed) {
			t.Errorf("closed before: %v", err)
		}
	})
}
