package scheduler_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/scheduler"
	"dunnock/task"
)

// raw sends bytes to a node and returns the connection.
func raw(t *testing.T, f *fleettest.Fleet, n *fleettest.Node, text string) net.Conn {
	t.Helper()
	conn, err := f.Dial(t.Context(), "tcp", n.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

func post(version, path, body, headers string) string {
	return fmt.Sprintf("POST %s HTTP/%s\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", path, version, headers, len(body), body)
}

// A stream goes on for longer than any timeout of the server, and through whatever a client says behind its request.
func TestStreamOutlivesTimeouts(t *testing.T) {
	for name, test := range map[string]struct{ request, want string }{
		"HTTP/1.1":  {post("1.1", "/v1/jobs?wait=true", `{"app":"echo","tasks":[{"text":"5m"}],"deadline":"1h"}`, ""), "chunked"},
		"HTTP/1.0":  {post("1.0", "/v1/jobs?wait=true", `{"app":"echo","tasks":[{"text":"5m"}],"deadline":"1h"}`, ""), "x-ndjson"},
		"pipelined": {post("1.1", "/v1/jobs?wait=true", `{"app":"echo","tasks":[{"text":"5m"}],"deadline":"1h"}`, "") + strings.Repeat("GET /v1/jobs HTTP/1.1\r\nHost: x\r\n\r\n", 1000), "chunked"},
		"expecting": {post("1.1", "/v1/jobs?wait=true", `{"app":"echo","tasks":[{"text":"5m"}],"deadline":"1h"}`, "Expect: 100-continue\r\n"), "100 Continue"},
	} {
		t.Run(name, func(t *testing.T) {
			withHTTP(t, nil, func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, _ *caller) {
				answer, err := io.ReadAll(raw(t, f, s, test.request))
				if err != nil {
					t.Fatal(err)
				}
				if text := string(answer); !strings.Contains(text, test.want) || !strings.Contains(text, `"event":"done","outcome":"ok"`) {
					t.Errorf("%.300s…", text)
				}
				if chunked := strings.HasSuffix(string(answer), "\r\n0\r\n\r\n"); chunked != (name != "HTTP/1.0") {
					t.Errorf("the end: %q", answer[max(0, len(answer)-40):])
				}
			})
		})
	}
}

// Requests in every method are answered, and what is no request is refused in one line.
func TestOddRequests(t *testing.T) {
	withHTTP(t, nil, func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, c *caller) {
		c.do("POST", "/v1/jobs", `{"id":"00000000000000000000000000000001","app":"echo","tasks":[{"text":"1h"}]}`, 202, nil)
		const id = "/v1/jobs/00000000000000000000000000000001"
		for request, want := range map[string]string{
			"HEAD /v1/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":            "200 OK",
			"HEAD " + id + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":          "200 OK",
			"HEAD " + id + "/events HTTP/1.1\r\nHost: x\r\n\r\n":                        "200 OK",
			"HEAD /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":             "200 OK",
			"OPTIONS /v1/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":         "405 Method",
			"DELETE " + id + "/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n": "405 Method",
			"GET /v1/jobs HTTP/1.0\r\n\r\n":                                             "200 OK",
			"nonsense\r\n\r\n":                                                          "400 Bad",
			post("1.1", "/v1/jobs", "", "Connection: close\r\n"):                        "ends at byte 0",
		} {
			answer, err := io.ReadAll(raw(t, f, s, request))
			if err != nil {
				t.Fatal(err)
			}
			head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
			if !strings.Contains(string(answer), want) || strings.Count(strings.TrimSpace(body), "\n") != 0 {
				t.Errorf("%.60q: %q", request, answer)
			}
			if strings.HasPrefix(request, "HEAD") && body != "" || strings.Contains(head, "405") && !strings.Contains(head, "Allow: GET") {
				t.Errorf("%.60q: %q", request, answer)
			}
		}
	})
}

// What its own client has read of a waiting job is not told to others as if it were empty.
func TestFollowerOfAWaitingJob(t *testing.T) {
	withHTTP(t, nil, func(t *testing.T, _ *fleettest.Fleet, _ *fleettest.Node, c *caller) {
		res := c.open(t.Context(), "POST", "/v1/jobs?wait=true", `{"app":"echo","tasks":[{"text":"10ms"},{"text":"10s"}]}`)
		lines := bufio.NewScanner(res.Body)
		accepted, _ := c.next(lines)
		c.next(lines)
		follow := c.open(t.Context(), "GET", "/v1/jobs/"+accepted.Job+"/events", "")
		lines = bufio.NewScanner(follow.Body)
		c.next(lines)
		if e, _ := c.next(lines); len(e.Result) > 0 || e.Error == nil || e.Error.Code != string(task.CodeResultDropped) {
			t.Errorf("got %+v", e)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_, _ = io.Copy(io.Discard, follow.Body)
	})
}

// Results of jobs that nobody can read over HTTP do not push out those of detached jobs.
func TestDetachedResultsStay(t *testing.T) {
	tune := func(c *scheduler.Config) { c.MaxRetainedBytes = 1 << 20 }
	withHTTP(t, tune, func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, c *caller) {
		var accepted struct{ Job string }
		c.do("POST", "/v1/jobs", `{"app":"echo","tasks":[{"text":"kept"}]}`, 202, &accepted)
		h := fleettest.Submit(t, f.Client(s), echoJob(40, strings.Repeat("x", 100_000)))
		fleettest.Wait(t, h)
		var d struct {
			TaskStates []struct{ Result []byte } `json:"task_states"`
		}
		if c.do("GET", "/v1/jobs/"+accepted.Job, "", 200, &d); string(d.TaskStates[0].Result) != "kept" {
			t.Errorf("%+v", d)
		}
	})
}

// A client that does not read is cut, its job ends, and a job that somebody reads goes on although others hold all the
// room.
func TestSlowReader(t *testing.T) {
	tune := func(c *scheduler.Config) { c.MaxRetainedBytes = 1 << 20 }
	withHTTP(t, tune, func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, c *caller) {
		big := strings.TrimSuffix(strings.Repeat(`{"text":"`+strings.Repeat("x", 500_000)+`"},`, 20), ",")
		conn := raw(t, f, s, post("1.1", "/v1/jobs?wait=true", `{"id":"00000000000000000000000000000001","app":"echo","tasks":[`+big+`]}`, ""))
		defer func() { _ = conn.Close() }()
		hold := strings.TrimSuffix(strings.Repeat(`{"text":"`+strings.Repeat("x", 500_000)+`"},`, 3), ",")
		c.do("POST", "/v1/jobs", `{"app":"echo","tasks":[`+hold+`,{"text":"1h"}],"deadline":"2h"}`, 202, nil) // keeps a slot and the room
		time.Sleep(30 * time.Second)
		var fleet struct{ Jobs int }
		if c.do("GET", "/v1/fleet", "", 200, &fleet); fleet.Jobs != 1 {
			t.Errorf("%d jobs run; the one whose client does not read is over, the detached one is not", fleet.Jobs)
		}
		res := c.open(t.Context(), "POST", "/v1/jobs?wait=true", `{"app":"echo","tasks":[{"text":"hello"},{"text":"there"}]}`)
		answer, err := io.ReadAll(res.Body)
		if err != nil || !strings.Contains(string(answer), base64.StdEncoding.EncodeToString([]byte("there"))) {
			t.Errorf("%s, %v", answer, err)
		}
	})
}

// Joining a job at a later epoch needs to know what that job leaves out; nothing may end unknown for it.
func TestJoinWithWhatHasFinished(t *testing.T) {
	withHTTP(t, nil, func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, c *caller) {
		first := echoJob(3, "1s")
		first.ID = task.JobID{1}
		first.Epoch, first.Finished = 1, []byte{0b001}
		h := fleettest.Submit(t, f.Client(s), first)
		again := first
		again.Epoch, again.Finished = 0, nil
		if _, err := f.Client(s).Submit(t.Context(), again); err == nil || !strings.Contains(err.Error(), "conflict: finished:") {
			t.Errorf("without what has finished: %v", err)
		}
		again.Epoch, again.Finished = 2, []byte{0b011}
		joined := fleettest.Submit(t, f.Client(s), again)
		for r := range joined.Results() {
			if r.Task != 2 || r.Outcome != task.OK {
				t.Errorf("joined: %+v", r)
			}
		}
		if _, err := h.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		all := first
		all.ID, all.Finished = task.JobID{2}, []byte{0b111}
		h = fleettest.Submit(t, f.Client(s), all)
		if _, err := h.Wait(t.Context()); err != nil {
			t.Errorf("a job with nothing left to run: %v", err)
		}
		c.do("POST", "/v1/jobs", `{"app":"echo","epoch":1,"finished":"Aw==","tasks":[{},{}]}`, 202, nil)
	})
}

// A request that comes back to its job with what it has finished hears of the rest, and nothing twice.
func TestStreamComesBack(t *testing.T) {
	withHTTP(t, nil, func(t *testing.T, _ *fleettest.Fleet, _ *fleettest.Node, c *caller) {
		const tasks = `"id":"00000000000000000000000000000001","app":"echo","tasks":[{"text":"10ms"},{"text":"1s"},{"text":"2s"}]}`
		ctx, hangUp := context.WithCancel(t.Context())
		res := c.open(ctx, "POST", "/v1/jobs?wait=true", "{"+tasks)
		lines := bufio.NewScanner(res.Body)
		for range 2 {
			c.next(lines) // accepted, and task 0
		}
		hangUp()
		time.Sleep(100 * time.Millisecond)
		res = c.open(t.Context(), "POST", "/v1/jobs?wait=true", `{"epoch":1,"finished":"AQ==",`+tasks)
		var story []string
		for lines := bufio.NewScanner(res.Body); ; {
			e, ok := c.next(lines)
			if !ok {
				break
			}
			if e.Event != "beat" {
				story = append(story, strings.TrimSpace(fmt.Sprintf("%s %d %s %s", e.Event, e.Task, e.Outcome, e.Result)))
			}
		}
		if got, want := strings.Join(story, "|"), "accepted 0|task 1 ok 1s|task 2 ok 2s|done 0 ok"; got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}

// A drain lets open streams see their jobs' ends, and idle keep-alive connections do not hold it up.
func TestDrainWithOpenStreams(t *testing.T) {
	withHTTP(t, nil, func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, c *caller) {
		idle := &http.Client{Transport: &http.Transport{DialContext: f.Dial}}
		res, err := idle.Get(c.base + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		defer idle.CloseIdleConnections()

		var streams []*http.Response
		for range 2 {
			streams = append(streams, c.open(t.Context(), "POST", "/v1/jobs?wait=true", `{"app":"echo","tasks":[{"text":"3s"}]}`))
		}
		followed := c.open(t.Context(), "POST", "/v1/jobs", `{"id":"00000000000000000000000000000001","app":"echo","tasks":[{"text":"1s"}]}`)
		_ = followed.Body.Close()
		streams = append(streams, c.open(t.Context(), "GET", "/v1/jobs/00000000000000000000000000000001/events", ""))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		h, err := f.Client(s).Submit(ctx, echoJob(2, "4s"))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		s.Drain()
		for _, res := range streams {
			answer, err := io.ReadAll(res.Body)
			if err != nil || !strings.Contains(string(answer), `"outcome":"ok","tasks":1`) {
				t.Errorf("%s, %v", answer, err)
			}
		}
		if _, err := h.Wait(ctx); err != nil {
			t.Error(err)
		}
		if err := s.Wait(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 13*time.Second {
			t.Errorf("the drain took %v", took)
		}
	})
}
