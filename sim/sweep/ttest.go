package sweep

import (
	"math"

	"dunnock/sim"
)

// compared are the metrics of a comparison.
func compared() []metric {
	all := metrics()
	return []metric{all[responseMean], all[responseP50], all[responseP95], all[responseP99]}
}

// test is a difference of means with what its interval takes.
type test struct {
	group      int
	metric     string
	a, b       float64
	difference float64 // b − a
	possible   bool
	exact      bool    // what is compared is the very same, so that the interval has no width
	errs       float64 // standard error of the difference
	freedom    float64 // degrees of freedom
}

// half returns half the width of the interval of level 1 − alpha.
func (t *test) half(alpha float64) float64 {
	if t.exact || t.errs == 0 {
		return 0
	}
	return studentQuantile(alpha, t.freedom) * t.errs
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

// compareMetric tests the difference of two means by the paired t interval, or by Welch's with the degrees of freedom of
// Satterthwaite (Biometrics Bulletin, 1946).
func compareMetric(method string, a, b []float64) test {
	meanA, varianceA := moments(a)
	meanB, varianceB := moments(b)
	t := test{a: meanA, b: meanB, difference: meanB - meanA}
	switch method {
	case methodIdentical:
		t.possible, t.exact, t.difference = true, true, 0
	case methodPaired:
		differences := make([]float64, len(a))
		for i := range a {
			differences[i] = b[i] - a[i]
		}
		mean, variance := moments(differences)
		t.possible, t.difference, t.errs, t.freedom = true, mean, math.Sqrt(variance/float64(len(a))), float64(len(a)-1)
	case methodWelch:
		shareA, shareB := varianceA/float64(len(a)), varianceB/float64(len(b))
		t.possible, t.errs = true, math.Sqrt(shareA+shareB)
		if below := shareA*shareA/float64(len(a)-1) + shareB*shareB/float64(len(b)-1); below > 0 {
			t.freedom = (shareA + shareB) * (shareA + shareB) / below
		}
	}
	return t
}

// batchDegrees are the degrees of freedom of a run's own interval at least: it is of 32 to 64 batches.
const batchDegrees = 31

// batchMeans tests the means of two single runs by their own intervals. It treats them as independent, which is on the safe side
// for runs of the same jobs.
func (t *test) batchMeans(a, b *sim.Result) {
	widthA, widthB := a.ResponseMS.CI95[1]-a.ResponseMS.CI95[0], b.ResponseMS.CI95[1]-b.ResponseMS.CI95[0]
	if widthA <= 0 || widthB <= 0 {
		return
	}
	t.possible, t.freedom = true, batchDegrees
	t.errs = math.Hypot(widthA/2, widthB/2) / studentQuantile(0.05, batchDegrees)
}
