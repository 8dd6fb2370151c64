package main

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"dunnock/internal/search"
)

// maxFilesShown bounds the files that a terminal shows; a pipe gets all of them.
const maxFilesShown = 20

// showFound prints the result.
func (d *demo) showFound() error {
	d.progress.clear()
	d.found = d.plan.Merge(d.counts)
	for _, f := range d.found {
		d.total += f.Lines
	}
	limit := len(d.found)
	if isTerminal(d.p.stdout) {
		limit = maxFilesShown
	}
	out := bufio.NewWriter(d.p.stdout)
	printFiles(out, d.found, limit)
	fmt.Fprintf(out, "total: %d\n", d.total)
	return out.Flush()
}

// account prints what it took, and what the same work takes on one slot.
func (d *demo) account(c *demoCmd) error {
	lines, oneSlot, err := d.oneSlot()
	if err != nil {
		return err
	}
	d.progress.clear()
	out := bufio.NewWriter(d.p.stdout)
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	r := &d.report
	fmt.Fprintf(w, "pattern\t%s, in %s of %s, %s\n", c.Pattern, thousands(int64(len(d.found))), count(len(d.plan.Files), "file"), size(d.plan.Bytes))
	fmt.Fprintf(w, "work\t%s, each a range of up to 1 MiB, in %s\n", r.outcomeWords(), count(d.jobs, "job"))
	fmt.Fprintf(w, "fleet\t%s, %s with %s each, %s\n",
		count(c.Schedulers, "scheduler"), count(c.Workers, "worker"), count(c.Slots, "slot"), count(runtime.GOMAXPROCS(0), "CPU"))
	fmt.Fprintf(w, "scheduler\t%s\n", strings.Join(distinct(d.hosts), ", "))
	fmt.Fprintf(w, "workers\t%s\n", r.workerWords())
	if len(r.wait) > 0 {
		fmt.Fprintf(w, "wait\t%s\n", percentiles(r.wait))
		fmt.Fprintf(w, "service\t%s, %s in all\n", percentiles(r.service), duration(sum(r.service)))
		fmt.Fprintf(w, "response\t%s; the whole job %s\n", percentiles(r.response), duration(r.elapsed))
	}
	fmt.Fprintf(w, "one slot\t%s for the same ranges one after another, measured after the job: %s\n",
		duration(oneSlot), speedUp(float64(oneSlot)/float64(r.elapsed)))
	if lines != d.total {
		fmt.Fprintf(w, "\tit counted %d lines: files have changed in between\n", lines)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if d.failed > 0 {
		return fmt.Errorf("%s did not run", count(d.failed, "task"))
	}
	return nil
}

// printFiles prints a line per file, in path order if all of them are shown and the ones with the most matches
// otherwise.
func printFiles(w io.Writer, found []search.FileMatches, limit int) {
	if len(found) > limit {
		shown := slices.Clone(found)
		slices.SortStableFunc(shown, func(a, b search.FileMatches) int { return int(b.Lines - a.Lines) })
		for _, f := range shown[:limit] {
			fmt.Fprintf(w, "%s: %d\n", printable(f.Path), f.Lines)
		}
		fmt.Fprintf(w, "… and %s with matches\n", count(len(found)-limit, "more file"))
		return
	}
	for _, f := range found {
		fmt.Fprintf(w, "%s: %d\n", printable(f.Path), f.Lines)
	}
}

// speedUp says how the fleet did against one slot.
func speedUp(ratio float64) string {
	switch {
	case ratio >= 1.05:
		return fmt.Sprintf("the fleet was %.1f times as fast", ratio)
	case ratio > 0.95:
		return "the fleet was as fast"
	}
	return fmt.Sprintf("the fleet took %.1f times as long (little work, or CPUs that others use)", 1/ratio)
}

func distinct(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}
