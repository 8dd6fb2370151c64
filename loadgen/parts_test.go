package loadgen

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"pgregory.net/rapid"

	"dunnock/loadgen/workload"
	"dunnock/task"
)

// TestHistogramAgainstASort: quantiles are of nearest rank and within the histogram's precision; mean and maximum are
// exact; merging is as if all had been counted in one.
func TestHistogramAgainstASort(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fresh     func() histogram
		precision float64
	}{"full": {newHistogram, 0.001}, "sparse": {newSparseHistogram, 0.01}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				values := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
					return time.Duration(rapid.Float64Range(1, float64(time.Hour)).Draw(t, "value")) >> rapid.IntRange(0, 30).Draw(t, "shift")
				}), 1, 300).Draw(t, "values")
				h, other := c.fresh(), c.fresh()
				sum := 0.0
				for i, v := range values {
					if i%2 == 0 {
						h.add(v)
					} else {
						other.add(v)
					}
					sum += float64(v)
				}
				h.merge(&other)
				slices.Sort(values)
				for _, q := range []float64{0.001, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1} {
					rank := max(int(math.Ceil(q*float64(len(values))-1e-9)), 1)
					want := inMS(values[rank-1])
					if got := h.quantile(q); math.Abs(got-want) > c.precision*want+1e-3 {
						t.Fatalf("quantile %g of %d values is %g ms, want %g", q, len(values), got, want)
					}
				}
				if want := sum / float64(len(values)) / 1e6; math.Abs(h.mean()-want) > 1e-9*want || h.max != values[len(values)-1] || h.n != uint64(len(values)) {
					t.Fatalf("mean %g ms, maximum %v, %d values; want %g, %v, %d", h.mean(), h.max, h.n, want, values[len(values)-1], len(values))
				}
			})
		})
	}
}

func TestHistogramOfNothing(t *testing.T) {
	t.Parallel()
	h := newHistogram()
	if q := h.quantiles(); q != (Quantiles{}) || len(h.curve()) != 0 {
		t.Errorf("got %+v", q)
	}
	h.add(-time.Second)
	h.add(1 << 62)
	if h.quantile(0.5) > 0.001 || h.max != time.Duration(mostValue) {
		t.Errorf("out of bounds: %g, %v", h.quantile(0.5), h.max)
	}
}

// TestHistogramsMergeAcrossRuns as they are written into results.
func TestHistogramsMergeAcrossRuns(t *testing.T) {
	t.Parallel()
	var runs []*Result
	all := newHistogram()
	for run := range 3 {
		h := newHistogram()
		for i := range 1000 {
			d := time.Duration(i+1) * time.Millisecond * time.Duration(run+1)
			h.add(d)
			all.add(d)
		}
		text, err := EncodeHistogram(h.counts.(*hdrhistogram.Histogram)) //nolint:forcetypeassert // it is a full one
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, &Result{Histogram: text})
	}
	sum, err := MergeHistograms(runs)
	if err != nil {
		t.Fatal(err)
	}
	if !sum.Equals(all.counts.(*hdrhistogram.Histogram)) { //nolint:forcetypeassert // it is a full one
		t.Error("the sum of three is not what all values give")
	}
	for _, bad := range []string{"", "no", "AAAA"} {
		if _, err := MergeHistograms([]*Result{{Histogram: bad}}); err == nil {
			t.Errorf("%q is no histogram", bad)
		}
	}
}

// TestTimelineKeepsItsSums however often its intervals are doubled, and never has more than its bound.
func TestTimelineKeepsItsSums(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		line := newTimeline()
		busy, jobs := 0.0, uint64(0)
		var longest, end time.Duration
		for range rapid.IntRange(1, 60).Draw(t, "jobs") {
			at := time.Duration(rapid.Int64Range(0, int64(3*time.Hour)).Draw(t, "at")) >> rapid.IntRange(0, 10).Draw(t, "shift")
			took := time.Duration(rapid.Int64Range(0, int64(20*time.Minute)).Draw(t, "took"))
			v := line.at(at)
			v.jobs++
			v.response.add(took)
			slots := float64(rapid.IntRange(1, 4).Draw(t, "slots"))
			line.run(at, at+took, slots)
			jobs++
			busy += float64(took) * slots
			longest, end = max(longest, took), max(end, at+took)
		}
		gotJobs, gotLongest := uint64(0), 0.0
		for _, v := range line.list() {
			gotJobs += v.Jobs
			gotLongest = max(gotLongest, v.Max)
		}
		if gotJobs != jobs || gotLongest != inMS(longest) || len(line.intervals) > MaxIntervals {
			t.Fatalf("%d intervals have %d jobs, the longest %g ms; want %d, %v", len(line.intervals), gotJobs, gotLongest, jobs, longest)
		}
		if got := line.busyBetween(0, end+line.length); math.Abs(got-busy) > 1 {
			t.Fatalf("busy for %g ns, want %g", got, busy)
		}
	})
}

func TestTimelineShares(t *testing.T) {
	t.Parallel()
	line := newTimeline()
	line.run(500*time.Millisecond, 2500*time.Millisecond, 1)
	for _, c := range []struct {
		from, to float64
		want     float64
	}{{0, 1, 0.5}, {1, 2, 1}, {2, 3, 0.5}, {0, 3, 2}, {0.5, 1, 0.25}, {5, 9, 0}} {
		if got := line.busyBetween(time.Duration(c.from*1e9), time.Duration(c.to*1e9)) / 1e9; math.Abs(got-c.want) > 1e-9 {
			t.Errorf("from %g to %g s: %g, want %g", c.from, c.to, got, c.want)
		}
	}
}

// TestRecorderSorts: jobs end in any order, some never run; what is written is the rest in the order of arrival, and
// nothing is kept.
func TestRecorderSorts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 50).Draw(t, "jobs")
		order := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Perm(n)
		var got, want bytes.Buffer
		r := newRecorder(&got)
		ran := make([]bool, n)
		for _, i := range order {
			if ran[i] = rapid.Bool().Draw(t, "ran"); !ran[i] {
				r.skip(i)
				continue
			}
			r.ran(&job{index: i, at: time.Duration(i) * time.Millisecond, tasks: make([]task.Task, 1)}, []task.Result{{Service: time.Duration(i) * time.Second}})
		}
		if errs := r.flush(); errs[0] != nil {
			t.Fatal(errs[0])
		}
		for i, ran := range ran {
			if ran {
				fmt.Fprintf(&want, "{\"at_ms\":%d,\"service_ms\":[%d]}\n", i, i*1000)
			}
		}
		if got.String() != want.String() || len(r.kept) != 0 {
			t.Fatalf("recorded\n%swant\n%s%d kept", &got, &want, len(r.kept))
		}
	})
}

// TestJudge: valid up to 2 ms of lag, or 5 % of the median.
func TestJudge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lag, p50 float64
		valid    bool
	}{{2, 1, true}, {2.01, 1, false}, {2.01, 40, false}, {5, 100, true}, {5.01, 100, false}, {0, 0, true}} {
		r := &Result{Valid: true}
		r.LagMS.P99, r.ResponseMS.P50 = c.lag, c.p50
		r.judge()
		if r.Valid != c.valid || (r.Invalid == "") != c.valid {
			t.Errorf("lag p99 of %g ms, response p50 of %g ms: valid is %v, %q", c.lag, c.p50, r.Valid, r.Invalid)
		}
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{0: "0", 2.104: "2.1", 999.4: "999", 999.6: "1000", 12345.6: "12346"} {
		if got := short(x); got != want {
			t.Errorf("%g is %s, want %s", x, got, want)
		}
	}
}

// TestNamesAreBounded: users beyond the bound are counted together.
func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	cfg := Config{}.withDefaults()
	books := newTally(&cfg)
	for i := range 2 * MaxUsers {
		books.due(&job{index: i, user: fmt.Sprintf("u%d", i), tasks: make([]task.Task, 1)}, 0, 1<<30)
	}
	shares := books.userShares()
	last := shares[len(shares)-1]
	if len(shares) != MaxUsers || last.User != others || last.Jobs != MaxUsers+1 {
		t.Errorf("%d users, the last is %+v", len(shares), last)
	}
}

func TestNamesInTheirOrder(t *testing.T) {
	t.Parallel()
	names := []string{"w10", "w2", "w", "a9", "w1", "b", "a10"}
	slices.SortFunc(names, compareNames)
	if got := strings.Join(names, " "); got != "a9 a10 b w w1 w2 w10" {
		t.Errorf("got %s", got)
	}
}

func TestSumMessages(t *testing.T) {
	t.Parallel()
	const text = `dunnock_jobs_total{result="ok"} 5
dunnock_reserve_messages_total 200
dunnock_launches_total 100
dunnock_notask_total 30
dunnock_cancel_messages_total 70
dunnock_refused_reservations_total 2
dunnock_declined_launches_total 1
dunnock_offers_total{result="received"} 95
dunnock_offers_total{result="held"} 40
dunnock_offers_total{result="used"} 80
dunnock_peer_messages_total{kind="want"} 7
dunnock_peer_messages_total{kind="hand"} 5
dunnock_peer_messages_total{kind="spare"} 3
dunnock_peer_messages_total{kind="set"} 2
`
	if got, err := sumMessages(strings.NewReader(text)); err != nil || got != 200+300+60+70+2+15+17 {
		t.Errorf("got %g, %v", got, err)
	}
	if _, err := sumMessages(strings.NewReader(text[40:])); err == nil {
		t.Error("a metric that is missing is no zero")
	}
}

func TestReadResultsRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                     "no results",
		"{}":                   "line 1",
		"\n\n{\"jobs\":1}":     "line",
		"no JSON":              "not what 'loadgen run --json' prints",
		`{"jobs":"many"}`:      "not what 'loadgen run --json' prints",
		`{"policy":"x","jobs"`: "unexpected EOF",
	} {
		if r, err := ReadResults(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %v; want an error with %q", text, r, err, want)
		}
	}
}

// TestDigestIsOfThePlan: of every part of it.
func TestDigestIsOfThePlan(t *testing.T) {
	t.Parallel()
	digests := make(map[string]bool)
	for _, text := range []string{
		`{"at_ms":1,"service_ms":[1,2]}`, `{"at_ms":2,"service_ms":[1,2]}`, `{"at_ms":1,"service_ms":[1,3]}`, `{"at_ms":1,"service_ms":[1]}`,
		`{"at_ms":1,"user":"a","service_ms":[1,2]}`, `{"at_ms":1,"service_ms":[1,2],"est_ms":1}`,
	} {
		digests[planDigest(t, text+"\n")] = true
		if a, b := planDigest(t, text+"\n"), planDigest(t, text+"\n"); a != b {
			t.Errorf("the same jobs have digests %s and %s", a, b)
		}
	}
	if len(digests) != 6 {
		t.Errorf("six workloads have digests %v", slices.Collect(maps.Keys(digests)))
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
	bad := Config{App: "NO", ProbeRatio: 17, Timeout: 25 * time.Hour, MaxInFlight: -1, Bound: &BoundConfig{Net: -1, Client: 2 * time.Hour}}
	err := bad.Validate()
	for _, want := range []string{"app:", "probe ratio:", "timeout:", "max in flight:", "net delay:", "client delay:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if err := (Config{Payload: []byte("x")}).Validate(); err == nil || !strings.Contains(err.Error(), "payload:") {
		t.Errorf("a payload for sleep: got %v", err)
	}
	if err := (Config{ProbeRatio: math.NaN()}).Validate(); err == nil {
		t.Error("NaN is no probe ratio")
	}
}

func planDigest(t *testing.T, text string) string {
	t.Helper()
	source, err := workload.Read(strings.NewReader(text), workload.Window{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{}.withDefaults()
	p := newPlanner(&cfg, source)
	go func() {
		for range p.out {
			continue
		}
	}()
	p.run(t.Context())
	if p.err != nil {
		t.Fatal(p.err)
	}
	return fmt.Sprintf("%016x", p.digest.Sum64())
}
