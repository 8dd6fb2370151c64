package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dunnock/internal/chaos/ledger"
	"dunnock/task"
)

// fakeScheduler answers submissions one after the other as it is told, and keeps them.
type fakeScheduler struct {
	mu      sync.Mutex // guards what follows
	answers []string   // a status code and a body
	asked   []map[string]any
}

func (f *fakeScheduler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var job map[string]any
	if err := json.NewDecoder(r.Body).Decode(&job); err != nil || r.URL.String() != "/v1/jobs?wait=true" || len(f.answers) == 0 {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	f.asked = append(f.asked, job)
	status, body, _ := strings.Cut(f.answers[0], " ")
	f.answers = f.answers[1:]
	switch status {
	case "429":
		w.WriteHeader(http.StatusTooManyRequests)
	case "503":
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprint(w, body)
}

const (
	eventAccepted = `{"event":"accepted","job":"x"}` + "\n"
	eventFirst    = `{"event":"task","task":0,"outcome":"ok","worker":"w1","attempt":1,"result":"cHJvb2Y=","error":null}` + "\n"
	eventSecond   = `{"event":"beat"}` + "\n" + `{"event":"task","task":1,"outcome":"failed","worker":"w2","attempt":3,"result":null,"error":{"code":"app_failed"}}` + "\n"
	eventDone     = `{"event":"done","outcome":"failed","tasks":2,"failed":1}` + "\n"
)

// plainly runs a job of two tasks against schedulers that answer so, and returns what was written down and what they
// were asked.
func plainly(t *testing.T, once bool, answers ...string) (lines []string, asked []map[string]any) {
	t.Helper()
	f := &fakeScheduler{answers: answers}
	server := httptest.NewServer(f)
	defer server.Close()
	path := filepath.Join(t.TempDir(), "ledger")
	w, err := ledger.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	addr := server.Listener.Addr().String()
	d := &driver{node: "c1", life: 1, books: w, plain: true, addrs: []string{addr, addr}} // both are one: the order of the answers is what counts
	job := task.Job{App: appWork, Deadline: 10 * time.Second, Tasks: []task.Task{{Payload: []byte("5ms")}, {Payload: []byte("6ms")}}}
	if once {
		job.Delivery = task.AtMostOnce
	}
	d.follow(job.WithDefaults())
	records, _, err := ledger.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s%s%s", r.Event, r.Result, r.Code, r.Scheduler, r.Proof)))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return lines, f.asked
}

func TestPlain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		once    bool
		answers []string
		want    []string
	}{
		{
			"one answer", false,
			[]string{"200 " + eventAccepted + eventFirst + eventSecond + eventDone},
			[]string{"submit", "accept  s1", "outcome ok proof", "outcome failed app_failed", "done failed"},
		},
		{
			"an answer that breaks off", false,
			[]string{"200 " + eventAccepted + eventFirst, "200 " + eventAccepted + eventFirst + eventSecond + eventDone},
			[]string{"submit", "accept  s1", "outcome ok proof", "accept  s2", "outcome failed app_failed", "done failed"},
		},
		{
			"one that breaks off, at most once", true,
			[]string{"200 " + eventAccepted + eventFirst},
			[]string{"submit", "accept  s1", "outcome ok proof", "outcome unknown connection", "done failed"},
		},
		{
			"a refusal, and then not", false,
			[]string{`503 {"error":{"code":"draining"}}`, "200 " + eventAccepted + eventFirst + eventSecond + eventDone},
			[]string{"submit", "accept  s2", "outcome ok proof", "outcome failed app_failed", "done failed"},
		},
		{
			"refused by all", false,
			[]string{`503 {"error":{"code":"draining"}}`, `503 {"error":{"code":"no_workers"}}`},
			[]string{"submit", "refuse  no_workers"},
		},
		{
			"refused, and not told for how long", false,
			[]string{`503 {"error":{"code":"draining"}}`, `429 {"error":{"code":"overloaded"}}`},
			[]string{"submit", "refuse  overloaded without Retry-After"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := plainly(t, tt.once, tt.answers...)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlainResubmits(t *testing.T) {
	_, asked := plainly(t, false, "200 "+eventAccepted+eventFirst, "200 "+eventAccepted+eventSecond+eventDone)
	if len(asked) != 2 {
		t.Fatalf("asked %d times", len(asked))
	}
	first, again := asked[0], asked[1]
	if first["epoch"] != nil || first["finished"] != nil {
		t.Errorf("at first: %v", first)
	}
	if again["epoch"] != 1.0 || again["finished"] != "AQ==" { // bit 0
		t.Errorf("again: %v", again)
	}
	delete(again, "epoch")
	delete(again, "finished")
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("it is another job: %s", diff)
	}
}
