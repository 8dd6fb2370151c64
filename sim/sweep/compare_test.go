package sweep

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// object is a result as `sim run --json` prints it, with made-up responses.
func object(policy string, seed int, load, mean float64) string {
	return fmt.Sprintf(`{"policy":%q,"load":%g,"workers":10,"slots":4,"schedulers":1,"seed":%d,"jobs":100,"digest":"%s%d",
"response_ms":{"mean":%g,"p50":%g,"p95":200,"p99":%g,"ci95":[%g,%g]}}`, policy, load, seed, policy, seed, mean, 100.0+float64(seed%2), 3*mean, mean-1, mean+1)
}

func results(t *testing.T, objects ...string) *Results {
	t.Helper()
	r, err := ReadResults(strings.NewReader(strings.Join(objects, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: got %.9g, want %.9g", what, got, want)
	}
}

func TestComparePaired(t *testing.T) {
	var a, b []string
	for seed := range 5 {
		noise := float64(40 * seed % 90) // of the jobs, that both sides have in common
		a = append(a, object("batch", seed, 0.9, 150+noise))
		b = append(b, object("late-binding", 4-seed, 0.9, 140+float64(40*(4-seed)%90)+0.1*float64(seed)))
	}
	c, err := Compare(results(t, a...), results(t, b...), 0.95)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Groups) != 1 || c.Groups[0].Method != methodPaired || c.Tests != 4 || c.Different != 2 {
		t.Fatalf("got %+v", c)
	}
	if len(c.Differs) != 1 || c.Differs[0] != (Difference{"policy", "batch", "late-binding"}) {
		t.Errorf("got %v", c.Differs)
	}
	verdicts := make([]string, 0, 4)
	for _, l := range c.Groups[0].Lines {
		verdicts = append(verdicts, l.Verdict)
	}
	// p50 depends on the seed only, and p95 on nothing.
	if got := strings.Join(verdicts, " "); got != "lower same same lower" {
		t.Errorf("got %s", got)
	}
	mean := c.Groups[0].Lines[0]
	near(t, "difference", mean.Difference, -9.8, 1e-9)
	near(t, "low", mean.Low, -9.8-2.77645*0.158114/2.236068, 1e-5) // the noise has variance 0.025
}

func TestCompareMethods(t *testing.T) {
	a := results(t, object("x", 1, 0.9, 100), object("x", 2, 0.9, 110))
	for _, c := range []struct {
		b      *Results
		method string
		tests  int
	}{
		{results(t, object("x", 1, 0.9, 100), object("x", 2, 0.9, 110)), methodIdentical, 4},
		{results(t, object("y", 1, 0.9, 100), object("y", 2, 0.9, 110), object("y", 3, 0.9, 0)), methodPaired, 4},
		{results(t, object("y", 2, 0.9, 100), object("y", 3, 0.9, 110)), methodWelch, 4},
		{results(t, object("y", 2, 0.9, 100)), methodNone, 0},
	} {
		got, err := Compare(a, c.b, 0.95)
		if err != nil || got.Groups[0].Method != c.method || got.Tests != c.tests {
			t.Errorf("got %+v, %v, want %s with %d tests", got, err, c.method, c.tests)
		}
	}
	// Single runs with means 100 ± 1 and 110 ± 1 differ; 100 ± 1 and 101 ± 1 do not.
	for mean, want := range map[float64]string{110: "higher", 101: "same"} {
		got, err := Compare(results(t, object("x", 1, 0.9, 100)), results(t, object("y", 7, 0.9, mean)), 0.95)
		if err != nil || got.Groups[0].Method != methodBatches || got.Tests != 1 || got.Groups[0].Lines[0].Verdict != want || got.Groups[0].Lines[1].Verdict != VerdictUnknown {
			t.Errorf("%v: got %+v, %v", mean, got, err)
		}
	}
}

// Means of the same numbers are the same, whatever the order of their sum leaves in the last digit.
func TestCompareConstants(t *testing.T) {
	for i := range 1000 {
		var a, b []string
		mean := 100 + float64(i)/7
		for seed := range 10 {
			if o := object("x", 2*seed, 0.9, mean); seed < 7 { // whose p50 depends on whether the seed is even
				a = append(a, o)
			} else {
				b = append(b, o)
			}
		}
		c, err := Compare(results(t, a...), results(t, b...), 0.95)
		if err != nil || c.Groups[0].Method != methodWelch || c.Different != 0 || c.Groups[0].Lines[0].Verdict != VerdictSame {
			t.Fatalf("%v: got %+v, %v", mean, c, err)
		}
	}
}

// A question mark stands where one test among many would find something by chance.
func TestCompareManyTests(t *testing.T) {
	var a, b []string
	for group := range 20 {
		for seed, d := range []float64{1, 2, 3, 2} { // t = 4.9 with 3 degrees of freedom: p = 0.016
			load := 0.5 + float64(group)/100
			a = append(a, object("x", seed, load, 100))
			b = append(b, object("y", seed, load, 100+d))
		}
	}
	c, err := Compare(results(t, a...), results(t, b...), 0.95)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Groups) != 20 || c.Tests != 80 || c.Different != 0 || c.Groups[3].Lines[0].Verdict != "higher?" || c.Groups[3].Label != "load 0.53" {
		t.Errorf("got %d groups, %d tests, %d different, %+v", len(c.Groups), c.Tests, c.Different, c.Groups[3])
	}
	// Alone it is four tests: 0.016 is beyond 0.1/4, and not beyond 0.05/4.
	for confidence, want := range map[float64]string{0.9: "higher", 0.95: "higher?"} {
		one, err := Compare(results(t, a[:4]...), results(t, b[:4]...), confidence)
		if err != nil || one.Groups[0].Lines[0].Verdict != want {
			t.Errorf("%v: got %+v, %v", confidence, one, err)
		}
	}
}

// A sweep's file matches point by point, also with single runs.
func TestCompareSweeps(t *testing.T) {
	read := func(set ...string) *Results {
		t.Helper()
		s := must(t, append([]string{"workers", "20", "tasks", "4", "jobs", "60", "load", "0.5,0.8"}, set...)...)
		s.Seeds = 3
		r, err := ReadResults(strings.NewReader(written(t, reportOf(t, s).WriteJSON)))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	c, err := Compare(read("policy", "ideal"), read("policy", "random", "load", "0.8,0.9"), 0.95)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Groups) != 1 || c.Unmatched != 2 || c.Groups[0].Label != "load 0.8" || c.Groups[0].Method != methodPaired || c.Groups[0].SeedsA != 3 {
		t.Errorf("got %+v", c)
	}
	if _, err := Compare(read(), read("load", "0.1,0.2"), 0.95); err == nil || !strings.Contains(err.Error(), "no combination") {
		t.Errorf("got %v", err)
	}
}

func TestReadResultsFaults(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "no results",
		"{}":                  "line 1: neither",
		"\n\n[1]":             "line 3: neither",
		"\nnonsense":          "no JSON",
		`{"runs":[{}]}`:       "run 1 has no result",
		`{"policy":"x"}`:      "neither",
		`{"policy":"x`:        "no JSON",
		`{"results":"other"}`: "neither",
	} {
		if _, err := ReadResults(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	twice := results(t, object("x", 1, 0.9, 1), object("x", 1, 0.9, 2))
	if _, err := Compare(twice, twice, 0.95); err == nil || !strings.Contains(err.Error(), "two results of seed 1") {
		t.Errorf("got %v", err)
	}
	for _, confidence := range []float64{0, 0.5, 1, 2} {
		if _, err := Compare(twice, twice, confidence); err == nil {
			t.Errorf("confidence %v: no error", confidence)
		}
	}
}
