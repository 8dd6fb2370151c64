package scheduler_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"dunnock/internal/fleettest"
	"dunnock/scheduler"
	"dunnock/worker"
)

// caller asks a node over HTTP and holds every answer against docs/openapi.yaml.
type caller struct {
	t      *testing.T
	http   *http.Client
	base   string
	doc    *openapi3.T
	router routers.Router
}

func newCaller(t *testing.T, f *fleettest.Fleet, n *fleettest.Node) *caller {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &caller{
		t: t, base: "http://" + n.Addr, doc: doc, router: router,
		http: &http.Client{Transport: &http.Transport{DialContext: f.Dial, DisableKeepAlives: true}},
	}
}

// open sends a request and returns the answer with its body unread.
func (c *caller) open(ctx context.Context, method, path, body string) *http.Response {
	c.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	return res
}

// do sends a request, checks the answer against the description, and decodes it.
func (c *caller) do(method, path, body string, wantStatus int, into any) http.Header {
	c.t.Helper()
	res := c.open(c.t.Context(), method, path, body)
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != wantStatus {
		c.t.Fatalf("%s %s: %s, want %d: %s", method, path, res.Status, wantStatus, answer)
	}
	c.conforms(method, path, res, answer)
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			c.t.Fatalf("%s %s: %v: %s", method, path, err, answer)
		}
	}
	return res.Header
}

func (c *caller) conforms(method, path string, res *http.Response, answer []byte) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		if res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusMethodNotAllowed {
			c.failure(answer)
			return
		}
		c.t.Fatalf("%s %s is not described: %v", method, path, err)
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 res.StatusCode, Header: res.Header, Body: io.NopCloser(bytes.NewReader(answer)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(c.t.Context(), in); err != nil {
		c.t.Errorf("%s %s: the answer is not as described: %v", method, path, err)
	}
}

func (c *caller) failure(answer []byte) {
	c.t.Helper()
	c.matches("Failure", answer)
}

// matches holds JSON against a schema of the description.
func (c *caller) matches(schema string, body []byte) {
	c.t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		c.t.Fatalf("%v: %s", err, body)
	}
	if err := c.doc.Components.Schemas[schema].Value.VisitJSON(v); err != nil {
		c.t.Errorf("%s is not a %s: %v", body, schema, err)
	}
}

// event is any line of a stream.
type event struct {
	Event, Job, Outcome, Worker string
	Task, Attempt, Tasks        int
	Failed                      int
	Result                      []byte
	Error                       *struct{ Code, Message string }
}

// next reads one event and checks its form.
func (c *caller) next(lines *bufio.Scanner) (event, bool) {
	c.t.Helper()
	if !lines.Scan() {
		return event{}, false
	}
	c.matches("Event", lines.Bytes())
	var e event
	if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
		c.t.Fatal(err)
	}
	return e, true
}

// withHTTP runs a test against one scheduler and one worker with two slots.
func withHTTP(t *testing.T, tune func(*scheduler.Config), test func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, c *caller)) {
	t.Helper()
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", tune)
		f.Worker("w1", 2, map[string]worker.Handler{
			"echo": fleettest.Echo,
			"fail": func(context.Context, worker.Task) ([]byte, error) { return nil, fmt.Errorf("no luck") },
		}, func(c *worker.Config) { c.Labels = map[string]string{"ssd": "true"} })
		synctest.Wait()
		test(t, f, s, newCaller(t, f, s))
	})
}

func TestHTTPWait(t *testing.T) {
	withHTTP(t, nil, func(t *testing.T, _ *fleettest.Fleet, _ *fleettest.Node, c *caller) {
		res := c.open(t.Context(), "POST", "/v1/jobs?wait=true", `{"app":"echo","tasks":[{"text":"2500ms"},{"payload":"MTBtcw=="},{"text":"plain"}]}`)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Fatalf("%s %v", res.Status, res.Header)
		}
		lines := bufio.NewScanner(res.Body)
		var story []string
		for {
			e, ok := c.next(lines)
			if !ok {
				break
			}
			story = append(story, strings.TrimSpace(fmt.Sprintf("%s %d %s %s", e.Event, e.Task, e.Outcome, e.Result)))
		}
		want := "accepted 0|task 1 ok 10ms|task 2 ok plain|beat 0|beat 0|task 0 ok 2500ms|done 0 ok"
		if got := strings.Join(story, "|"); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}

// A client that hangs up ends its job; one that follows does not.
func TestHTTPHangUp(t *testing.T) {
	withHTTP(t, nil, func(t *testing.T, _ *fleettest.Fleet, _ *fleettest.Node, c *caller) {
		ctx, hangUp := context.WithCancel(t.Context())
		res := c.open(ctx, "POST", "/v1/jobs?wait=true", `{"app":"echo","tasks":[{"text":"1h"}]}`)
		e, _ := c.next(bufio.NewScanner(res.Body))

		followCtx, stopFollowing := context.WithCancel(t.Context())
		follow := c.open(followCtx, "GET", "/v1/jobs/"+e.Job+"/events", "")
		if first, _ := c.next(bufio.NewScanner(follow.Body)); first.Event != "accepted" || first.Job != e.Job {
			t.Errorf("a follower was told %+v", first)
		}
		stopFollowing()
		time.Sleep(3 * time.Second)
		var d struct{ State string }
		if c.do("GET", "/v1/jobs/"+e.Job, "", 200, &d); d.State != "running" {
			t.Errorf("the job is %s after its follower hung up", d.State)
		}
		hangUp()
		time.Sleep(time.Second)
		if c.do("GET", "/v1/jobs/"+e.Job, "", 200, &d); d.State != "cancelled" {
			t.Errorf("the job is %s after its client hung up", d.State)
		}
	})
}

func TestHTTPDetached(t *testing.T) {
	withHTTP(t, nil, func(t *testing.T, _ *fleettest.Fleet, _ *fleettest.Node, c *caller) {
		var accepted struct{ Job string }
		const body = `{"id":"00000000000000000000000000000001","app":"echo","user":"ann","tasks":[{"text":"5s"},{"text":"5s"},{"text":"1s"}]}`
		header := c.do("POST", "/v1/jobs", body, 202, &accepted)
		if header.Get("Location") != "/v1/jobs/"+accepted.Job {
			t.Errorf("Location %q", header.Get("Location"))
		}
		c.do("POST", "/v1/jobs", body, 202, nil)                                 // again is the same job
		c.do("POST", "/v1/jobs", strings.Replace(body, "1s", "2s", 1), 409, nil) // another is a conflict
		c.do("GET", "/v1/jobs/00000000000000000000000000000002", "", 404, nil)   // nobody's
		time.Sleep(time.Second)

		type detail struct {
			State, Why string
			Waiting    int
			TaskStates []struct {
				State, Worker     string
				Attempt           int
				WaitMS, ServiceMS float64
				Result            []byte
			} `json:"task_states"`
		}
		var d detail
		c.do("GET", "/v1/jobs/"+accepted.Job, "", 200, &d)
		if d.State != "running" || d.Waiting != 1 || d.TaskStates[0].State != "running" || d.TaskStates[0].Worker != "w1" ||
			d.TaskStates[2].State != "waiting" || !strings.Contains(d.Why, "free slot") {
			t.Errorf("while it runs: %+v", d)
		}
		time.Sleep(10 * time.Second)
		c.do("GET", "/v1/jobs/"+accepted.Job, "", 200, &d)
		if d.State != "ok" || d.TaskStates[2].State != "ok" || string(d.TaskStates[2].Result) != "1s" {
			t.Errorf("when it has finished: %+v", d)
		}
		var list struct {
			Jobs []struct {
				Job, User  string
				ResponseMS float64 `json:"response_ms"`
			}
		}
		c.do("GET", "/v1/jobs", "", 200, &list)
		if len(list.Jobs) != 1 || list.Jobs[0].User != "ann" || list.Jobs[0].ResponseMS < 6000 {
			t.Errorf("the list: %+v", list)
		}
		time.Sleep(2 * time.Minute) // --result-ttl is one
		c.do("GET", "/v1/jobs/"+accepted.Job, "", 404, nil)
	})
}

func TestHTTPCancel(t *testing.T) {
	withHTTP(t, nil, func(t *testing.T, _ *fleettest.Fleet, _ *fleettest.Node, c *caller) {
		var accepted struct{ Job string }
		c.do("POST", "/v1/jobs", `{"app":"echo","tasks":[{"text":"1h"},{"text":"1h"},{"text":"1h"}]}`, 202, &accepted)
		synctest.Wait()
		var s struct {
			State            string
			Finished, Failed int
		}
		for range 2 { // again changes nothing
			if c.do("DELETE", "/v1/jobs/"+accepted.Job, "", 200, &s); s.State != "cancelled" || s.Finished != 3 || s.Failed != 3 {
				t.Errorf("%+v", s)
			}
		}
		c.do("POST", "/v1/jobs", `{"app":"echo","tasks":[{"text":"quick"}]}`, 202, &accepted)
		time.Sleep(time.Second)
		if c.do("GET", "/v1/jobs/"+accepted.Job, "", 200, &s); s.State != "ok" {
			t.Errorf("the slots were not freed: %+v", s)
		}
	})
}

// Every refusal has its status, its code and one line, and the stream begins only after acceptance.
func TestHTTPRefusals(t *testing.T) {
	tune := func(c *scheduler.Config) { c.MaxJobs = 1 }
	withHTTP(t, tune, func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, c *caller) {
		for _, test := range []struct {
			method, path, body string
			status             int
			code, message      string
		}{
			{"POST", "/v1/jobs", `{"app":7}`, 400, "invalid_job", "app: want a string"},
			{"POST", "/v1/jobs", `nonsense`, 400, "invalid_job", "bad JSON"},
			{"POST", "/v1/jobs", `{"app":"echo","tasks":[]}`, 400, "invalid_job", "tasks: a job needs"},
			{"POST", "/v1/jobs?wait=maybe", `{"app":"echo","tasks":[{}]}`, 400, "invalid_job", "wait: want"},
			{"POST", "/v1/jobs?wait=true", `{"app":"echo","tasks":[]}`, 400, "invalid_job", "tasks: a job needs"},
			{"POST", "/v1/jobs", `{"app":"zip","tasks":[{}]}`, 422, "unknown_app", "zip"},
			{"POST", "/v1/jobs", `{"app":"echo","require":{"ssd":"no"},"tasks":[{}]}`, 422, "unsatisfiable", "ssd"},
			{"POST", "/v1/jobs", `{"app":"echo","tasks":[{},{"require":{"a":"b"}}]}`, 422, "unsatisfiable", "tasks[1].require: no connected worker with app \"echo\" has a=b"},
			{"POST", "/v1/jobs", `{"app":"echo","exclude":["w1"],"tasks":[{}]}`, 422, "unsatisfiable", "exclude: every connected worker with app \"echo\" is excluded (worker=w1)"},
			{"POST", "/v1/jobs", `{"app":"echo","tasks":[{"text":"` + strings.Repeat("x", 1<<20+1) + `"}]}`, 413, "too_large", "payload"},
			{"GET", "/v1/jobs/xyz", "", 400, "invalid_job", "id: want 32"},
			{"GET", "/v1/jobs/" + strings.Repeat("0", 32) + "/events", "", 404, "not_found", "does not hold"},
			{"GET", "/v1/nothing", "", 404, "not_found", "/v1/nothing"},
			{"PUT", "/v1/jobs", "", 405, "method_not_allowed", "PUT"},
			{"POST", "/v1/workers", "", 405, "method_not_allowed", "POST"},
			{"GET", "/v1/stream", "", 426, "unsupported", "pgrade"},
		} {
			var failure struct {
				Error struct{ Code, Message string }
			}
			res := c.open(t.Context(), test.method, test.path, test.body)
			answer, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			c.failure(answer)
			if err := json.Unmarshal(answer, &failure); err != nil {
				t.Fatal(err)
			}
			e := failure.Error
			if res.StatusCode != test.status || e.Code != test.code || !strings.Contains(e.Message, test.message) || strings.Contains(e.Message, "\n") {
				t.Errorf("%s %s %.40s: %d %s", test.method, test.path, test.body, res.StatusCode, answer)
			}
		}
		c.do("POST", "/v1/jobs", `{"app":"echo","tasks":[{"text":"2s"}]}`, 202, nil)
		if h := c.do("POST", "/v1/jobs?wait=1", `{"app":"echo","tasks":[{}]}`, 429, nil); h.Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", h.Get("Retry-After"))
		}
		c.do("GET", "/readyz", "", 200, nil)
		c.do("POST", "/v1/drain", "", 202, nil)
		c.do("GET", "/readyz", "", 503, nil)
		c.do("GET", "/healthz", "", 200, nil)
		c.do("POST", "/v1/jobs", `{"app":"echo","tasks":[{}]}`, 503, nil)
		if err := s.Wait(); err != nil {
			t.Error(err)
		}
		lonely := newCaller(t, f, f.Scheduler("s2", func(c *scheduler.Config) { c.Fleet = "other" }))
		lonely.do("POST", "/v1/jobs", `{"app":"echo","tasks":[{}]}`, 503, nil) // no_workers: another fleet's do not count
	})
}

func TestHTTPListings(t *testing.T) {
	withHTTP(t, nil, func(t *testing.T, f *fleettest.Fleet, _ *fleettest.Node, c *caller) {
		f.Scheduler("s2", nil)
		c.do("POST", "/v1/jobs", `{"app":"fail","tasks":[{}]}`, 202, nil)
		synctest.Wait()
		c.do("POST", "/v1/jobs", `{"app":"echo","tasks":[{"text":"1h"},{"text":"1h"},{"text":"1h"}]}`, 202, nil)
		time.Sleep(time.Second)
		var workers struct {
			Workers []struct {
				Name         string
				Busy, Queued int
				Connected    bool
				Apps         []string
				Labels       map[string]string
			}
		}
		c.do("GET", "/v1/workers", "", 200, &workers)
		w := workers.Workers[0]
		if len(workers.Workers) != 1 || w.Name != "w1" || w.Busy != 2 || w.Queued == 0 || !w.Connected || len(w.Apps) != 2 || w.Labels["ssd"] != "true" {
			t.Errorf("workers: %+v", workers)
		}
		c.do("GET", "/v1/schedulers", "", 200, nil)
		var fleet struct{ Schedulers, Connected, Jobs, Waiting, Running int }
		if c.do("GET", "/v1/fleet", "", 200, &fleet); fleet.Schedulers != 2 || fleet.Connected != 1 || fleet.Jobs != 1 || fleet.Waiting != 1 || fleet.Running != 2 {
			t.Errorf("fleet: %+v", fleet)
		}
		res := c.open(t.Context(), "GET", "/metrics", "")
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{
			`dunnock_jobs_total{result="failed"} 1`, `dunnock_tasks_total{result="failed"} 1`, "dunnock_retries_total 2", "dunnock_queue_depth 1", "dunnock_reservations_total ",
			"dunnock_notask_total ", "dunnock_cancelled_reservations_total ", `dunnock_members{role="worker",state="active"} 1`,
			"dunnock_lease_expiries_total 0", "dunnock_job_response_seconds_count 1", "dunnock_task_wait_seconds_count 1",
		} {
			if !strings.Contains(string(text), line) {
				t.Errorf("metrics lack %q", line)
			}
		}
	})
}
