package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"dunnock/loadgen"
	"dunnock/loadgen/objective"
	"dunnock/sim"
)

// searchResult is what a search prints as JSON.
type searchResult struct {
	Objectives []string `json:"objectives"`
	// Rate is the highest rate that holds in jobs per second, and Load what it comes to as a fraction of all slots;
	// AboveRate and AboveLoad are the lowest that do not. 0: there is none.
	Rate      float64 `json:"rate"`
	Load      float64 `json:"load"`
	AboveRate float64 `json:"above_rate"`
	AboveLoad float64 `json:"above_load"`
	AboveBy   string  `json:"above_by"` // broken or generator: what did not hold there
	End       string  `json:"end"`
	Confirmed bool    `json:"confirmed"`
	Text      string  `json:"text"`

	Workload   string        `json:"workload"`
	Policy     string        `json:"policy"`
	Workers    int           `json:"workers"`
	Slots      int           `json:"slots"` // of them all
	Schedulers int           `json:"schedulers"`
	WallS      float64       `json:"wall_s"`
	Levels     []searchLevel `json:"levels"` // in the order in which they were first tried
	Probes     []searchProbe `json:"probes"` // in their order
}

type searchLevel struct {
	objective.Step

	Load float64 `json:"load"`
}

// searchProbe is one run.
type searchProbe struct {
	Rate        float64           `json:"rate"` // as asked for
	Load        float64           `json:"load"`
	Seed        uint64            `json:"seed"`
	Reading     string            `json:"reading"` // holds, broken or generator
	Checks      []objective.Check `json:"checks"`
	Invalid     string            `json:"invalid,omitempty"`
	Jobs        uint64            `json:"jobs"`
	Errors      uint64            `json:"errors"` // jobs
	ResponseMS  sim.Response      `json:"response_ms"`
	LagMS       loadgen.Quantiles `json:"lag_ms"`
	Utilization float64           `json:"utilization"`
}

// result puts what was found into words.
func (s *loadSearch) result(f *objective.Found) *searchResult {
	r := &searchResult{
		End: f.End, Confirmed: f.Confirmed, Workload: s.workload(), Policy: s.target.fleet.Policy, Workers: s.target.fleet.Workers, Slots: s.target.fleet.Slots,
		Schedulers: s.target.fleet.Schedulers, Probes: s.probes, Levels: []searchLevel{},
	}
	for _, slo := range s.SLO {
		r.Objectives = append(r.Objectives, slo.String())
	}
	r.Rate, r.Load = s.both(f.Rate)
	r.AboveRate, r.AboveLoad = s.both(f.Above)
	for _, step := range f.Steps {
		l := searchLevel{Step: step}
		l.Rate, l.Load = s.both(step.Rate)
		r.Levels = append(r.Levels, l)
		if step.Rate == f.Above {
			r.AboveBy = step.Verdict
		}
	}
	r.Text = searchText(r)
	return r
}

// both returns a level as a rate and as a load.
func (s *loadSearch) both(v float64) (rate, load float64) {
	if v == 0 {
		return 0, 0
	}
	spec := s.spec(v, s.target.fleet.Slots)
	return spec.JobRate(), spec.OfferedLoad()
}

// endInterrupted is why a search ended that a signal has cut short, beside those of package objective.
const endInterrupted = "interrupted"

// searchText is the answer in a sentence.
func searchText(r *searchResult) string {
	slo := strings.Join(r.Objectives, " and ")
	at := levelText(r.Rate, r.Load)
	switch r.End {
	case objective.EndMost:
		return fmt.Sprintf("%s holds at %s, the most that was to be tried", slo, at)
	case objective.EndProbes:
		return cutText(r, slo, at) + "; there are no more runs"
	case objective.EndTime:
		return cutText(r, slo, at) + "; the time is up"
	case endInterrupted:
		return cutText(r, slo, at) + "; the search was interrupted"
	}
	switch beyond := aboveText(r); {
	case r.Rate == 0 && r.AboveBy == objective.VerdictGenerator:
		return "cannot tell: even " + beyond
	case r.Rate == 0:
		return fmt.Sprintf("%s does not hold even at %s", slo, levelText(r.AboveRate, r.AboveLoad))
	default:
		return fmt.Sprintf("%s holds up to %s; %s", slo, at, beyond)
	}
}

// cutText is what is known of a search that was cut short.
func cutText(r *searchResult, slo, at string) string {
	var parts []string
	if r.Rate > 0 {
		text := slo + " holds at " + at
		if !r.Confirmed {
			text += ", which the last vote has not confirmed"
		}
		parts = append(parts, text)
	}
	switch {
	case r.AboveRate > 0 && r.Rate == 0 && r.AboveBy == objective.VerdictBroken:
		parts = append(parts, slo+" does not hold at "+levelText(r.AboveRate, r.AboveLoad))
	case r.AboveRate > 0:
		parts = append(parts, aboveText(r))
	case r.Rate == 0:
		return "cannot tell"
	}
	return strings.Join(parts, "; ")
}

// aboveText says what ends at the lowest level that does not hold.
func aboveText(r *searchResult) string {
	above := levelText(r.AboveRate, r.AboveLoad)
	if r.AboveBy == objective.VerdictGenerator {
		return "at " + above + " the generator does not keep up, so the fleet may do more"
	}
	return "it does not at " + above
}

func levelText(rate, load float64) string {
	if load == 0 {
		return figure(rate, 4) + " jobs/s"
	}
	return figure(rate, 4) + " jobs/s (load " + figure(load, 3) + ")"
}

// readingCell is "yes, 12.3 ms".
func readingCell(check *objective.Check) string {
	text := "no"
	if check.Holds {
		text = "yes"
	}
	if c, err := objective.Parse(check.Condition); err == nil {
		text += ", " + metricText(c.Metric, check.Value)
	}
	return text
}

// searchTable prints a search for people.
func searchTable(w *tabwriter.Writer, r *searchResult) {
	head := make([]any, 0, 10+len(r.Objectives))
	head = append(head, "RUN", "JOBS/S", "LOAD", "SEED", "JOBS", "P50, ms", "P99, ms", "ERRORS", "LAG P99, ms")
	for _, o := range r.Objectives {
		head = append(head, o)
	}
	row(w, append(head, "READING")...)
	for i := range r.Probes {
		probe := &r.Probes[i]
		cells := make([]any, 0, cap(head))
		cells = append(cells, i+1, figure(probe.Rate, 5), figure(probe.Load, 3), probe.Seed, probe.Jobs, figure(probe.ResponseMS.P50, 4),
			figure(probe.ResponseMS.P99, 4), probe.Errors, figure(probe.LagMS.P99, 3))
		for _, check := range probe.Checks {
			cells = append(cells, readingCell(&check))
		}
		row(w, append(cells, probe.Reading)...)
	}
	fmt.Fprintf(w, "\n%s\n", r.Text)
}
