package scheduler_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/scheduler"
)

// How long a job may have to wait to be accepted is the scheduler's to say.
func TestMaxQueueTime(t *testing.T) {
	for _, most := range []time.Duration{0, time.Second} { // 0: the default, 10 s
		inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
			s := f.Scheduler("s1", func(c *scheduler.Config) { c.MaxQueueTime = most })
			f.Worker("w1", 1, apps(nil), nil)
			synctest.Wait()
			if _, err := f.Client(s).Submit(t.Context(), echoJob(60, "100ms")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			want := http.StatusAccepted
			if most == time.Second {
				want = http.StatusTooManyRequests // behind 40 tasks, of which 10 are launched a second
			}
			newCaller(t, f, s).do(http.MethodPost, "/v1/jobs", `{"app":"echo","tasks":[{}]}`, want, nil)
		})
	}
}
