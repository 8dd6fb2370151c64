package sweep

import (
	"math"

	"dunnock/internal/stat"
	"dunnock/sim"
)

// compared are the metrics of a comparison.
func compared() []metric {
	all := metrics()
	return []metric{all[responseMean], all[responseP50], all[responseP95], all[responseP99]}
}

// test is a difference of means with what its interval takes.
type test struct {
	group  int
	metric string
	stat.Difference

	possible bool
	exact    bool // what is compared is the very same, so that the interval has no width
}

// half returns half the width of the interval of level 1 − alpha.
func (t *test) half(alpha float64) float64 {
	if t.exact {
		return 0
	}
	return t.Half(alpha)
}

// compareGroup tests the metrics of two sets of runs with the same parameters.
func compareGroup(a, b []resultsRun) (Group, []test) {
	g := Group{SeedsA: len(a), SeedsB: len(b)}
	pairedA, pairedB := pairs(a, b)
	switch {
	case len(pairedA) > 0 && len(pairedA) == len(a) && len(a) == len(b) && sameDigests(pairedA, pairedB):
		g.Method = methodIdentical
	case len(pairedA) >= 2:
		g.Method = methodPaired
	case len(a) >= 2 && len(b) >= 2:
		g.Method = methodWelch
	case len(a) == 1 && len(b) == 1:
		g.Method = methodBatches
	default:
		g.Method = methodNone
	}
	if g.Method == methodPaired || g.Method == methodIdentical {
		a, b = pairedA, pairedB
		g.SeedsA, g.SeedsB = len(a), len(b)
	}
	tests := make([]test, 0, 4)
	for i, m := range compared() {
		t := compareMetric(g.Method, column(a, m), column(b, m))
		if g.Method == methodBatches && i == 0 {
			t.batchMeans(a[0].Result, b[0].Result)
		}
		t.metric = m.Name
		tests = append(tests, t)
	}
	return g, tests
}

// pairs returns the runs of both sides whose seeds match, in the same order.
func pairs(a, b []resultsRun) (pairedA, pairedB []resultsRun) {
	bySeed := make(map[uint64]resultsRun, len(b))
	for _, run := range b {
		bySeed[run.Seed] = run
	}
	for _, run := range a {
		if other, ok := bySeed[run.Seed]; ok {
			pairedA, pairedB = append(pairedA, run), append(pairedB, other)
		}
	}
	return pairedA, pairedB
}

func sameDigests(a, b []resultsRun) bool {
	for i := range a {
		if a[i].Result.Digest == "" || a[i].Result.Digest != b[i].Result.Digest || a[i].Result.ResponseMS != b[i].Result.ResponseMS {
			return false
		}
	}
	return true
}

func column(runs []resultsRun, m metric) []float64 {
	values := make([]float64, 0, len(runs))
	for _, run := range runs {
		values = append(values, m.of(&Outcome{Result: run.Result}))
	}
	return values
}

// compareMetric tests the difference of two means by the method.
func compareMetric(method string, a, b []float64) test {
	t := test{possible: true}
	switch method {
	case methodIdentical:
		t.exact = true
		t.A, _ = stat.Moments(a)
		t.B, _ = stat.Moments(b)
	case methodPaired:
		t.Difference = stat.Paired(a, b)
	case methodWelch:
		t.Difference = stat.Welch(a, b)
	default:
		t.possible = false
		t.A, _ = stat.Moments(a)
		t.B, _ = stat.Moments(b)
		t.Mean = t.B - t.A
	}
	return t
}

// batchDegrees are the degrees of freedom of a run's own interval at least: it is of 32 to 64 batches.
const batchDegrees = 31

// batchMeans tests the means of two single runs by their own intervals. It treats them as independent, which is on the
// safe side for runs of the same jobs.
func (t *test) batchMeans(a, b *sim.Result) {
	widthA, widthB := a.ResponseMS.CI95[1]-a.ResponseMS.CI95[0], b.ResponseMS.CI95[1]-b.ResponseMS.CI95[0]
	if widthA <= 0 || widthB <= 0 {
		return
	}
	t.possible, t.Freedom = true, batchDegrees
	t.Err = math.Hypot(widthA/2, widthB/2) / stat.StudentQuantile(0.05, batchDegrees)
}
