package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dunnock/internal/api"
	"dunnock/task"
)

var id = task.JobID{1, 2, 3}

func caller(t *testing.T, address string) *api.Caller {
	t.Helper()
	c, err := api.NewCaller(address)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve answers every request with h, over the standard library's HTTP.
func serve(t *testing.T, h http.HandlerFunc) *api.Caller {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return caller(t, s.URL)
}

// Each call asks for its own path and decodes its own shape.
func TestCalls(t *testing.T) {
	probe := 1.5
	for _, c := range []struct {
		method, path, answer string
		call                 func(context.Context, *api.Caller) (any, error)
		want                 any
	}{
		{"GET", "/v1/jobs", `{"jobs":[{"job":"ab","tasks":3}]}`, func(ctx context.Context, c *api.Caller) (any, error) { return c.Jobs(ctx) }, api.JobList{Jobs: []api.JobSummary{{Job: "ab", Tasks: 3}}}},
		{"GET", "/v1/jobs/" + id.String(), `{"job":"ab","probe_ratio":1.5}`, func(ctx context.Context, c *api.Caller) (any, error) { return c.Job(ctx, id) }, api.JobDetail{JobSummary: api.JobSummary{Job: "ab"}, ProbeRatio: probe}},
		{"DELETE", "/v1/jobs/" + id.String(), `{"state":"cancelled"}`, func(ctx context.Context, c *api.Caller) (any, error) { return c.Cancel(ctx, id) }, api.JobSummary{State: "cancelled"}},
		{"GET", "/v1/workers", `{"workers":[{"name":"w1"}]}`, func(ctx context.Context, c *api.Caller) (any, error) { return c.Workers(ctx) }, api.WorkerList{Workers: []api.Worker{{Name: "w1"}}}},
		{"GET", "/v1/schedulers", `{"schedulers":[{"name":"s1","self":true}]}`, func(ctx context.Context, c *api.Caller) (any, error) { return c.Schedulers(ctx) }, api.SchedulerList{Schedulers: []api.Scheduler{{Name: "s1", Self: true}}}},
		{"GET", "/v1/fleet", `{"workers":7}`, func(ctx context.Context, c *api.Caller) (any, error) { return c.Fleet(ctx) }, api.Fleet{Workers: 7}},
		{"POST", "/v1/drain", `{"status":"draining"}`, func(ctx context.Context, c *api.Caller) (any, error) { return c.Drain(ctx) }, api.Health{Status: "draining"}},
	} {
		node := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != c.method || r.URL.Path != c.path || !r.Close {
				t.Errorf("got %s %s, close %v; want %s %s and an end of the connection", r.Method, r.URL.Path, r.Close, c.method, c.path)
			}
			_, _ = io.WriteString(w, c.answer)
		})
		got, err := c.call(t.Context(), node)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.path, diff)
		}
	}
}

// A job goes over the wire whole: what the server decodes is what was submitted.
func TestSubmit(t *testing.T) {
	want := task.Job{
		ID: id, App: "grep", User: "a/b", Priority: -3, ProbeRatio: 1.5, Deadline: 2 * time.Second, TaskTimeout: time.Second, MaxAttempts: 7,
		Delivery: task.AtMostOnce, OnFailure: task.CancelRest, OnDisconnect: task.DrainJob, Require: map[string]string{"zone": "a"}, Prefer: map[string]string{"ssd": "true"},
		Exclude: []string{"w9", "zone=b"}, Spread: "rack", Slots: 3, Resources: map[string]uint32{"gpu": 1},
		Epoch: 2, Finished: []byte{1}, Attempts: []task.Attempts{{Task: 1, Failed: 2}},
		Tasks: []task.Task{{Payload: []byte("\x00\xff")}, {Affinity: "k", Require: map[string]string{"gpu": "1"}, Prefer: map[string]string{"ssd": "no"}, Exclude: []string{"w1"}, Slots: 2, Resources: map[string]uint32{"gpu": 0}}},
	}
	var got task.Job
	node := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			got, err = api.DecodeJob(body, 100)
		}
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"job":"ab","tasks":2}`)
	})
	accepted, err := node.Submit(t.Context(), api.NewJob(&want))
	if err != nil || accepted != (api.Accepted{Job: "ab", Tasks: 2}) {
		t.Errorf("got %+v, %v", accepted, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	body, err := json.Marshal(api.NewJob(&task.Job{App: "x", Tasks: make([]task.Task, 1)}))
	if err != nil || string(body) != `{"app":"x","tasks":[{}]}` {
		t.Errorf("zero fields are sent: %s, %v", body, err)
	}
}

// A refusal is the node's own error, with its code and all.
func TestRefusal(t *testing.T) {
	node := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"error":{"code":"no_workers","message":"none","detail":"d","retry_after_ms":500}}`)
	})
	_, err := node.Jobs(t.Context())
	var refused *task.Error
	if !errors.As(err, &refused) || *refused != (task.Error{Code: task.CodeNoWorkers, Message: "none", Detail: "d", RetryAfterMS: 500}) {
		t.Errorf("got %#v", err)
	}
}

// What is no answer of a node is one line that names the URL.
func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	page := func(status int, body string) func(*testing.T) *api.Caller {
		return func(t *testing.T) *api.Caller {
			t.Helper()
			return serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			})
		}
	}
	for name, c := range map[string]struct {
		node func(*testing.T) *api.Caller
		want string
	}{
		"refused":       {func(t *testing.T) *api.Caller { t.Helper(); return caller(t, closed) }, "cannot reach http://" + closed + ": connection refused"},
		"another page":  {page(404, "<html>"), "status 404 by something that is not Dunnock"},
		"another error": {page(500, `{"error":{}}`), "status 500 by something that is not Dunnock"},
		"not JSON":      {page(200, "hello"), "something that is not Dunnock"},
		"cut off":       {func(t *testing.T) *api.Caller { t.Helper(); return hangUp(t) }, "cannot reach http://"},
	} {
		_, err := c.node(t).Jobs(t.Context())
		var unreachable *api.UnreachableError
		if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if name == "refused" && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Error("the reason cannot be asked for")
		}
	}
}

// hangUp is a node that closes connections without an answer.
func hangUp(t *testing.T) *api.Caller {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	})
}

// A node that accepts and says nothing holds a call up only as long as its context.
func TestSilentNode(t *testing.T) {
	asked := make(chan struct{})
	release := make(chan struct{})
	node := serve(t, func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := node.Jobs(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:7070": "http://127.0.0.1:7070", "http://h:1": "http://h:1", "http://h:1/": "http://h:1", "[::1]:80": "http://[::1]:80",
		"": "", "h": "", "http://h": "", ":80": "", "https://h:1": "", "http://h:1/x": "", "http://h:1?x=y": "", "http://u@h:1": "", "ftp://h:1": "", "http://[": "",
	} {
		c, err := api.NewCaller(address)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q: no error", address)
		case want != "" && (err != nil || c.URL() != want):
			t.Errorf("%q: got %v, %v", address, c, err)
		}
	}
}
