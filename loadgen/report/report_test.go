package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dunnock/loadgen"
	"dunnock/loadgen/report"
	"dunnock/sim"
)

var keep = flag.String("page", "", "where to leave the page of TestPage, to look at it")

// hostile is what a name or a message must not do to a page.
const hostile = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"'&`

// made makes up a run with all that a result can have.
func made(seed uint64) *loadgen.Result {
	rng := rand.New(rand.NewPCG(seed, 1))
	r := &loadgen.Result{
		Policy: "late-binding", Load: 0.8, Workers: 24, Slots: 4, Schedulers: 2, Seed: seed, Jobs: 3840, Tasks: 38_400,
		Utilization: 0.79, FailedTasks: 12, WallS: 61.2, TasksPerS: 627.5, Digest: fmt.Sprintf("%016x", seed*0x9e3779b97f4a7c15), Valid: true, Repeat: int(seed), Repeats: 3,
		App: "sleep", Workload: "tasks=10 service=exp:100ms arrival=poisson", Rate: 64.2, ProbeRatio: 2, Start: "2026-11-21T12:00:00.123456789Z", Machine: "2 × Intel Xeon", Version: "v0.3.0", Go: "go1.26.8", Local: true,
		ResponseMS: sim.Response{Mean: 301, P50: 290, P90: 442, P95: 511, P99: 690, P999: 910, Max: 1204, CI95: [2]float64{296, 306}},
		WaitMS:     sim.Wait{Mean: 11, P50: 0.4, P95: 61, P99: 120, P999: 200},
		LagMS:      loadgen.Quantiles{Count: 3840, Mean: 0.06, P50: 0.04, P90: 0.1, P95: 0.2, P99: 0.9, P999: 2.2, Max: 4},
		ServiceMS:  loadgen.Quantiles{Count: 38_388, Mean: 100.4, P50: 70, P90: 231, P95: 300, P99: 461, P999: 690, Max: 1103},
		AcceptMS:   loadgen.Quantiles{Count: 3840, Mean: 0.4, P50: 0.3, P90: 0.6, P95: 0.8, P99: 2, P999: 5, Max: 9},
		Breakdown:  loadgen.Breakdown{Jobs: 3828, Lag: 0.06, Wait: 22, Service: 278, Rest: 0.9},
		Errors:     map[string]uint64{"timeout": 9, "overload": 3}, CPU: loadgen.CPU{GeneratorS: 2.1, GeneratorUS: 54},
	}
	messages, fleet := 7.1, 9.5
	r.MessagesPerTask, r.CPU.FleetS, r.CPU.FleetUS = &messages, &fleet, &fleet
	for i := range 60 {
		level := 1 + 0.3*math.Sin(float64(i)/6) + 0.1*rng.Float64()
		r.Timeline = append(r.Timeline, loadgen.Interval{
			StartS: float64(i), LengthS: 1, Jobs: uint64(55 + rng.IntN(20)), Tasks: 640, Errors: uint64(rng.IntN(2)), InFlight: 15 + rng.IntN(10),
			Mean: 300 * level, P50: 290 * level, P95: 500 * level, P99: 640 * level * (1 + rng.Float64()/3), Max: 900 * level, Lag: 0.1, Wait: 22 * level, Service: 277 * level, Rest: 1, LagMax: 3 * rng.Float64(),
		})
	}
	r.Curve, r.WaitCurve = curve(290, 3840), curve(4, 38_388)
	r.Bound = &loadgen.Bound{
		Delays:     loadgen.Delays{NetMS: 0.08, ClientMS: 0.1, OverheadMS: 0.12, From: "calibrated"},
		Ideal:      &loadgen.BoundRun{Policy: "ideal", Runs: 5, ResponseMS: sim.Response{Mean: 293, P50: 281, P90: 430, P95: 500, P99: 670}, Curve: curve(281, 3840)},
		Simulated:  &loadgen.BoundRun{Policy: "late-binding", Runs: 5, ResponseMS: sim.Response{Mean: 300, P50: 288, P90: 440, P95: 509, P99: 688}, Curve: curve(288, 3840)},
		RatioIdeal: loadgen.Ratios{Mean: 1.027, P50: 1.032, P90: 1.028, P95: 1.022, P99: 1.03}, RatioSimulated: loadgen.Ratios{Mean: 1.003, P50: 1.007, P90: 1.005, P95: 1.004, P99: 1.003},
	}
	for i, user := range []string{"", "org/ann", "org/bob"} {
		r.Users = append(r.Users, loadgen.UserShare{User: user, Jobs: uint64(1280 + i), Tasks: 12_800, Errors: uint64(4 * i), ResponseMS: loadgen.Quantiles{Mean: 300, P50: 290, P95: 511, P99: 690, Max: 1204}})
	}
	for i := range 24 {
		share := loadgen.WorkerShare{Worker: fmt.Sprintf("w%d", i+1), Slots: 4, Tasks: uint64(1500 + rng.IntN(200)), Failed: uint64(rng.IntN(2)), Utilization: 0.75 + 0.08*rng.Float64(), WaitMS: 9 + 4*rng.Float64(), ServiceMS: 100 + rng.Float64()}
		r.PerWorker = append(r.PerWorker, share)
		r.Nodes = append(r.Nodes, loadgen.Node{Role: "worker", Name: share.Worker, Addr: "127.0.0.1:7171", Slots: 4, Version: "v0.3.0"})
	}
	for i, load := range []float64{0.5, 0.8, 0.95} {
		r.Stages = append(r.Stages, loadgen.Stage{
			Load: load, Rate: 80 * load, StartS: float64(20 * i), LengthS: 20, Jobs: 1280, Tasks: 12_800, Utilization: load,
			ResponseMS: loadgen.Quantiles{Mean: 290, P50: 280, P95: 500, P99: 660, Max: 1000}, Errors: map[string]uint64{"timeout": 3},
		})
	}
	return r
}

// curve makes up a distribution with an exponential tail.
func curve(median float64, count uint64) []loadgen.Point {
	var points []loadgen.Point
	for x := 0.0; x < math.Log10(float64(count)); x += 0.05 {
		p := 1 - math.Pow(10, -x)
		points = append(points, loadgen.Point{Percentile: 100 * p, MS: median * (0.3 + 1.01*x), Count: uint64(p * float64(count))})
	}
	return append(points, loadgen.Point{Percentile: 100, MS: median * (0.3 + 1.01*math.Log10(float64(count))), Count: count})
}

func written(t *testing.T, o report.Options, runs ...*loadgen.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteHTML(&b, runs, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// data returns the runs that a page's script finds.
func data(t *testing.T, text string) []*loadgen.Result {
	t.Helper()
	m := regexp.MustCompile(`(?m)^<script>const data = (.*), palette = `).FindStringSubmatch(text)
	if m == nil {
		t.Fatal("the page has no data")
	}
	var d struct {
		Runs []*loadgen.Result `json:"runs"`
	}
	if err := json.Unmarshal([]byte(m[1]), &d); err != nil {
		t.Fatal(err)
	}
	return d.Runs
}

// A page has its runs whole, says the essential without its scripts, and asks for nothing.
func TestPage(t *testing.T) {
	runs := []*loadgen.Result{made(1), made(2), made(3)}
	runs[1].Valid, runs[1].Invalid = false, "lag p99 is 31 ms, more than 14.5 ms"
	runs[2].Interrupted = true
	runs[0].Histogram = "HISTFAAAA"
	text := written(t, report.Options{Command: "dunnock loadgen run --load 0.8"}, runs...)
	if *keep != "" {
		if err := os.WriteFile(*keep, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := data(t, text)
	if runs[0].Histogram == "" {
		t.Error("the caller's result was changed")
	}
	runs[0].Histogram = ""
	if diff := cmp.Diff(runs, got); diff != "" {
		t.Errorf("the page's data:\n%s", diff)
	}
	static, _, _ := strings.Cut(text, "<script>")
	for _, want := range []string{
		"<h1>3 stages of load on 24 workers × 4 slots</h1>",
		`<p class="banner loud" role="alert">run 2: this run is invalid: lag p99 is 31 ms, more than 14.5 ms. Its figures tell more of the generator than of the fleet.</p>`,
		`<p class="banner">run 3: the run was interrupted: `,
		`36 of 11520 jobs (0.31 %) ended in error: timeout 27, overload 9.`,
		"<tr><th>run 1</th><td>301</td><td>290</td><td>442</td><td>511</td><td>690</td><td>910</td><td>1204</td><td>0.4</td><td>0.9</td><td>3840</td><td>12</td><td>64.2</td></tr>",
		`<tr class="bad"><th>run 2 (invalid)</th>`,
		"<th>mean of 2 valid</th><td>301</td>",
		"<pre>dunnock loadgen run --load 0.8</pre>",
		"Seed 1 gives the same jobs", "24 workers × 4 slots, 2 schedulers; processes on", "2 × Intel Xeon", "2026-11-21 12:00:00 UTC</td>", "<td>127.0.0.1:7171</td>",
		"width=device-width", "prefers-color-scheme", "<noscript>",
	} {
		if !strings.Contains(static, want) {
			t.Errorf("without scripts the page lacks %q", want)
		}
	}
	if !strings.Contains(text, "Permission is hereby granted") {
		t.Error("the library has come without its licence")
	}
	if outside := regexp.MustCompile(`(?i)(src|href)\s*=|url\(|@import|fetch\(|XMLHttpRequest|import\(`).FindString(text); outside != "" {
		t.Errorf("the page asks for something: %q", outside)
	}
}

// Text from outside is text: in the title, in the facts, and in what the script gets.
func TestHostile(t *testing.T) {
	r := made(1)
	r.Policy, r.App, r.Workload, r.Machine, r.Version, r.Start, r.Digest = hostile, hostile, hostile, hostile, hostile, hostile, hostile
	r.Valid, r.Invalid = false, hostile
	r.Errors = map[string]uint64{hostile: 3}
	r.Users[1].User, r.PerWorker[2].Worker, r.Nodes[3].Name, r.Nodes[4].Addr, r.Bound.Delays.From = hostile, hostile, hostile, hostile, hostile
	text := written(t, report.Options{Title: hostile, Command: hostile}, r)
	if n := strings.Count(text, "</script>"); n != 2 {
		t.Errorf("%d ends of scripts, want 2", n)
	}
	if strings.Contains(text, "<img") {
		t.Error("there is an image")
	}
	if !strings.Contains(text, "<h1>"+html.EscapeString(hostile)+"</h1>") {
		t.Error("the title is not as it was given")
	}
	got := data(t, text)[0]
	if got.Users[1].User != hostile || got.PerWorker[2].Worker != hostile || got.Errors[hostile] != 3 {
		t.Errorf("names came out as %q, %q, %v", got.Users[1].User, got.PerWorker[2].Worker, got.Errors)
	}
	// The script makes text of it, and nothing else.
	if m := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`).FindString(script(text)); m != "" {
		t.Errorf("the page's own script has %s", m)
	}
}

// script returns what runs behind the library.
func script(text string) string { return text[strings.LastIndex(text, "<script>"):] }

// A run that has next to nothing still makes a page.
func TestBare(t *testing.T) {
	text := written(t, report.Options{}, &loadgen.Result{Workers: 1, Slots: 1})
	if !strings.Contains(text, "this run is invalid: the generator did not keep up") || !strings.Contains(text, "<h1>Load 0 on 1 worker × 1 slots</h1>") {
		t.Error("got " + text[:3000])
	}
	if err := report.WriteHTML(&bytes.Buffer{}, nil, report.Options{}); err == nil {
		t.Error("no runs: no error")
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, os.ErrClosed }

// A page that cannot be written is an error.
func TestWriteFails(t *testing.T) {
	if err := report.WriteHTML(fullDisk{}, []*loadgen.Result{made(1)}, report.Options{}); err == nil {
		t.Error("no error")
	}
}
