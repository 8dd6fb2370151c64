package workload

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func mustTasks(tb testing.TB, s string) Tasks {
	tb.Helper()
	v, err := ParseTasks(s)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func TestParseTasks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, out string }{
		{"100", "100"},
		{" 1 ", "1"},
		{"const:100", "100"},
		{"1000000", "1000000"},
		{"uniform:1,200", "uniform:1,200"},
		{"uniform:7, 7", "uniform:7,7"},
		{"geom:10", "geom:10"},
		{"geom:1.50", "geom:1.5"},
		{"bimodal:0.9,1,100", "bimodal:0.9,1,100"},
	} {
		v, err := ParseTasks(c.in)
		if err != nil || v.String() != c.out {
			t.Errorf("%q parses to %q, %v; want %q", c.in, v, err, c.out)
		}
	}
}

func TestParseTasksErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"", `tasks "": want one of N, uniform:LOW,HIGH`},
		{"many", `tasks "many": want one of N`},
		{"0", `number: want a whole number from 1 to 1000000, got "0"`},
		{"-5", `got "-5"`},
		{"1.5", `got "1.5"`},
		{"1000001", `got "1000001"`},
		{"99999999999999999999", `got "99999999999999999999"`},
		{"uniform:1", `high end is missing`},
		{"uniform:5,1", `high end: want a whole number from 5 to 1000000, got "1"`},
		{"uniform:1,2,3", `uniform takes 2 arguments, got 3`},
		{"geom:0.9", `mean: want a number from 1 to 1e+06, got "0.9"`},
		{"geom:nan", `got "nan"`},
		{"bimodal:2,1,100", `probability: want a number from 0 to 1, got "2"`},
		{"bimodal:0.5,100,1", `large number: want a whole number from 100`},
	} {
		v, err := ParseTasks(c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) || v != (Tasks{}) {
			t.Errorf("%q: got %q, %v; want an error with %q", c.in, v, err, c.want)
		}
	}
}

func anyTasks() *rapid.Generator[Tasks] {
	return rapid.Custom(func(t *rapid.T) Tasks {
		v := Tasks{kind: tasksKind(rapid.IntRange(int(tasksConst), int(tasksBimodal)).Draw(t, "kind"))}
		switch v.kind {
		case tasksConst:
			v.a = rapid.IntRange(1, MaxTasks).Draw(t, "n")
		case tasksGeom:
			v.shape = rapid.Float64Range(1, MaxTasks).Draw(t, "mean")
			v.logQ = logComplement(v.shape)
		case tasksBimodal, tasksUniform:
			if v.kind == tasksBimodal {
				v.shape = rapid.Float64Range(0, 1).Draw(t, "p")
			}
			v.a = rapid.IntRange(1, MaxTasks).Draw(t, "a")
			v.b = rapid.IntRange(v.a, MaxTasks).Draw(t, "b")
		}
		return v
	})
}

func TestTasksProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := anyTasks().Draw(t, "tasks")
		text, _ := v.MarshalText()
		var back Tasks
		if err := back.UnmarshalText(text); err != nil || back != v {
			t.Fatalf("%q reads back as %q, %v", text, back, err)
		}
		x, y := rapid.Uint64().Draw(t, "x"), rapid.Uint64().Draw(t, "y")
		low, high := v.Draw(min(x, y)), v.Draw(max(x, y))
		if low < 1 || high > MaxTasks || low > high {
			t.Fatalf("%v draws %d and then %d", v, low, high)
		}
		if m := v.Mean(); m < float64(v.Draw(0))-1e-9 || m > float64(v.Draw(math.MaxUint64))+1e-9 {
			t.Fatalf("%v has mean %v", v, m)
		}
	})
}

// TestTasksMean compares means with closed forms and with the mean over evenly spaced quantiles.
func TestTasksMean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		spec string
		mean float64
	}{
		{"100", 100},
		{"uniform:1,200", 100.5},
		{"geom:1", 1},
		{"geom:1.25", 1.25},
		{"geom:10", 10},
		{"geom:5000", 5000},
		{"geom:1000000", 1e6 * (1 - math.Pow(1-1e-6, 1e6))}, // the cut takes 1/e of it
		{"bimodal:0.9,1,100", 10.9},
	} {
		v := mustTasks(t, c.spec)
		const n = 1 << 17
		sum := 0.0
		for i := range uint64(n) {
			sum += float64(v.Draw((2*i + 1) << 46))
		}
		if got := v.Mean(); math.Abs(got/c.mean-1) > 1e-9 || math.Abs(got/(sum/n)-1) > 1e-4 {
			t.Errorf("%s: mean %v, want %v; the quantiles add up to %v", c.spec, got, c.mean, sum/n)
		}
	}
	if got := (Tasks{}); got.Mean() != 0 || got.Draw(1) != 0 || got.String() != "" {
		t.Errorf("the zero Tasks is %q with mean %v", got, got.Mean())
	}
}

// TestTasksDistribution counts how often each number comes out of the stream of sizes.
func TestTasksDistribution(t *testing.T) {
	t.Parallel()
	const n = 200_000
	for _, c := range []struct {
		spec string
		p    func(k int) float64
	}{
		{"uniform:3,12", func(k int) float64 { return map[bool]float64{true: 0.1}[k >= 3 && k <= 12] }},
		{"geom:4", func(k int) float64 { return 0.25 * math.Pow(0.75, float64(k-1)) }},
		{"bimodal:0.7,2,9", func(k int) float64 { return map[int]float64{2: 0.7, 9: 0.3}[k] }},
	} {
		v, sizes := mustTasks(t, c.spec), newStream(1, labelSizes)
		var counts [MaxTasks]int
		for i := range uint64(n) {
			counts[v.Draw(sizes.at(i))]++
		}
		for k := 1; k < 30; k++ {
			p := c.p(k)
			if sigma := math.Sqrt(n * p * (1 - p)); math.Abs(float64(counts[k])-n*p) > 4*sigma {
				t.Errorf("%s: %d came %d times of %d, want %.0f ± %.0f", c.spec, k, counts[k], n, n*p, sigma)
			}
		}
	}
}
