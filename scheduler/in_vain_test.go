package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker"
)

// The Go client hears of each attempt in vain once, on whom it was and why, before the task's result: of one that
// failed, of one that was lost with its worker, and of one that another scheduler has adopted.
func TestEventsTellOfAttemptsInVain(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		var starts atomic.Int32
		nodes := []*fleettest.Node{f.Scheduler("s1", nil), f.Scheduler("s2", nil)}
		handler := map[string]worker.Handler{"work": func(ctx context.Context, wt worker.Task) ([]byte, error) {
			switch starts.Add(1) {
			case 1:
				return nil, errors.New("broken")
			case 2:
				<-ctx.Done()
				return nil, ctx.Err()
			case 3:
				time.Sleep(2 * time.Second)
				return nil, errors.New("broken again")
			}
			return fmt.Append(nil, "attempt ", wt.Attempt), nil
		}}
		w1 := f.Worker("w1", 1, handler, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		h := fleettest.Submit(t, f.Client(nodes...), task.Job{App: "work", MaxAttempts: 4, Tasks: make([]task.Task, 1)})
		var events []string
		told := make(chan struct{})
		go func() {
			defer close(told)
			for e := range h.Events() {
				if r := e.Retry; r != nil {
					events = append(events, fmt.Sprintf("%d.%d on %s: %v", r.Task, r.Attempt, r.Worker, r.Err))
				} else {
					events = append(events, fmt.Sprintf("%d: %v, %s", e.Result.Task, e.Result.Outcome, e.Result.Value))
				}
			}
		}()
		time.Sleep(time.Second) // the second attempt runs
		f.Worker("w2", 1, handler, nil)
		w1.Kill()
		f.Forget(probe.RoleWorker, "w1")
		time.Sleep(time.Second) // the third one
		nodes[slices.IndexFunc(nodes, func(s *fleettest.Node) bool { return s.Name == h.Scheduler() })].Kill()
		<-told
		want := []string{
			"0.1 on w1: app_failed: broken", "0.2 on w1: worker_lost: worker w1 was lost while it ran attempt 2", "0.3 on w2: app_failed: broken again", "0: ok, attempt 4",
		}
		if !slices.Equal(events, want) {
			t.Errorf("%q\nwant %q", events, want)
		}
	})
}
