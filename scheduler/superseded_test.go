package scheduler_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/worker"
)

// story reads a stream of events to its end, and tells each in a few words. Beats are left out.
func (c *caller) story(res *http.Response) string {
	c.t.Helper()
	lines := bufio.NewScanner(res.Body)
	var story []string
	for {
		e, ok := c.next(lines)
		if !ok {
			return strings.Join(story, "|")
		}
		if e.Event == "beat" {
			continue
		}
		said := fmt.Sprintf("%s %d %s", e.Event, e.Task, e.Outcome)
		if e.Error != nil {
			said += " " + e.Error.Code
		}
		story = append(story, said)
	}
}

// A request that waits for a job which another submission takes over, here or elsewhere, is told so, and hears one
// outcome of each task all the same.
func TestHTTPSuperseded(t *testing.T) {
	const body = `{"id":"00000000000000000000000000000001","app":"echo","epoch":%d,"finished":%q,"tasks":[{"text":"10ms"},{"text":"20s"},{"text":"20s"}]}`
	for name, test := range map[string]struct {
		epoch int
		here  bool
	}{"elsewhere": {epoch: 1}, "here": {epoch: 5, here: true}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
				s1, s2 := f.Scheduler("s1", nil), f.Scheduler("s2", nil)
				f.Worker("w1", 2, map[string]worker.Handler{"echo": fleettest.Echo}, nil)
				synctest.Wait()
				before, after := newCaller(t, f, s1), newCaller(t, f, s2)
				if test.here {
					after = before
				}
				first := before.open(t.Context(), "POST", "/v1/jobs?wait=true", fmt.Sprintf(body, 0, ""))
				follower := before.open(t.Context(), "GET", "/v1/jobs/00000000000000000000000000000001/events", "")
				time.Sleep(time.Second)
				second := after.open(t.Context(), "POST", "/v1/jobs?wait=true", fmt.Sprintf(body, test.epoch, "AQ=="))
				for _, res := range []*http.Response{first, follower} {
					const want = "accepted 0 |task 0 ok|task 1 unknown superseded|task 2 unknown superseded|done 0 unknown superseded"
					got := before.story(res)
					if res == follower { // who waits for the job may have been sent the result first, and then it is not kept
						got = strings.Replace(got, "ok result_dropped", "ok", 1)
					}
					if got != want {
						t.Errorf("got  %s\nwant %s", got, want)
					}
				}
				began := time.Now()
				if got, want := after.story(second), "accepted 0 |task 1 ok|task 2 ok|done 0 ok"; got != want {
					t.Errorf("the other was told %s\nwant %s", got, want)
				}
				if passed := time.Since(began); passed < 15*time.Second {
					t.Errorf("who was superseded learnt it %v before the other's end", passed)
				}
			})
		})
	}
}
