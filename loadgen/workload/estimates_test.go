package workload

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseEstimates(t *testing.T) {
	for s, want := range map[string]string{
		"none": "none", " mean ": "mean", "wrong: .10 , 5": "wrong:0.1,5", "wrong:1,0": "wrong:1,0", "wrong:0,1e6": "wrong:0,1e+06",
	} {
		e, err := ParseEstimates(s)
		if err != nil || e.String() != want {
			t.Errorf("%q: got %q, %v", s, e, err)
		}
		if back, err := ParseEstimates(e.String()); err != nil || back != e {
			t.Errorf("%q: read back as %q, %v", e, back, err)
		}
	}
	for s, want := range map[string]string{
		"": "want one of none, mean, wrong:P,FACTOR", "right": "want one of", "none:1": "takes 0 arguments", "wrong": "probability is missing", "wrong:0.1": "factor is missing",
		"wrong:2,1": "0 to 1", "wrong:0.1,-1": "0 to 1e+06", "wrong:0.1,2,3": "takes 2 arguments",
	} {
		if e, err := ParseEstimates(s); err == nil || !strings.Contains(err.Error(), want) || e != (Estimates{}) {
			t.Errorf("%q: got %v, %v; want %q", s, e, err, want)
		}
	}
}

// TestJobsState generates jobs that say what their tasks take, and some that do not: nothing else of the workload
// changes.
func TestJobsState(t *testing.T) {
	base := spec(t, "3", "exp:10ms", "poisson")
	base.Rate = 100
	const jobs = 20_000
	for _, c := range []struct {
		form           string
		unsaid         bool
		right, nothing int // of the jobs
		factor         float64
	}{
		{"", true, jobs, 0, 0},
		{"none", false, 0, jobs, 0},
		{"mean", false, jobs, 0, 0},
		{"wrong:0.25,0", false, jobs * 3 / 4, jobs / 4, 0},
		{"wrong:0.25,5", false, jobs * 3 / 4, 0, 5},
		{"wrong:1,0.5", false, 0, 0, 0.5},
	} {
		s := base
		if c.form != "" {
			if err := s.Estimates.UnmarshalText([]byte(c.form)); err != nil {
				t.Fatal(err)
			}
		}
		plain, said := generate(t, base, Window{Jobs: jobs}), generate(t, s, Window{Jobs: jobs})
		right, nothing := 0, 0
		for i, j := range said {
			mean := j.meanService()
			switch {
			case j.Unsaid != c.unsaid, j.At != plain[i].At, !slices.Equal(j.Service, plain[i].Service):
				t.Fatalf("%q: job %d is %+v, without it %+v", c.form, i, j, plain[i])
			case j.Est == mean:
				right++
			case j.Est == 0:
				nothing++
			case j.Est != time.Duration(float64(mean)*c.factor+0.5):
				t.Fatalf("%q: job %d says %v of %v", c.form, i, j.Est, mean)
			}
		}
		if near := func(got, want int) bool { return got > want-300 && got < want+300 }; !near(right, c.right) || !near(nothing, c.nothing) {
			t.Errorf("%q: %d of %d say what is so, and %d nothing; want %d and %d", c.form, right, jobs, nothing, c.right, c.nothing)
		}
	}
}

// TestFilesState: what a file says a job has said itself, and where it says nothing nobody knows.
func TestFilesState(t *testing.T) {
	src, err := Read(strings.NewReader("{\"at_ms\":0,\"service_ms\":[10],\"est_ms\":7}\n{\"at_ms\":1,\"service_ms\":[10]}\n"), Window{})
	if err != nil {
		t.Fatal(err)
	}
	j := Job{Unsaid: true}
	if !src.Next(&j) || j.Unsaid || j.Est != 7*time.Millisecond {
		t.Errorf("got %+v", j)
	}
	if j.Unsaid = true; !src.Next(&j) || j.Unsaid || j.Est != 0 {
		t.Errorf("got %+v", j)
	}
}
