package main

import (
	"errors"
	"strings"
	"testing"

	"dunnock/loadgen"
	"dunnock/loadgen/objective"
	"dunnock/sim"
)

// The answer of a search says what is known, and no more.
func TestSearchText(t *testing.T) {
	const broken, generator = objective.VerdictBroken, objective.VerdictGenerator
	for _, c := range []struct {
		r    searchResult
		want string
	}{
		{searchResult{End: objective.EndFound, Rate: 40, Load: 0.5, AboveRate: 42, AboveLoad: 0.525, AboveBy: broken}, "p99<30ms holds up to 40 jobs/s (load 0.5); it does not at 42 jobs/s (load 0.525)"},
		{searchResult{End: objective.EndMost, Rate: 100}, "p99<30ms holds at 100 jobs/s, the most that was to be tried"},
		{searchResult{End: objective.EndLeast, AboveRate: 5, AboveBy: broken}, "p99<30ms does not hold even at 5 jobs/s"},
		{searchResult{End: objective.EndGenerator, Rate: 40, AboveRate: 42, AboveBy: generator}, "p99<30ms holds up to 40 jobs/s; at 42 jobs/s the generator does not keep up, so the fleet may do more"},
		{searchResult{End: objective.EndGenerator, AboveRate: 5, AboveBy: generator}, "cannot tell: even at 5 jobs/s the generator does not keep up, so the fleet may do more"},
		{searchResult{End: objective.EndTime}, "cannot tell; the time is up"},
		{searchResult{End: endInterrupted}, "cannot tell; the search was interrupted"},
		{searchResult{End: objective.EndProbes, AboveRate: 5, AboveBy: broken}, "p99<30ms does not hold at 5 jobs/s; there are no more runs"},
		{searchResult{End: objective.EndProbes, AboveRate: 5, AboveBy: generator}, "at 5 jobs/s the generator does not keep up, so the fleet may do more; there are no more runs"},
		{searchResult{End: objective.EndTime, Rate: 5}, "p99<30ms holds at 5 jobs/s, which the last vote has not confirmed; the time is up"},
		{searchResult{End: objective.EndTime, Rate: 5, AboveRate: 9, AboveBy: broken, Confirmed: true}, "p99<30ms holds at 5 jobs/s; it does not at 9 jobs/s; the time is up"},
	} {
		c.r.Objectives = []string{"p99<30ms"}
		if got := searchText(&c.r); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// A gate on runs looks at the mean of those that are whole and valid, and does not open where there are none.
func TestFailIf(t *testing.T) {
	run := func(p99 float64, valid, interrupted bool) *loadgen.Result {
		return &loadgen.Result{Valid: valid, Interrupted: interrupted, Jobs: 100, ResponseMS: sim.Response{Mean: p99 / 2, P99: p99}}
	}
	gate := func(conditions ...string) *failIfFlag {
		f := &failIfFlag{}
		for _, text := range conditions {
			c, err := objective.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			f.FailIf = append(f.FailIf, c)
		}
		return f
	}
	for _, c := range []struct {
		name string
		f    *failIfFlag
		runs []*loadgen.Result
		code int
		want string
	}{
		{"none", gate(), []*loadgen.Result{run(90, false, false)}, 0, ""},
		{"does not hold", gate("p99>50ms"), []*loadgen.Result{run(40, true, false), run(59, true, false)}, 0, ""},
		{"holds", gate("p99>1s", "p99>50ms", "errors<=0"), []*loadgen.Result{run(40, true, false), run(61, true, false)}, exitCondition, "--fail-if p99>50ms: 50.5 ms; errors<=0: 0 %"},
		{"others are left out", gate("p99>50ms"), []*loadgen.Result{run(40, true, false), run(900, false, false), run(900, true, true)}, 0, ""},
		{"no run left", gate("p99>50ms"), []*loadgen.Result{run(40, false, false)}, exitFailure, "there is no whole and valid run"},
		{"no job was taken", gate("p99>50ms"), []*loadgen.Result{run(0, true, false)}, exitFailure, "--fail-if p99>50ms: no job got so far"},
		{"not there", gate("ideal.p99>2"), []*loadgen.Result{run(40, true, false)}, exitFailure, "--fail-if ideal.p99>2: the run was not set beside its bound"},
	} {
		err := c.f.holds(c.runs)
		code := 0
		if err != nil {
			code = exitFailure
		}
		if exit, ok := errors.AsType[*exitError](err); ok {
			code = exit.code
		}
		if code != c.code || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got code %d, %v", c.name, code, err)
		}
	}
	if err := gate("p99>1.1x").checkFlags(); err == nil || !strings.Contains(err.Error(), "takes two results") {
		t.Errorf("got %v", err)
	}
}

func TestFigure(t *testing.T) {
	for _, c := range []struct {
		v      float64
		digits int
		want   string
	}{{1234567, 3, "1230000"}, {130.4, 2, "130"}, {0.0012345, 3, "0.00123"}, {-12.345, 3, "-12.3"}, {0, 4, "0"}, {1e-9, 3, "1e-09"}, {99.99, 3, "100"}} {
		if got := figure(c.v, c.digits); got != c.want {
			t.Errorf("%v with %d digits: got %s, want %s", c.v, c.digits, got, c.want)
		}
	}
}
