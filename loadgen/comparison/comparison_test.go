package comparison_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"dunnock/loadgen"
	"dunnock/loadgen/comparison"
	"dunnock/loadgen/objective"
	"dunnock/sim"
)

// run makes up a run whose percentiles are multiples of a scale.
func run(seed uint64, scale float64) *loadgen.Result {
	return &loadgen.Result{
		Policy: "late-binding", App: "sleep", Workload: "tasks=10", Load: 0.8, Workers: 20, Slots: 4, Schedulers: 2, Seed: seed, Jobs: 10_000, Valid: true,
		Digest: fmt.Sprintf("%016x", seed), Rate: 64,
		ResponseMS: sim.Response{Mean: 10 * scale, P50: 9 * scale, P90: 12 * scale, P95: 13 * scale, P99: 20 * scale, P999: 30 * scale},
		Curve:      []loadgen.Point{{Percentile: 50, Count: 5000}, {Percentile: 100, Count: 9000}},
	}
}

// side makes up runs of the seeds from first on, with scales one after the other.
func side(name string, first uint64, scales ...float64) []comparison.Run {
	runs := make([]comparison.Run, 0, len(scales))
	for i, s := range scales {
		runs = append(runs, comparison.Run{Name: fmt.Sprintf("%s, run %d", name, i+1), Result: run(first+uint64(i), s)})
	}
	return runs
}

func compare(t *testing.T, a, b []comparison.Run, tolerance float64) *comparison.Comparison {
	t.Helper()
	c, err := comparison.Compare(a, b, comparison.Config{Confidence: 0.95, Tolerance: tolerance})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func verdicts(c *comparison.Comparison) string {
	list := make([]string, 0, len(c.Lines))
	for _, l := range c.Lines {
		list = append(list, l.Verdict)
	}
	return strings.Join(list, " ")
}

func TestVerdicts(t *testing.T) {
	steady := []float64{1, 1.01, 0.99, 1.005, 0.995}
	scaled := func(factor float64) []float64 {
		out := make([]float64, 0, len(steady))
		for _, s := range steady {
			out = append(out, s*factor)
		}
		return out
	}
	wild := []float64{1, 1.4, 0.7, 1.2, 0.8}
	for _, c := range []struct {
		name      string
		a, b      []comparison.Run
		tolerance float64
		method    string
		verdict   string
		text      string
	}{
		{"slower", side("a", 1, steady...), side("b", 101, scaled(1.2)...), 0.05, comparison.MethodWelch, comparison.VerdictHigher, "B is slower: mean higher by 20 % ("},
		{"faster", side("a", 1, steady...), side("b", 101, scaled(0.8)...), 0.05, comparison.MethodWelch, comparison.VerdictLower, "B is faster: mean lower by 20 % ("},
		{"same", side("a", 1, steady...), side("b", 101, steady...), 0.05, comparison.MethodWelch, comparison.VerdictSame, "the same within 5 %: mean, p50, p90, p95, p99, p99.9"},
		// A difference of 2 % is certain by pairs, and does not matter.
		{"small", side("a", 1, steady...), side("b", 1, scaled(1.02)...), 0.05, comparison.MethodPaired, comparison.VerdictSame, "the same within 5 %"},
		{"small, none allowed", side("a", 1, steady...), side("b", 1, scaled(1.02)...), 0, comparison.MethodPaired, comparison.VerdictHigher, "B is slower: mean higher by 2 %"},
		{"no difference seen", side("a", 1, wild...), side("b", 101, scaled(1.1)...), 0.05, comparison.MethodWelch, comparison.VerdictUnknown, "cannot tell: no difference beyond chance, but mean, p50, p90, p95, p99, p99.9 may differ by more than 5 %"},
		// What the jobs of a seed have in common cancels out by pairs only.
		{"paired", side("a", 1, wild...), side("b", 1, 1.1, 1.54, 0.77, 1.32, 0.88), 0.01, comparison.MethodPaired, comparison.VerdictHigher, "B is slower"},
		{"not paired", side("a", 1, wild...), side("b", 101, 1.1, 1.54, 0.77, 1.32, 0.88), 0.01, comparison.MethodWelch, comparison.VerdictUnknown, "cannot tell"},
		{"two runs", side("a", 1, 1, 1), side("b", 101, 2, 2, 2, 2), 0.05, comparison.MethodNone, comparison.VerdictUnknown, "cannot tell: 2 runs of A and 4 of B that can be compared; it takes 3 of each"},
		{"one run", side("a", 1, 1), side("b", 1, 2), 0.05, comparison.MethodNone, comparison.VerdictUnknown, "cannot tell: 1 run of A and 1 of B"},
	} {
		got := compare(t, c.a, c.b, c.tolerance)
		if got.Method != c.method || got.Verdict != c.verdict || !strings.Contains(got.Text, c.text) {
			t.Errorf("%s: got %s, %s, %q (%s)", c.name, got.Method, got.Verdict, got.Text, verdicts(got))
		}
		for _, l := range got.Lines {
			if (got.Method == comparison.MethodNone) != (l.Why != "") || (l.Why != "" && l.Verdict != comparison.VerdictUnknown) {
				t.Errorf("%s: %+v", c.name, l)
			}
			if got.Method != comparison.MethodNone && !(l.Low < l.Difference && l.Difference < l.High) {
				t.Errorf("%s: %v lies not within %v to %v", c.name, l.Difference, l.Low, l.High)
			}
		}
	}
}

// Some percentiles lower and others higher is neither faster nor slower.
func TestMixed(t *testing.T) {
	b := side("b", 101, 1, 1.001, 0.999)
	for i := range b {
		b[i].Result.ResponseMS.P50 *= 0.8
		b[i].Result.ResponseMS.P99 *= 1.5
	}
	got := compare(t, side("a", 1, 1, 1.001, 0.999), b, 0.05)
	if got.Verdict != comparison.VerdictMixed || verdicts(got) != "same lower same same higher same" ||
		!strings.HasPrefix(got.Text, "B is faster in some and slower in others: p50 lower by 20 % (") || !strings.HasSuffix(got.Text, "; the same within 5 %: mean, p90, p95, p99.9") {
		t.Errorf("got %s: %s, %q", got.Verdict, verdicts(got), got.Text)
	}
}

// Two sides of the same kind are rarely told apart, though each comparison tests six lines; sides that differ by 30 %
// nearly always.
func TestErrorRates(t *testing.T) {
	const comparisons = 400
	rng := rand.New(rand.NewPCG(3, 3))
	draw := func(first uint64, factor float64) []comparison.Run {
		runs := side("x", first, 1, 1, 1, 1, 1)
		for i := range runs {
			m := &runs[i].Result.ResponseMS
			for _, v := range []*float64{&m.Mean, &m.P50, &m.P90, &m.P95, &m.P99, &m.P999} {
				*v *= factor * math.Exp(0.1*rng.NormFloat64())
			}
		}
		return runs
	}
	wrong, found := 0, 0
	for range comparisons {
		if v := compare(t, draw(1, 1), draw(101, 1), 0).Verdict; v != comparison.VerdictUnknown {
			wrong++
		}
		if compare(t, draw(1, 1), draw(101, 1.3), 0).Verdict == comparison.VerdictHigher {
			found++
		}
	}
	t.Logf("%d and %d of %d", wrong, found, comparisons)
	if wrong > comparisons*6/100 || found < comparisons*9/10 {
		t.Errorf("of %d, told apart %d of the same and %d of different kind", comparisons, wrong, found)
	}
}

// Values that do not vary at all were rounded: they are not certain to the last digit.
func TestRounded(t *testing.T) {
	got := compare(t, side("a", 1, 1, 1, 1), side("b", 101, 1.0005, 1.0005, 1.0005), 0)
	if got.Verdict != comparison.VerdictUnknown {
		t.Errorf("half a thousandth: got %s, %q", got.Verdict, got.Text)
	}
	got = compare(t, side("a", 1, 1, 1, 1), side("b", 101, 1.1, 1.1, 1.1), 0)
	if got.Verdict != comparison.VerdictHigher {
		t.Errorf("a tenth: got %s, %q", got.Verdict, got.Text)
	}
	if got := compare(t, side("a", 1, 1, 1, 1), side("b", 1, 1, 1, 1), 0.05); got.Verdict != comparison.VerdictSame {
		t.Errorf("nothing: got %s, %q", got.Verdict, got.Text)
	}
}

// A percentile beyond which hardly a job lies is not tested, and does not cost the others anything.
func TestShortRuns(t *testing.T) {
	a, b := side("a", 1, 1, 1.01, 0.99), side("b", 101, 1.2, 1.21, 1.19)
	for _, r := range append(append([]comparison.Run{}, a...), b...) {
		r.Result.Curve = []loadgen.Point{{Percentile: 100, Count: 200}}
	}
	got := compare(t, a, b, 0.05)
	if verdicts(got) != "higher higher higher higher unknown unknown" || got.Lines[4].Why != "of a run of 200 jobs, fewer than 5 lie beyond" {
		t.Errorf("got %s, %+v", verdicts(got), got.Lines[4])
	}
	whole := compare(t, side("a", 1, 1, 1.01, 0.99), side("b", 101, 1.2, 1.21, 1.19), 0.05)
	if !(got.Lines[0].High-got.Lines[0].Low < whole.Lines[0].High-whole.Lines[0].Low) {
		t.Errorf("the interval of four lines, %v to %v, is no narrower than that of six, %v to %v", got.Lines[0].Low, got.Lines[0].High, whole.Lines[0].Low, whole.Lines[0].High)
	}
}

// Runs that say nothing are left out by name, and their figures with them.
func TestLeftOut(t *testing.T) {
	b := side("b.json", 101, 1, 1.01, 0.99, 50, 50, 50, 0)
	b[3].Result.Valid, b[3].Result.Invalid = false, "lag p99 9 ms"
	b[4].Result.Interrupted = true
	b[5].Result.Curve = nil
	got := compare(t, side("a", 1, 1, 1.01, 0.99), b, 0.05)
	if got.Verdict != comparison.VerdictSame || got.B.Runs != 3 || len(got.B.LeftOut) != 4 || len(got.B.Seeds) != 3 {
		t.Errorf("got %s, %+v", got.Verdict, got.B)
	}
	want := []string{
		"B: b.json, run 4 is left out: invalid: lag p99 9 ms",
		"B: b.json, run 5 is left out: interrupted",
		"B: b.json, run 6 is left out: no job was accepted",
		"B: b.json, run 7 is left out: no job was accepted",
	}
	if strings.Join(got.Warnings, "|") != strings.Join(want, "|") {
		t.Errorf("got %q", got.Warnings)
	}
	for i := range 3 {
		b[i].Result.Valid = false
	}
	got = compare(t, side("a", 1, 1, 1, 1), b, 0.05)
	if got.Verdict != comparison.VerdictUnknown || got.B.Runs != 0 || got.Lines[0].B.N != 0 {
		t.Errorf("no run left: got %s, %+v", got.Verdict, got.Lines[0])
	}
}

// What tells the sides apart is listed; if it is the jobs, there is a warning. What only the draw of the jobs explains
// is no difference.
func TestDiffers(t *testing.T) {
	b := side("b", 101, 1, 1, 1)
	for _, r := range b {
		r.Result.Policy, r.Result.Rate, r.Result.Version = "batch", 65, "v2"
	}
	got := compare(t, side("a", 1, 1, 1, 1), b, 0.05)
	if fmt.Sprint(got.Differs) != "[{policy late-binding batch false} {version  v2 false}]" || len(got.Warnings) != 0 {
		t.Errorf("got %v, %q", got.Differs, got.Warnings)
	}
	for _, r := range b {
		r.Result.Load, r.Result.Workload, r.Result.Stages = 0.5, "tasks=1", []loadgen.Stage{{Load: 0.5, LengthS: 30}}
		r.Result.Rate, r.Result.Jobs = 40, 20_000
	}
	got = compare(t, side("a", 1, 1, 1, 1), b, 0.05)
	if len(got.Warnings) != 1 || got.Warnings[0] != "the sides did not run the same workload (workload, stages, load, rate, jobs): a difference may be that of the jobs" {
		t.Errorf("got %v, %q", got.Differs, got.Warnings)
	}
}

// One side is one kind of run.
func TestTwoKinds(t *testing.T) {
	a := side("a.json", 1, 1, 1, 1)
	a[2].Result.Workers = 40
	_, err := comparison.Compare(a, side("b", 1, 1, 1, 1), comparison.Config{Confidence: 0.95})
	if err == nil || err.Error() != "A: runs of two kinds: workers is 20 in a.json, run 1 and 40 in a.json, run 3; one side of a comparison is one workload on one fleet" {
		t.Errorf("got %v", err)
	}
	if _, err := comparison.Compare(side("a", 1, 1), nil, comparison.Config{Confidence: 0.95}); err == nil || err.Error() != "B: no runs" {
		t.Errorf("got %v", err)
	}
	for _, cfg := range []comparison.Config{{Confidence: 0.5}, {Confidence: 1}, {Confidence: math.NaN()}, {Confidence: 0.9, Tolerance: -1}, {Confidence: 0.9, Tolerance: math.NaN()}} {
		if _, err := comparison.Compare(side("a", 1, 1), side("b", 1, 1), cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
}

// Runs of one file of jobs have all the same digest: there are no pairs.
func TestSameJobsAgain(t *testing.T) {
	a, b := side("a", 1, 1, 1.3, 0.7), side("b", 1, 0.7, 1, 1.3)
	for _, r := range append(append([]comparison.Run{}, a...), b...) {
		r.Result.Digest = "00000000000000aa"
	}
	if got := compare(t, a, b, 0.05); got.Method != comparison.MethodWelch {
		t.Errorf("got %s", got.Method)
	}
	// Half of the seeds in common are no pairs either, but all those of the shorter side are.
	if got := compare(t, side("a", 1, 1, 1, 1, 1, 1, 1), side("b", 4, 1, 1, 1, 1, 1, 1), 0.05); got.Method != comparison.MethodWelch || got.A.Runs != 6 {
		t.Errorf("got %s of %d", got.Method, got.A.Runs)
	}
	if got := compare(t, side("a", 1, 1, 1, 1, 1, 1, 1), side("b", 4, 1, 1, 1), 0.05); got.Method != comparison.MethodPaired || fmt.Sprint(got.A.Seeds, got.B.Seeds) != "[4 5 6] [4 5 6]" {
		t.Errorf("got %s of %v and %v", got.Method, got.A.Seeds, got.B.Seeds)
	}
}

func conditions(t *testing.T, texts ...string) []objective.Condition {
	t.Helper()
	list := make([]objective.Condition, 0, len(texts))
	for _, text := range texts {
		c, err := objective.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// A has a mean of 10 ms and a p99 of 20 ms; B has 12 and 24, give or take a fifth of a millisecond.
func TestChecks(t *testing.T) {
	got := compare(t, side("a", 1, 1, 1.01, 0.99), side("b", 101, 1.2, 1.22, 1.18), 0.05)
	if err := got.Check(conditions(t, "p99>50ms", "mean>11ms", "mean>1.1x", "mean>1.3x", "mean>12ms", "mean>1.2x")); err != nil {
		t.Fatal(err)
	}
	want := []comparison.Check{
		{"p99>50ms", 24, 50, false, true},
		{"mean>11ms", 12, 11, true, true},
		{"mean>1.1x", 12, 11, true, true},
		{"mean>1.3x", 12, 13, false, true},
		{"mean>12ms", 12, 12, false, false},
		{"mean>1.2x", 12, 12, false, false},
	}
	for i, w := range want {
		g := got.Checks[i]
		if math.Abs(g.Value-w.Value) > 1e-9 || math.Abs(g.Limit-w.Limit) > 1e-9 || (g.Holds != w.Holds && g.Certain) || g.Certain != w.Certain {
			t.Errorf("got %+v, want %+v", g, w)
		}
	}
	two := compare(t, side("a", 1, 1, 1.0001), side("b", 101, 2, 2.0001), 0.05)
	if err := two.Check(conditions(t, "mean>1.1x", "mean>15ms")); err != nil || two.Checks[0].Certain || two.Checks[1].Certain {
		t.Errorf("two runs: got %+v, %v", two.Checks, err)
	}
	one := compare(t, side("a", 1, 1), side("b", 101, 2), 0.05)
	if err := one.Check(conditions(t, "mean>1.1x", "mean>15ms")); err != nil || !one.Checks[0].Holds || one.Checks[0].Certain || !one.Checks[1].Holds || one.Checks[1].Certain {
		t.Errorf("single runs: got %+v, %v", one.Checks, err)
	}
}

// What cannot be checked is an error: a gate that lets everything through is worse than none.
func TestCheckFaults(t *testing.T) {
	invalid := side("b", 101, 1, 1, 1)
	for _, r := range invalid {
		r.Result.Valid = false
	}
	good := side("a", 1, 1, 1, 1)
	for _, c := range []struct {
		a, b      []comparison.Run
		condition string
		want      string
	}{
		{good, invalid, "p99>50ms", "p99>50ms: no run is left"},
		{invalid, good, "p99>1.1x", "p99>1.1x: no run is left"},
		{good, good, "ideal.p99>2", "ideal.p99>2: B: the run was not set beside its bound"},
	} {
		err := compare(t, c.a, c.b, 0.05).Check(conditions(t, c.condition))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.condition, err)
		}
	}
	if err := compare(t, invalid, good, 0.05).Check(conditions(t, "p99>50ms")); err != nil {
		t.Errorf("B alone is asked for: got %v", err)
	}
}
