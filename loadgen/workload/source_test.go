package workload

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"

	"dunnock/task"
)

func TestUserBoundIsThatOfJobs(t *testing.T) {
	t.Parallel()
	if MaxUser != task.MaxUserLen || MaxService != task.MaxDeadline {
		t.Errorf("a workload allows users of %d bytes and tasks of %v, a job %d and %v", MaxUser, MaxService, task.MaxUserLen, task.MaxDeadline)
	}
}

// spec makes a Spec of texts.
func spec(tb testing.TB, tasks, service, arrival string) Spec {
	tb.Helper()
	return Spec{Tasks: mustTasks(tb, tasks), Service: mustService(tb, service), Arrival: mustArrival(tb, arrival), Seed: 1}
}

// collect reads a source to its end, with copies of the jobs.
func collect(tb testing.TB, s *Source, err error) []Job {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	var jobs []Job
	var j Job
	for s.Next(&j) {
		keep := j
		keep.Service = slices.Clone(j.Service)
		jobs = append(jobs, keep)
	}
	if s.Err() != nil {
		tb.Fatal(s.Err())
	}
	return jobs
}

func generate(tb testing.TB, s Spec, w Window) []Job {
	tb.Helper()
	src, err := Generate(s, w)
	return collect(tb, src, err)
}

// TestDigests pins the first 10,000 jobs of each distribution and process. A digest that changes on a machine or
// with a Go release is a fault there; one that changes with this package voids every result recorded by its seed.
func TestDigests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tasks, service, arrival string
		rate, load              float64
		want                    uint64
	}{
		{"10", "const:100ms", "poisson", 0, 0.9, 0x7b1c5637e100bfb6},
		{"10", "exp:100ms", "poisson", 0, 0.9, 0xbe9bbadcab6a7a97},
		{"10", "jobexp:100ms", "poisson", 0, 0.9, 0xbe800d485d1b0e05},
		{"10", "lognormal:100ms,1.5", "poisson", 0, 0.9, 0x6c4a934a9abb6b3c},
		{"10", "lognormal:1s,4", "poisson", 0, 0.9, 0x4cee22b864fa1e45},
		{"10", "pareto:10ms,1.5", "poisson", 0, 0.9, 0x05de665ea8ce772c},
		{"10", "pareto:10ms,0.7", "poisson", 123.4, 0, 0x487dc9ac18c83879},
		{"10", "bimodal:0.9,10ms,1s", "poisson", 0, 0.9, 0xd56368afddd57a29},
		{"10", "jobbimodal:0.9,10ms,1s", "poisson", 0, 0.9, 0xc25205e55a6501aa},
		{"uniform:1,20", "exp:100ms", "const", 0, 0.9, 0x6a201254f1cec657},
		{"geom:10", "exp:100ms", "burst:7", 0, 0.9, 0x7dcaabf49a18a55e},
		{"bimodal:0.9,1,100", "const:1ms", "const", 3, 0, 0x3080db2c705ce6ac},
	} {
		s := spec(t, c.tasks, c.service, c.arrival)
		s.Rate, s.Load = c.rate, c.load
		if c.load > 0 {
			s.Slots = 4000
		}
		src, err := Generate(s, Window{Jobs: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		if got := digest(src); got != c.want {
			t.Errorf("--tasks %s --service %s --arrival %s: digest 0x%016x, want 0x%016x", c.tasks, c.service, c.arrival, got, c.want)
		}
	}
}

// digest hashes all that a source's jobs say.
func digest(s *Source) uint64 {
	d := xxhash.New()
	var j Job
	var b []byte
	for s.Next(&j) {
		b = binary.LittleEndian.AppendUint64(b[:0], uint64(j.At))
		b = binary.LittleEndian.AppendUint64(b, uint64(j.Est))
		b = binary.LittleEndian.AppendUint64(b, uint64(len(j.Service)))
		for _, t := range j.Service {
			b = binary.LittleEndian.AppendUint64(b, uint64(t))
		}
		_, _ = d.Write(b)
	}
	return d.Sum64()
}

// TestStreamsAreTheirOwn: each flag moves only what it is about.
func TestStreamsAreTheirOwn(t *testing.T) {
	t.Parallel()
	base := spec(t, "10", "exp:100ms", "poisson")
	base.Rate = 100
	want := generate(t, base, Window{Jobs: 500})

	larger := base
	larger.Tasks = mustTasks(t, "uniform:5,20")
	for i, j := range generate(t, larger, Window{Jobs: 500}) {
		n := min(len(j.Service), 10)
		if j.At != want[i].At || !slices.Equal(j.Service[:n], want[i].Service[:n]) {
			t.Fatalf("job %d arrives or runs otherwise when jobs have other sizes", i)
		}
	}
	longer := base
	longer.Service = mustService(t, "exp:200ms")
	for i, j := range generate(t, longer, Window{Jobs: 500}) {
		if j.At != want[i].At || len(j.Service) != 10 || (j.Service[3]-2*want[i].Service[3]).Abs() > 1 {
			t.Fatalf("job %d does not just run twice as long", i)
		}
	}
	faster := base
	faster.Rate = 200
	for i, j := range generate(t, faster, Window{Jobs: 500}) {
		if !slices.Equal(j.Service, want[i].Service) || (2*j.At-want[i].At).Abs() > 2*time.Duration(i+1) {
			t.Fatalf("job %d does not just arrive twice as early", i)
		}
	}
	other := base
	other.Seed = 2
	for i, j := range generate(t, other, Window{Jobs: 500}) {
		if j.At == want[i].At || j.Service[0] == want[i].Service[0] {
			t.Fatalf("job %d is the same with another seed", i)
		}
	}
}

// TestOfferedLoad: the work that arrives per second is the load that was asked for.
func TestOfferedLoad(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tasks, service, arrival string
		within                  float64
	}{
		{"100", "const:100ms", "const", 1e-6},
		{"100", "const:100ms", "poisson", 0.01},
		{"10", "exp:100ms", "poisson", 0.015},
		{"10", "jobexp:100ms", "poisson", 0.02},
		{"geom:10", "lognormal:100ms,1", "poisson", 0.02},
		{"uniform:1,20", "bimodal:0.9,10ms,1s", "burst:5", 0.03},
		{"10", "pareto:10ms,2.5", "poisson", 0.02},
	} {
		s := spec(t, c.tasks, c.service, c.arrival)
		s.Load, s.Slots = 0.8, 4000
		src, err := Generate(s, Window{Jobs: 50_000})
		if err != nil {
			t.Fatal(err)
		}
		var j Job
		work := 0.0
		for src.Next(&j) {
			for _, d := range j.Service {
				work += float64(d)
			}
		}
		if got := work / float64(j.At) / 4000; math.Abs(got/0.8-1) > c.within {
			t.Errorf("--tasks %s --service %s --arrival %s: load %v, want 0.8", c.tasks, c.service, c.arrival, got)
		}
		byRate := s
		byRate.Rate, byRate.Load = s.JobRate(), 0
		if got := byRate.OfferedLoad(); math.Abs(got/0.8-1) > 1e-12 || s.OfferedLoad() != 0.8 {
			t.Errorf("%s: a rate of %v jobs/s is a load of %v, want 0.8", c.service, byRate.Rate, got)
		}
	}
	s := spec(t, "100", "const:100ms", "poisson")
	s.Load, s.Slots = 0.9, 4000
	if got := s.JobRate(); got != 360 {
		t.Errorf("rate is %v jobs/s, want 0.9·4000/(100·0.1 s) = 360", got)
	}
}

func TestEstimateIsTheMean(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(anyDuration(0, MaxService), 1, 40).Draw(t, "times")
		sum := 0.0
		for _, d := range times {
			sum += float64(d)
		}
		j := Job{Service: times}
		if got, want := float64(j.meanService()), sum/float64(len(times)); math.Abs(got-want) > 1+1e-9*want {
			t.Fatalf("mean %v, want %v", got, want)
		}
	})
	// The sum of this one does not fit 64 bits.
	j := Job{Service: slices.Repeat([]time.Duration{MaxService}, MaxTasks)}
	if got := j.meanService(); got != MaxService {
		t.Errorf("mean of the longest tasks is %v, want %v", got, MaxService)
	}
}

func TestSpecErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*Spec)
		want   []string
	}{
		{"empty", func(s *Spec) { *s = Spec{} }, []string{"tasks: not set", "service: not set", "arrival: not set", "rate, load: give one"}},
		{"wide", func(s *Spec) { s.Width = mustTasks(t, "bimodal:0.5,1,5000") }, []string{"task slots: at most 4096"}},
		{"both", func(s *Spec) { s.Load = 0.5 }, []string{"rate, load: give only one"}},
		{"slow", func(s *Spec) { s.Rate = 1e-9 }, []string{"rate: want 1e-06 to 1e+09 jobs a second, got 1e-09"}},
		{"nan", func(s *Spec) { s.Rate = math.NaN() }, []string{"rate: want"}},
		{"negative load", func(s *Spec) { s.Rate, s.Load, s.Slots = 0, -1, 4 }, []string{"load: want more than 0"}},
		{"nan load", func(s *Spec) { s.Rate, s.Load, s.Slots = 0, math.NaN(), 4 }, []string{"load: want more than 0"}},
		{"no slots", func(s *Spec) { s.Rate, s.Load = 0, 0.5 }, []string{"slots: a load needs"}},
		{"heavy", func(s *Spec) { s.Rate, s.Load, s.Slots, s.Service = 0, 0.5, 4, mustService(t, "pareto:1s,1") }, []string{"pareto:1s,1 has no mean"}},
		{"nothing", func(s *Spec) { s.Rate, s.Load, s.Slots, s.Service = 0, 0.5, 4, mustService(t, "const:0") }, []string{"no load at any rate"}},
		{"rare", func(s *Spec) {
			s.Rate, s.Load, s.Slots, s.Service = 0, 1e-6, 1, mustService(t, "const:24h")
		}, []string{"load: 1e-06 of 1 slots means 1.16e-12 jobs a second"}},
	} {
		s := spec(t, "10", "exp:100ms", "poisson")
		s.Rate = 10
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		c.change(&s)
		src, err := Generate(s, Window{})
		if err == nil || src != nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v; want %q", c.name, err, want)
			}
		}
	}
}

// TestGenerateAllocatesNothing pins the steady state: after the largest job, no job allocates.
func TestGenerateAllocatesNothing(t *testing.T) {
	for _, service := range []string{"const:1ms", "exp:1ms", "jobexp:1ms", "lognormal:1ms,1", "pareto:1ms,1.5", "bimodal:0.9,1ms,10ms"} {
		s := spec(t, "uniform:1,100", service, "poisson")
		s.Rate = 1000
		src, err := Generate(s, Window{TimeScale: 0.5})
		if err != nil {
			t.Fatal(err)
		}
		j := Job{Service: make([]time.Duration, 100)}
		if got := testing.AllocsPerRun(1000, func() { src.Next(&j) }); got != 0 {
			t.Errorf("%s: %v allocations a job, want 0", service, got)
		}
	}
}

// TestWidth: what tasks take counts as load, and is drawn apart from all else.
func TestWidth(t *testing.T) {
	t.Parallel()
	plain, wide := spec(t, "10", "exp:100ms", "poisson"), spec(t, "10", "exp:100ms", "poisson")
	plain.Load, plain.Slots, wide.Load, wide.Slots = 0.5, 100, 0.5, 100
	wide.Width = mustTasks(t, "bimodal:0.75,1,5")
	if got, want := wide.JobRate(), plain.JobRate()/2; math.Abs(got/want-1) > 1e-12 {
		t.Errorf("%g jobs a second of tasks of two slots on average, want %g", got, want)
	}
	if got := wide.OfferedLoad(); got != 0.5 {
		t.Errorf("a load of %g", got)
	}
	wide.Rate, wide.Load = plain.JobRate(), 0
	if got := wide.OfferedLoad(); math.Abs(got-1) > 1e-12 {
		t.Errorf("at twice the rate a load of %g, want 1", got)
	}
	plain.Rate, plain.Load = wide.Rate, 0
	a, errA := Generate(plain, Window{Jobs: 1000})
	b, errB := Generate(wide, Window{Jobs: 1000})
	narrow, broad := collect(t, a, errA), collect(t, b, errB)
	five := 0
	for i := range broad {
		if broad[i].Slots == 5 {
			five++
		}
		if broad[i].Width() != 1 && broad[i].Width() != 5 || narrow[i].Width() != 1 {
			t.Fatalf("job %d has tasks of %d slots, and of %d", i, broad[i].Width(), narrow[i].Width())
		}
		broad[i].Slots = 0
	}
	sameJobs(t, broad, narrow)
	if five < 200 || five > 300 {
		t.Errorf("%d of 1000 jobs are wide", five)
	}
}
