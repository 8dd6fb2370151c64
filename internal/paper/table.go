package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"dunnock/internal/stat"
	"dunnock/loadgen"
)

// table is the page beside the figures.
func (p *paper) table() string {
	var b strings.Builder
	b.WriteString("# Live, simulated, ideal\n\nWritten by the command; words about it are in [the results](README.md).\n\n")
	fmt.Fprintf(&b, "```\n%s\n```\n\n", p.command)
	p.origin(&b)
	p.agreement(&b)
	for i := range p.plan.Figures {
		p.figureTable(&b, &p.plan.Figures[i])
	}
	p.generator(&b)
	p.flaws(&b)
	return b.String()
}

// origin says where the figures are from.
func (p *paper) origin(b *strings.Builder) {
	first, last := "", ""
	var machines []string
	for i := range p.measured {
		r := p.measured[i].Result
		if first == "" || r.Start < first {
			first = r.Start
		}
		last = max(last, r.Start)
		m := fmt.Sprintf("%s, %s, dunnock %s", r.Machine, r.Go, r.Version)
		if !slices.Contains(machines, m) {
			machines = append(machines, m)
		}
	}
	fmt.Fprintf(b, "%s; %s to %s UTC; %d runs, of which %d count.%s\n\n",
		strings.Join(machines, "; "), minute(first), minute(last), len(p.measured), len(p.measured)-p.flawed(), p.others())
}

// others says how busy the machine was with something else while the runs were made that count.
func (p *paper) others() string {
	sum, n := 0.0, 0
	for i := range p.measured {
		if m := &p.measured[i]; m.flaw == "" && m.Other != nil {
			sum += *m.Other
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" Something else took %.1f %% of the processors meanwhile.", 100*sum/float64(n))
}

// minute shortens a time of RFC 3339.
func minute(t string) string {
	if len(t) < len("2006-01-02T15:04") {
		return t
	}
	return strings.Replace(t[:len("2006-01-02T15:04")], "T", " ", 1)
}

// agreement is the verdict on the plan's point.
func (p *paper) agreement(b *strings.Builder) {
	a := p.plan.Agreement
	if a == nil {
		return
	}
	at := p.points[a.cell]
	fmt.Fprintf(b, "## Do live and simulated agree?\n\nAt %s: %s tasks a job, service %s, %d of %d runs. The ratio of live to simulated on the same jobs, run by run, must be within %g %%"+
		" of 1, and known to ± %g %%.\n\n| response | live, ms | simulated, ms | live / simulated (95 %% interval) | agrees |\n|---|---|---|---|---|\n",
		a.cell, p.plan.Tasks, p.plan.Service, len(at.counted), at.all, a.Within*100, a.Interval*100)
	for i, c := range judged() {
		e, figure := at.estimate(c.of), columns()[i]
		live, simulated := stat.Estimate{}, stat.Estimate{}
		if e.N > 0 {
			live, simulated = at.estimate(figure.live), at.estimate(figure.simulated)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", c.name, ms(live), ms(simulated), ratio(e), a.agrees(e))
	}
	b.WriteString("\n")
}

// figureTable has the figures of a figure, and others of its points.
func (p *paper) figureTable(b *strings.Builder, f *figure) {
	fmt.Fprintf(b, "## %s\n\n![%s](%s.svg)\n\n", f.Title, f.Title, f.Name)
	fmt.Fprintf(b, "| policy | %s | runs | p50 live, ms | / simulated | / ideal | p95 live, ms | / simulated | / ideal | messages a task, live | simulated | processors that the fleet took |\n"+
		"|---|---|---|---|---|---|---|---|---|---|---|---|\n", strings.ReplaceAll(f.X, "-", " "))
	for _, c := range f.cells() {
		at := p.points[c]
		fmt.Fprintf(b, "| %s | %g | %d of %d |", c.Policy, f.x(c), len(at.counted), at.all)
		if len(at.counted) == 0 {
			b.WriteString(strings.Repeat(" – |", 9) + "\n")
			continue
		}
		for _, of := range []struct {
			live             func(*loadgen.Result) float64
			simulated, ideal func(*loadgen.Result) float64
		}{
			{columns()[0].live, func(r *loadgen.Result) float64 { return r.Bound.RatioSimulated.P50 }, func(r *loadgen.Result) float64 { return r.Bound.RatioIdeal.P50 }},
			{columns()[1].live, func(r *loadgen.Result) float64 { return r.Bound.RatioSimulated.P95 }, func(r *loadgen.Result) float64 { return r.Bound.RatioIdeal.P95 }},
		} {
			fmt.Fprintf(b, " %s | %s | %s |", ms(at.estimate(of.live)), ratio(at.estimate(of.simulated)), ratio(at.estimate(of.ideal)))
		}
		fmt.Fprintf(b, " %s | %s | %s |\n",
			count(at.estimate(func(r *loadgen.Result) float64 { return orNaN(r.MessagesPerTask) })),
			count(at.estimate(func(r *loadgen.Result) float64 { return r.Bound.Simulated.MessagesPerTask })),
			count(at.estimate(func(r *loadgen.Result) float64 { return orNaN(r.CPU.FleetS) / r.WallS })))
	}
	b.WriteString("\n± is half a 95 % interval over runs. That of a response is mostly what the runs' own arrivals differ by; in ratios, taken run by run, it cancels out, and so in the bars of the figure.\n\n")
}

// generator is what the generator itself can do.
func (p *paper) generator(b *strings.Builder) {
	c := p.plan.Capacity
	if c == nil {
		return
	}
	fmt.Fprintf(b, "## What the generator holds\n\n%s jobs a second of %s tasks with service %s, sent to a fleet of %s on the same machine."+
		" The 99th percentile of its lag must be at most %g ms, and it must take less CPU than the fleet.\n\n", number(c.Rate), c.Tasks, c.Service, c.fleetPlan, c.LagMS)
	b.WriteString("| run | tasks/s | lag p50, ms | lag p99, ms | CPU of the generator, µs a task | of the fleet | response p50, ms | p99, ms | holds |\n|---|---|---|---|---|---|---|---|---|\n")
	for i, r := range p.capacity {
		fmt.Fprintf(b, "| %d | %.0f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %s |\n", i+1, r.TasksPerS, r.LagMS.P50, r.LagMS.P99,
			r.CPU.GeneratorUS, orNaN(r.CPU.FleetUS), r.ResponseMS.P50, r.ResponseMS.P99, c.holds(r))
	}
	if len(p.capacity) == 0 {
		b.WriteString("\nNo run counts.\n")
	}
	b.WriteString("\n")
}

// holds says whether a run is as the plan wants the generator.
func (c *capacity) holds(r *loadgen.Result) string {
	if r.LagMS.P99 <= c.LagMS && len(r.Errors) == 0 && r.CPU.GeneratorUS < orNaN(r.CPU.FleetUS) {
		return holds
	}
	return fails
}

// flaws lists the runs that do not count.
func (p *paper) flaws(b *strings.Builder) {
	if p.flawed() == 0 {
		return
	}
	b.WriteString("## Runs that do not count\n\nThey are in no mean; figures show them as crosses.\n\n")
	for i := range p.measured {
		if m := &p.measured[i]; m.flaw != "" {
			fmt.Fprintf(b, "- %s: %s\n", &m.run, m.flaw)
		}
	}
}

// orNaN is a number that may not be known.
func orNaN(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// The forms of an estimate in a table.

func ms(e stat.Estimate) string    { return plusMinus(e, 1) }
func ratio(e stat.Estimate) string { return plusMinus(e, 3) }

// count is one without its interval.
func count(e stat.Estimate) string {
	return plusMinus(stat.Estimate{Mean: e.Mean, N: min(e.N, 1)}, 2)
}

func plusMinus(e stat.Estimate, digits int) string {
	if e.N == 0 || math.IsNaN(e.Mean) {
		return "–"
	}
	text := strconv.FormatFloat(e.Mean, 'f', digits, 64)
	if e.N > 1 {
		text += " ± " + strconv.FormatFloat((e.High-e.Low)/2, 'f', digits, 64)
	}
	return text
}
