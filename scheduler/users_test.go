package scheduler_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"dunnock/internal/fleettest"
	"dunnock/scheduler"
	"dunnock/task"
)

// Users share the bounds that a scheduler is given: one who has something there gets no more of them than is left, and
// the next one finds room.
func TestUsersShareBounds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		tune  func(*scheduler.Config)
		tasks int // of each of ann's jobs
		fit   int // jobs of hers
	}{
		{"jobs", func(c *scheduler.Config) { c.MaxJobs = 4 }, 1, 2},
		{"waiting tasks", func(c *scheduler.Config) { c.MaxWaitingTasks = 20 }, 6, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
				s := f.Scheduler("s1", tt.tune)
				f.Worker("w1", 1, apps(nil), nil)
				synctest.Wait()
				c := f.Client(s)
				submit := func(user string) error {
					job := echoJob(tt.tasks, "1m")
					job.User = user
					_, err := c.Submit(t.Context(), job)
					return err
				}
				for range tt.fit {
					if err := submit("ann"); err != nil {
						t.Fatal(err)
					}
				}
				var refused *task.Error
				if err := submit("ann"); !errors.As(err, &refused) || refused.Code != task.CodeOverloaded || refused.RetryAfterMS == 0 {
					t.Errorf("ann's next job: %v", err)
				}
				if err := submit("bob"); err != nil {
					t.Errorf("bob's job: %v", err)
				}
			})
		})
	}
}
