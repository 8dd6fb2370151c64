package scheduler_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
)

// A result is acknowledged when it has been written to the request that waits for it, and not before. So a client that
// loses its scheduler hands what it has not read to another, and nothing is done again.
func TestWaitingReader(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		const tasks = 8
		var starts [1024]atomic.Int32
		s1, s2 := f.Scheduler("s1", nil), f.Scheduler("s2", nil)
		w := f.Worker("w1", tasks, apps(&starts), nil)
		synctest.Wait()
		text := strings.Repeat("x", 100_000)
		submit := func(s *fleettest.Node, more string) *http.Response {
			body := fmt.Sprintf(`{"id":"%032x","app":"echo",%s"tasks":[%s]}`, 7, more, strings.TrimSuffix(strings.Repeat(fmt.Sprintf(`{"text":%q},`, text), tasks), ","))
			ctx, cancel := context.WithCancel(t.Context())
			t.Cleanup(cancel)
			return newCaller(t, f, s).open(ctx, http.MethodPost, "/v1/jobs?wait=true", body)
		}
		var has [1]byte
		read := func(res *http.Response) (n int) {
			lines := bufio.NewReader(res.Body)
			for {
				line, err := lines.ReadBytes('\n')
				if err != nil {
					_ = res.Body.Close()
					return n
				}
				var e struct {
					Event   string
					Task    int
					Outcome string
					Result  []byte
				}
				if err := json.Unmarshal(line, &e); err != nil {
					t.Fatal(err)
				}
				if e.Event == "task" && e.Outcome == "ok" && string(e.Result) == text {
					has[0] |= 1 << e.Task
					n++
				}
			}
		}
		first := submit(s1, "")
		time.Sleep(5 * time.Second)
		kept := int(w.Metric("dunnock_unacked_results"))
		if kept == 0 || kept == tasks {
			t.Errorf("of %d results, of which some were written and not all, the worker keeps %d", tasks, kept)
		}
		s1.Kill()
		had := read(first)
		if had+kept < tasks {
			t.Errorf("%d results can be read, and the worker keeps %d of %d", had, kept, tasks)
		}
		rest := read(submit(s2, fmt.Sprintf(`"epoch":1,"finished":%q,`, base64.StdEncoding.EncodeToString(has[:]))))
		if had+rest != tasks || has[0] != 0xff {
			t.Errorf("%d results at first and %d after of %d", had, rest, tasks)
		}
		startedOnce(t, starts[:tasks])
		time.Sleep(5 * time.Second)
		if n := int(w.Metric("dunnock_unacked_results")); n >= kept+tasks-had {
			t.Errorf("the worker keeps %d results, and the second scheduler's were read", n)
		}
	})
}

// What a request that waits was not sent is kept when its client is gone, for a while.
func TestWaitingReaderGone(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		w := f.Worker("w1", 8, apps(nil), nil)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		text := strings.Repeat("x", 100_000)
		body := fmt.Sprintf(`{"app":"echo","tasks":[%s]}`, strings.TrimSuffix(strings.Repeat(fmt.Sprintf(`{"text":%q},`, text), 8), ","))
		_ = newCaller(t, f, s).open(ctx, http.MethodPost, "/v1/jobs?wait=true", body).Body
		time.Sleep(5 * time.Second)
		before := w.Metric("dunnock_unacked_results")
		cancel()
		time.Sleep(10 * time.Second)
		if after := w.Metric("dunnock_unacked_results"); before == 0 || after != before {
			t.Errorf("the worker keeps %v results, and kept %v before the client was gone", after, before)
		}
		time.Sleep(15 * time.Second)
		if after := w.Metric("dunnock_unacked_results"); after != 0 {
			t.Errorf("%v results are kept for good", after)
		}
	})
}
