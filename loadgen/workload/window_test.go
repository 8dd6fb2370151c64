package workload

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseWarmup(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want Warmup
	}{
		{"0", Warmup{}},
		{"1000", Warmup{Jobs: 1000}},
		{"5s", Warmup{Time: 5 * time.Second}},
		{"1.5m", Warmup{Time: 90 * time.Second}},
		{"0s", Warmup{}},
	} {
		got, err := ParseWarmup(c.in)
		if err != nil || got != c.want {
			t.Errorf("%q parses to %+v, %v; want %+v", c.in, got, err, c.want)
		}
		text, _ := got.MarshalText()
		var back Warmup
		if err := back.UnmarshalText(text); err != nil || back != got {
			t.Errorf("%q reads back as %+v, %v", text, back, err)
		}
	}
	for _, in := range []string{"", "-1", "-1s", "ten", "1e3", "99999999999999999999", "10000h"} {
		if got, err := ParseWarmup(in); err == nil || !strings.Contains(err.Error(), "warmup ") {
			t.Errorf("%q parses to %+v, %v", in, got, err)
		}
	}
}

func TestWarmupCovers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		warmup Warmup
		index  int
		at     time.Duration
		want   bool
	}{
		{Warmup{}, 0, 0, false},
		{Warmup{Jobs: 2}, 1, time.Hour, true},
		{Warmup{Jobs: 2}, 2, 0, false},
		{Warmup{Time: time.Second}, 9, time.Second - 1, true},
		{Warmup{Time: time.Second}, 0, time.Second, false},
	} {
		if got := c.warmup.Covers(c.index, c.at); got != c.want {
			t.Errorf("%+v covers job %d at %v: %v", c.warmup, c.index, c.at, got)
		}
	}
}

func TestWindowErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		window Window
		want   string
	}{
		{Window{Jobs: -1}, "jobs: want 0 or more"},
		{Window{Duration: -1}, "duration: want 0 to"},
		{Window{Duration: MaxAt + 1}, "duration: want 0 to"},
		{Window{TimeScale: -1}, "time scale: want 1e-06 to 1e+06, got -1"},
		{Window{TimeScale: math.NaN()}, "time scale: want"},
		{Window{TimeScale: 1e-9}, "time scale: want"},
		{Window{Warmup: Warmup{Jobs: -1}}, "warmup: want 0 or more"},
		{Window{Jobs: 10, Warmup: Warmup{Jobs: 10}}, "of 10 jobs, 10 are warm-up"},
		{Window{Duration: time.Second, Warmup: Warmup{Time: time.Second}}, "of 1s, 1s is warm-up"},
	} {
		err := c.window.Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.window, err, c.want)
		}
		if _, fromRead := Read(strings.NewReader(`{"at_ms":0,"service_ms":[1]}`), c.window); fromRead == nil {
			t.Errorf("%+v: Read takes it", c.window)
		}
	}
}

// TestWindowCuts: whichever end comes first ends the workload, and what is left is its beginning.
func TestWindowCuts(t *testing.T) {
	t.Parallel()
	s := spec(t, "3", "exp:10ms", "poisson")
	s.Rate = 100
	all := generate(t, s, Window{Jobs: 1000})
	for _, w := range []Window{{Jobs: 10}, {Duration: time.Second}, {Jobs: 10, Duration: time.Hour}, {Jobs: 1 << 20, Duration: time.Second}} {
		got := generate(t, s, w)
		if len(got) == 0 || len(got) >= len(all) {
			t.Fatalf("%+v: %d jobs", w, len(got))
		}
		for i := range got {
			if got[i].At != all[i].At {
				t.Fatalf("%+v: job %d arrives at %v, want %v", w, i, got[i].At, all[i].At)
			}
		}
		if w.Jobs == 10 && len(got) != 10 {
			t.Errorf("%+v: %d jobs", w, len(got))
		}
		if w.Duration == time.Second && (got[len(got)-1].At >= time.Second || all[len(got)].At < time.Second) {
			t.Errorf("%+v: ends after %d jobs at %v", w, len(got), got[len(got)-1].At)
		}
	}
}

func TestTimeScale(t *testing.T) {
	t.Parallel()
	s := spec(t, "3", "exp:10ms", "poisson")
	s.Rate = 100
	plain := generate(t, s, Window{Jobs: 100})
	for i, j := range generate(t, s, Window{Jobs: 100, TimeScale: 0.5}) {
		if (2*j.At-plain[i].At).Abs() > 1 || (2*j.Service[2]-plain[i].Service[2]).Abs() > 1 || (2*j.Est-plain[i].Est).Abs() > 1 {
			t.Fatalf("job %d is %+v at half the scale, %+v before", i, j, plain[i])
		}
	}
}

// TestScaledPastTheBounds: a scale that stretches a job too far ends the source with an error, not with wrapped times.
func TestScaledPastTheBounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, want string }{
		{`{"at_ms":1e9,"service_ms":[1]}`, "line 1: at_ms: "},
		{`{"at_ms":0,"service_ms":[1,1e6]}`, "line 1: service_ms[1]: want 0 to 24h0m0s, got "},
		{`{"at_ms":0,"service_ms":[1],"est_ms":1e6}`, "line 1: est_ms: want 0 to 24h0m0s, got "},
	} {
		src, err := Read(strings.NewReader(c.line), Window{TimeScale: 1e6})
		if err != nil {
			t.Fatal(err)
		}
		if src.Next(new(Job)) || src.Err() == nil || !strings.HasPrefix(src.Err().Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.line, src.Err(), c.want)
		}
	}
	// A task of two days is too long as it is, and not when a trace is run faster.
	const long = `{"at_ms":0,"service_ms":[172800000]}`
	if src, err := Read(strings.NewReader(long), Window{TimeScale: 0.1}); err != nil || !src.Next(new(Job)) {
		t.Errorf("a long task at a small scale: %v, %v", err, src.Err())
	}
}

// TestNoneIsMeasured: a workload of warm-up alone ends with an error, since statistics of nothing look like zeros.
func TestNoneIsMeasured(t *testing.T) {
	t.Parallel()
	s := spec(t, "1", "const:1s", "const")
	s.Rate = 1
	for _, c := range []struct {
		window Window
		want   string
	}{
		{Window{Jobs: 3, Warmup: Warmup{Time: time.Hour}}, "all jobs are warm-up (3, the last one at 3s)"},
		{Window{Duration: 3500 * time.Millisecond, Warmup: Warmup{Jobs: 3}}, "all jobs are warm-up (3, "},
		{Window{Duration: 3500 * time.Millisecond, Warmup: Warmup{Jobs: 2}}, ""},
		{Window{Jobs: 3, Warmup: Warmup{Time: 3 * time.Second}}, ""},
		{Window{Duration: time.Second}, "no job arrives within 1s"},
	} {
		source, err := Generate(s, c.window)
		if err != nil {
			t.Fatal(err)
		}
		for source.Next(new(Job)) {
			if source.Err() != nil {
				t.Fatal(source.Err())
			}
		}
		if err := source.Err(); (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: got %v, want %q", c.window, err, c.want)
		}
	}
	file, err := Read(strings.NewReader(`{"at_ms":5,"service_ms":[1]}`), Window{Warmup: Warmup{Jobs: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for file.Next(new(Job)) {
	}
	if err := file.Err(); err == nil || !strings.Contains(err.Error(), "all jobs are warm-up (1, the last one at 5ms)") {
		t.Errorf("got %v", err)
	}
}

// TestGenerateEndsWhereTimeDoes: a workload without an end has one all the same, and says so.
func TestGenerateEndsWhereTimeDoes(t *testing.T) {
	t.Parallel()
	s := spec(t, "1", "const:1s", "poisson")
	s.Rate = 1e-6
	src, err := Generate(s, Window{})
	if err != nil {
		t.Fatal(err)
	}
	var j Job
	for src.Next(&j) {
		if j.At > MaxAt {
			t.Fatalf("a job arrives at %v", j.At)
		}
	}
	if src.Err() == nil || !strings.Contains(src.Err().Error(), "after the last arrival allowed") || src.Jobs() < 10 {
		t.Errorf("after %d jobs: %v", src.Jobs(), src.Err())
	}
	if src.Next(&j) {
		t.Error("a source that ended goes on")
	}
}
