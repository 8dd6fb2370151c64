package loadgen

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestAskNamesWhoDoesNotAnswer: a machine that takes connections and says nothing is given up after two seconds, and
// named.
func TestAskNamesWhoDoesNotAnswer(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	good := fleetServer(t, "f", "late-binding")
	url := "http://" + silent.Addr().String()
	if _, err := Ask(t.Context(), []string{good, url}); err == nil || err.Error() != "cannot reach "+url+": no answer within "+(2*time.Second).String() {
		t.Errorf("got %v", err)
	}
}

// fleetServer answers as a scheduler does.
func fleetServer(t *testing.T, fleet, policy string) (url string) {
	t.Helper()
	answers := map[string]string{
		"/v1/fleet":      `{"fleet":"` + fleet + `","policy":"` + policy + `"}`,
		"/v1/schedulers": `{"schedulers":[{"name":"s10","addr":"h:1","state":"active"},{"name":"s2","addr":"h:2","state":"active"}]}`,
		"/v1/workers": `{"workers":[{"name":"w1","addr":"h:3","slots":4,"state":"active","connected":true,"apps":["echo","sleep"]},
			{"name":"w2","addr":"h:4","slots":2,"state":"active","connected":true,"apps":["grep"]},
			{"name":"w3","addr":"h:5","slots":9,"state":"draining","connected":true,"apps":["zip"]},
			{"name":"w4","addr":"h:6","slots":9,"state":"active","connected":false,"apps":["zip"]}]}`,
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(answers[r.URL.Path])) }))
	t.Cleanup(s.Close)
	return s.URL
}

// TestAskCountsWhatCanRunTasks: workers that are connected and not leaving.
func TestAskCountsWhatCanRunTasks(t *testing.T) {
	t.Parallel()
	got, err := Ask(t.Context(), []string{fleetServer(t, "f", "late-binding")})
	if err != nil {
		t.Fatal(err)
	}
	want := Fleet{
		Name: "f", Policy: "late-binding", Schedulers: 2, Workers: 2, Slots: 6, Uniform: false, Apps: []string{"echo", "sleep", "grep"},
		Nodes: []Node{
			{Role: "scheduler", Name: "s2", Addr: "h:2"},
			{Role: "scheduler", Name: "s10", Addr: "h:1"},
			{Role: "worker", Name: "w1", Addr: "h:3", Slots: 4},
			{Role: "worker", Name: "w2", Addr: "h:4", Slots: 2},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" || got.PerWorker() != 3 {
		t.Errorf("got a fleet with %d slots a worker:\n%s", got.PerWorker(), diff)
	}
}

func TestAskRefusesTwoFleets(t *testing.T) {
	t.Parallel()
	a := fleetServer(t, "a", "late-binding")
	for _, b := range []string{fleetServer(t, "b", "late-binding"), fleetServer(t, "a", "late-binding-nocancel")} {
		if _, err := Ask(t.Context(), []string{a, b}); err == nil || !strings.Contains(err.Error(), "one run drives one fleet") {
			t.Errorf("got %v", err)
		}
	}
}

// TestAskNamesWhoIsNoScheduler, such as a worker, which answers as a node does, and a stranger.
func TestAskNamesWhoIsNoScheduler(t *testing.T) {
	t.Parallel()
	good := fleetServer(t, "f", "late-binding")
	for answer, want := range map[string]string{
		`{"error":{"code":"not_found","message":"no such path: /v1/fleet"}}`: " is no scheduler: not_found: no such path: /v1/fleet",
		`{"error":{"code":"draining","message":"bye"}}`:                      ": draining: bye",
		`<html>`: "GET /v1/fleet was answered with status 404 by something that is not Dunnock",
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(answer))
		}))
		defer s.Close()
		if _, err := Ask(t.Context(), []string{good, s.URL}); err == nil || !strings.Contains(err.Error(), s.URL) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want it to end in %q", err, want)
		}
	}
}
