package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"dunnock/internal/chaos/check"
	"dunnock/internal/chaos/ledger"
)

// report is what a run has shown. What has a JSON name is also written as such.
type report struct {
	Seed     uint64          `json:"seed"`
	Seconds  float64         `json:"seconds"`
	CPUs     int             `json:"cpus"`
	Go       string          `json:"go"`
	Verdict  *check.Verdict  `json:"verdict"`
	Kinds    []kindReport    `json:"faults"`
	Response responses       `json:"response_ms"`
	Promises []promise       `json:"promises"`
	Growth   []growth        `json:"growth"`
	Unrest   []string        `json:"unrest"` // what kept the fleet from coming to rest
	Broken   []brokenPromise `json:"broken"` // what faults saw for themselves

	before, after map[string]size
	unrest        []string
	took          time.Duration
}

// kindReport is about all faults of one kind.
type kindReport struct {
	Kind      string         `json:"kind"`
	Faults    int            `json:"faults"`
	Concerned int            `json:"concerned"` // tasks that ran where it hit, or were a hit scheduler's
	Restarted milliseconds   `json:"restarted_ms"`
	Resumed   milliseconds   `json:"resumed_ms"`
	Done      milliseconds   `json:"done_ms"`
	Ends      map[string]int `json:"ends"` // outcomes that are not ok, and refusals, while it lasted and settled, by code
}

// milliseconds are quantiles of times.
type milliseconds struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func quantiles(t check.Times) milliseconds {
	ms := func(q float64) float64 { return float64(t.Quantile(q).Microseconds()) / 1000 }
	return milliseconds{len(t), ms(0.5), ms(0.99), ms(1)}
}

func (m milliseconds) String() string {
	if m.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f / %.0f", m.P50, m.P99)
}

type responses struct {
	Before  milliseconds `json:"before"`
	During  milliseconds `json:"during"`
	Between milliseconds `json:"between"`
	After   milliseconds `json:"after"`
}

// growth is of one process, from before the load to when all is healed and done.
type growth struct {
	Node     string `json:"node"`
	SameLife bool   `json:"same_life"` // if not, it was restarted between
	Before   size   `json:"before"`
	After    size   `json:"after"`
}

// judge fills the report in from the books.
func (p *report) judge(r *run, records []ledger.Record) {
	p.Seed, p.Seconds, p.CPUs, p.Go = r.o.seed, p.took.Seconds(), runtime.NumCPU(), runtime.Version()
	p.Verdict = verdict(records)
	p.Unrest, p.Broken = p.unrest, r.notes.broken
	all := check.ResponsesOf(records)
	p.Response = responses{quantiles(all.Before), quantiles(all.During), quantiles(all.Between), quantiles(all.After)}
	recoveries := map[string]*check.Recovery{}
	for _, c := range check.Recoveries(records) {
		recoveries[c.Kind] = c
		p.Kinds = append(p.Kinds, kindReport{
			Kind: c.Kind, Faults: c.Faults, Concerned: c.Concerned,
			Restarted: quantiles(c.Restarted), Resumed: quantiles(c.Resumed), Done: quantiles(c.Done), Ends: ends(records, c.Kind),
		})
	}
	for _, name := range slices.Sorted(maps.Keys(p.before)) {
		if after, there := p.after[name]; there {
			p.Growth = append(p.Growth, growth{name, p.before[name].Life == after.Life, p.before[name], after})
		}
	}
	p.Promises = r.promises(p, recoveries, records)
}

// atMostOnce marks outcomes of jobs whose tasks may start only once: in a fault, and at the first failure, these end
// without being ok.
const atMostOnce = ", at most once"

// ends counts what was not ok while faults of a kind lasted and settled.
func ends(records []ledger.Record, kind string) map[string]int {
	counts := map[string]int{}
	doomed, once := map[string]bool{}, map[string]bool{}
	windows := windowsOf(records, kind)
	for _, r := range records {
		if r.Event == ledger.Submit {
			doomed[r.Job] = r.Kind != "" && r.Kind != kind
			once[r.Job] = r.Once
		}
	}
	for _, r := range records {
		ended := r.Event == ledger.Refuse || r.Event == ledger.Outcome && r.Result != ledger.OK
		if ended && !doomed[r.Job] && within(windows, r.At) {
			what := r.Result + " " + r.Code
			if r.Event == ledger.Refuse {
				what = "refused " + r.Code
			} else if once[r.Job] {
				what += atMostOnce
			}
			counts[what]++
		}
	}
	return counts
}

// windowsOf is when faults of a kind lasted and settled.
func windowsOf(records []ledger.Record, kind string) []window {
	var windows []window
	open := map[int]int64{}
	for _, r := range records {
		switch {
		case r.Event == ledger.Inject && r.Kind == kind:
			open[r.Fault] = r.At
		case r.Event == ledger.Heal && r.Kind == kind:
			windows = append(windows, window{open[r.Fault], r.At + int64(settle)})
		}
	}
	return windows
}

func within(windows []window, at int64) bool {
	return slices.ContainsFunc(windows, func(w window) bool { return w.from <= at && at <= w.to })
}

// clean says whether all went well; strict counts what is only measured, too.
func (p *report) clean(strict bool) bool {
	for _, pr := range p.Promises {
		if !pr.Holds && (strict || pr.Must) {
			return false
		}
	}
	return true
}

// write prints the report, and writes it as JSON where that was asked for.
func (p *report) write(o *options, out *os.File) error {
	p.text(out)
	if o.json == "" {
		return nil
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(data, '\n'), 0o600)
}

// counts prints a map in order.
func counts(m map[string]int) string {
	if len(m) == 0 {
		return "-"
	}
	var parts []string
	for _, name := range slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(m[b]-m[a], cmp.Compare(a, b)) }) {
		parts = append(parts, fmt.Sprintf("%d %s", m[name], name))
	}
	return strings.Join(parts, ", ")
}
