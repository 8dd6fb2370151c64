package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// maxShown is how many breaches are printed of each kind; the JSON has all.
const maxShown = 5

// text prints the report for people.
func (p *report) text(out io.Writer) {
	p.textOfTasks(out)
	p.textOfTimes(out)
	p.textOfGrowth(out)
	p.textOfBreaches(out)
	p.textOfPromises(out)
}

func (p *report) textOfTasks(out io.Writer) {
	v := p.Verdict
	fmt.Fprintf(out, "\n%d jobs, %d accepted, %d given up by clients that died; refused: %s\n", v.Jobs, v.Accepted, v.Abandoned, counts(v.Refused))
	fmt.Fprintf(out, "%d tasks of clients that lived: %s\n", v.Tasks, counts(v.Outcomes))
	fmt.Fprintf(out, "%d starts: %d after a failed attempt, %d more that faults explain, %d that none explains; %d of tasks that had been finished\n",
		v.Starts, v.Retries, v.Explained, v.Unexplained, v.Redone.All)
	if r := v.Redone; r.All > 0 {
		fmt.Fprintf(out, "Of those %d had finished out of reach of their schedulers, %d were of clients that speak HTTP and were hit, %d on a busy machine.\n", r.Apart, r.Plain, r.Busy)
	}
	if v.Stalls > 0 {
		fmt.Fprintf(out, "The machine was busy: processes stood still for half a second or more %d times, for %.1f s at most. That counts as a fault.\n", v.Stalls, float64(v.LongestStall)/1e9)
	}
}

func (p *report) textOfTimes(out io.Writer) {
	fmt.Fprintf(out, "\nTimes in ms, p50 / p99. Concerned are the tasks that ran on a worker that was hit, or were of a scheduler's unfinished jobs.\n")
	t := columns(out)
	fmt.Fprintln(t, "fault\ttimes\tconcerned\tstarted again\tjobs resumed\tdone\tnot ok while it lasted")
	for _, k := range p.Kinds {
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s\t%s\n", k.Kind, k.Faults, k.Concerned, k.Restarted, k.Resumed, k.Done, counts(k.Ends))
	}
	_ = t.Flush()

	fmt.Fprintln(out, "\nResponse of jobs that ended ok, in ms:")
	t = columns(out)
	fmt.Fprintln(t, "when\tjobs\tp50\tp99\tmax")
	for _, row := range []struct {
		when string
		of   milliseconds
	}{
		{"before the first fault", p.Response.Before},
		{"during faults", p.Response.During},
		{"between them", p.Response.Between},
		{"after healing", p.Response.After},
	} {
		fmt.Fprintf(t, "%s\t%d\t%.1f\t%.1f\t%.1f\n", row.when, row.of.N, row.of.P50, row.of.P99, row.of.Max)
	}
	_ = t.Flush()
}

func (p *report) textOfGrowth(out io.Writer) {
	fmt.Fprintln(out, "\nSize at rest, before the load → after it:")
	t := columns(out)
	fmt.Fprintln(t, "node\tmemory MiB\tgoroutines\tdescriptors\t")
	for _, g := range p.Growth {
		restarted := ""
		if !g.SameLife {
			restarted = "restarted"
		}
		fmt.Fprintf(t, "%s\t%.1f → %.1f\t%d → %d\t%d → %d\t%s\n", g.Node, float64(g.Before.RSS)/(1<<20), float64(g.After.RSS)/(1<<20),
			g.Before.Goroutines, g.After.Goroutines, g.Before.FDs, g.After.FDs, restarted)
	}
	_ = t.Flush()
}

func (p *report) textOfPromises(out io.Writer) {
	fmt.Fprintln(out, "\nPromises:")
	t := columns(out)
	for _, pr := range p.Promises {
		word := "holds"
		switch {
		case !pr.Holds && pr.Must:
			word = "BROKEN"
		case !pr.Holds:
			word = "broken"
		case strings.HasPrefix(pr.Got, unseen):
			word = "unseen"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\twanted %s\n", word, pr.Name, pr.Got, pr.Want)
	}
	_ = t.Flush()
}

// columns lines up what is written with tabs between.
func columns(out io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(out, 0, 0, 2, ' ', 0) }

func (p *report) textOfBreaches(out io.Writer) {
	if len(p.Verdict.Breaches) > 0 {
		fmt.Fprintln(out, "\nBreaches:")
	}
	shown := map[string]int{}
	for _, b := range p.Verdict.Breaches {
		if shown[b.Kind]++; shown[b.Kind] <= maxShown {
			fmt.Fprintf(out, "  %s: %s\n", b.Kind, b.Text)
		}
	}
	for _, b := range p.Verdict.Breaches {
		if n := shown[b.Kind]; n > maxShown {
			fmt.Fprintf(out, "  %s: %d more\n", b.Kind, n-maxShown)
			shown[b.Kind] = 0
		}
	}
	if len(p.Unrest) > 0 {
		fmt.Fprintln(out, "\nThe fleet did not come to rest:")
	}
	for _, u := range p.Unrest {
		fmt.Fprintf(out, "  %s\n", u)
	}
}
