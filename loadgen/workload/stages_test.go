package workload

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustStages(tb testing.TB, s string) Stages {
	tb.Helper()
	v, err := ParseStages(s)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func TestParseStages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"0.5:30s,0.8:30s,0.95:30s", "0.5:30s,0.8:30s,0.95:30s"},
		{" 0.5 : 1m , 200/s : 100ms", "0.5:1m0s,200/s:100ms"},
		{"1e3/s:1s", "1000/s:1s"},
	} {
		if v, err := ParseStages(c.in); err != nil || v.String() != c.want {
			t.Errorf("%q parses to %q, %v; want %q", c.in, v, err, c.want)
		}
	}
	for _, c := range []struct{ in, want string }{
		{"", "want LOAD:DURATION"},
		{"0.5", "want LOAD:DURATION"},
		{"0.5:30", "want LOAD:DURATION"},
		{"half:30s", "want LOAD:DURATION"},
		{"0.5:30s,", "want LOAD:DURATION"},
		{"0:30s", "want a load of more than 0"},
		{"-1:30s", "want a load of more than 0"},
		{"NaN:30s", "want a load of more than 0"},
		{"101:30s", "at most 100, got 101"},
		{"0/s:30s", "want 1e-06 to 1e+09 jobs a second, got 0"},
		{"+Inf/s:30s", "jobs a second, got +Inf"},
		{"0.5:0s", "want a length of more than 0"},
		{"0.5:-1s", "want a length of more than 0"},
		{"0.5:1s,0.5:9000h", `"0.5:9000h": want a length`},
		{"0.5:8000h,0.5:8000h", "altogether"},
		{strings.Repeat("1:1s,", MaxStages) + "1:1s", "at most 1000, got 1001"},
	} {
		if v, err := ParseStages(c.in); err == nil || !strings.Contains(err.Error(), c.want) || v.Len() != 0 {
			t.Errorf("%q: got %q, %v; want an error with %q", c.in, v, err, c.want)
		}
	}
}

func TestStagesRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := drawStages(t)
		text, _ := v.MarshalText()
		var back Stages
		if err := back.UnmarshalText(text); err != nil || back.String() != v.String() {
			t.Fatalf("%q reads back as %q, %v", text, back, err)
		}
	})
}

func drawStages(t *rapid.T) Stages {
	var v Stages
	for range rapid.IntRange(1, 5).Draw(t, "stages") {
		stage := Stage{Length: time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "length"))}
		if rapid.Bool().Draw(t, "by rate") {
			stage.Rate = rapid.Float64Range(0.1, 1000).Draw(t, "rate")
		} else {
			stage.Load = rapid.Float64Range(0.01, 2).Draw(t, "load")
		}
		v.list = append(v.list, stage)
	}
	return v
}

// TestStagesStretchOneProcess holds arrivals in stages against a reference: the arrivals of the process at rate 1, each
// looked up where the expected number of arrivals, which rises by the rate, passes it.
func TestStagesStretchOneProcess(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := Spec{Slots: 40, Seed: rapid.Uint64().Draw(t, "seed"), Stages: drawStages(t)}
		s.Arrival, _ = ParseArrival(rapid.SampledFrom([]string{"poisson", "const", "burst:3"}).Draw(t, "arrival"))
		s.Tasks, _ = ParseTasks("10")
		s.Service, _ = ParseService("const:100ms")
		source, err := Generate(s, Window{Jobs: 2000})
		if err != nil {
			t.Fatal(err)
		}
		unit := newClock(s.Arrival, 1e6, newStream(s.Seed, labelArrivals)) // at one a millisecond, which is 1 here
		var j Job
		n := 0
		for ; source.Next(&j); n++ {
			due := float64(unit.next()) / 1e6
			stage, start := 0, 0.0
			for end := 0.0; ; stage++ {
				if stage == s.Stages.Len() {
					t.Fatalf("job %d is after the last stage", n)
				}
				length := s.Stages.Stage(stage).Length.Seconds()
				if end += s.StageRate(stage) * length; due < end+1e-5 {
					start += (due - (end - s.StageRate(stage)*length)) / s.StageRate(stage)
					break
				}
				start += length
			}
			if got := j.At.Seconds(); math.Abs(got-start)*s.StageRate(stage) > 1e-4 {
				t.Fatalf("job %d arrives at %.9f s, want %.9f", n, got, start)
			}
		}
		if err := source.Err(); err != nil && n > 0 { // without one job there is nothing to measure
			t.Fatal(err)
		}
		if n < 2000 {
			expected := 0.0
			for i := range s.Stages.Len() {
				expected += s.StageRate(i) * s.Stages.Stage(i).Length.Seconds()
			}
			if due := float64(unit.next()) / 1e6; due < expected-1e-4 {
				t.Fatalf("the workload ends after %d jobs; the next was to be the %.3fth of %.3f", n, due, expected)
			}
		}
	})
}

// TestOneStageIsARate: what a single stage holds is what its rate alone gives, to the nanosecond.
func TestOneStageIsARate(t *testing.T) {
	t.Parallel()
	plain := spec(t, "geom:10", "exp:100ms", "poisson")
	plain.Rate = 333
	staged := plain
	staged.Rate, staged.Stages = 0, mustStages(t, "333/s:20s")
	sameJobs(t, generate(t, staged, Window{}), generate(t, plain, Window{Duration: 20 * time.Second}))
}

func TestStagesInAWindow(t *testing.T) {
	t.Parallel()
	s := spec(t, "1", "const:10ms", "const")
	s.Stages = mustStages(t, "100/s:1s,1000/s:1s")
	for _, c := range []struct {
		name   string
		window Window
		jobs   int
	}{
		{"all", Window{}, 1099},
		{"longer", Window{Duration: time.Hour}, 1099},
		{"shorter", Window{Duration: 1500 * time.Millisecond}, 599},
		{"fewer", Window{Jobs: 7}, 7},
		{"scaled", Window{TimeScale: 0.1}, 1099},
		{"scaled and shorter", Window{TimeScale: 0.1, Duration: 150 * time.Millisecond}, 599},
	} {
		if got := len(generate(t, s, c.window)); got != c.jobs {
			t.Errorf("%s: got %d jobs, want %d", c.name, got, c.jobs)
		}
	}
	if _, err := Generate(s, Window{Warmup: Warmup{Time: 2 * time.Second}}); err == nil || !strings.Contains(err.Error(), "nothing is left to measure") {
		t.Errorf("a warm-up of all stages: got %v", err)
	}
}

func TestStagesValidate(t *testing.T) {
	t.Parallel()
	good := spec(t, "10", "const:100ms", "poisson")
	good.Slots, good.Stages = 80, mustStages(t, "0.5:10s,0.8:30s")
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	if rate, load := good.JobRate(), good.OfferedLoad(); math.Abs(rate-58) > 1e-9 || math.Abs(load-0.725) > 1e-9 {
		t.Errorf("means are %g jobs a second, load %g; want 58 and 0.725", rate, load)
	}
	for want, change := range map[string]func(s *Spec){
		"the stages say them":             func(s *Spec) { s.Load = 0.5 },
		"a load needs the number of all":  func(s *Spec) { s.Slots = 0 },
		"is no load at any rate":          func(s *Spec) { s.Service = mustService(t, "const:0s") },
		"load: 0.5 of 80 slots means 4e+": func(s *Spec) { s.Tasks, s.Service = mustTasks(t, "1"), mustService(t, "const:1ns") },
	} {
		s := good
		change(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	rates := good
	rates.Slots, rates.Stages = 0, mustStages(t, "5/s:1s")
	if err := rates.Validate(); err != nil {
		t.Errorf("rates need no slots: %v", err)
	}
}

// TestStagesDigest pins arrivals in stages, as TestDigests does the others.
func TestStagesDigest(t *testing.T) {
	t.Parallel()
	s := spec(t, "geom:10", "exp:100ms", "poisson")
	s.Slots, s.Stages = 80, mustStages(t, "0.5:30s,200/s:5s,0.95:30s")
	src, err := Generate(s, Window{})
	if err != nil {
		t.Fatal(err)
	}
	const want = 0x13b76979de4a6a4a
	if got := digest(src); got != want {
		t.Errorf("digest 0x%016x, want 0x%016x", got, uint64(want))
	}
}
