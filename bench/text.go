package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// text writes the report as Markdown, which a terminal shows well enough.
func (r *report) text(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Side by side\n\n")
	fmt.Fprintf(&b, "What `%s` measured; words about it are in [the results](README.md).\n\n", r.Command)
	fmt.Fprintf(&b, "%s, %s, dunnock %s; %s to %s UTC. Something else took %.1f %% of the processors in the middle run.\n\n",
		r.Machine, r.Go, r.Version, r.From.Format("2006-01-02 15:04"), r.To.Format("2006-01-02 15:04"), 100*r.Other)
	b.WriteString("Each figure is the median over rounds (the lowest to the highest). CPU is that of client, broker and workers together. " +
		"Ratios are Dunnock's figure over that of the line, round by round: above 1 it has more tasks, or more cost and longer responses.\n\n")
	b.WriteString("| contender | is | here | lacks |\n|---|---|---|---|\n")
	for _, c := range contenders() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.name, c.what, c.setup, c.lacks)
	}
	if r.figure() != nil {
		b.WriteString("\n![Median and 99th percentile of the response over that of an omniscient queue, against load](rivals.svg)\n")
	}
	for i := range r.Cells {
		c := &r.Cells[i]
		fmt.Fprintf(&b, "\n## %s\n\n%s. ", c.Cell, c.About)
		fmt.Fprintf(&b, "%d rounds, all processes with %s.\n\n", c.rounds(), strings.Join(c.Precedence, " or "))
		switch {
		case c.sleep:
			c.sleepTable(&b)
		case c.open:
			c.lowTable(&b)
		default:
			c.closedTable(&b)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// rounds is how many most contenders have.
func (c *cellRows) rounds() (most int) {
	for _, r := range c.Rows {
		most = max(most, r.Rounds)
	}
	return most
}

func (c *cellRows) closedTable(b *bytes.Buffer) {
	b.WriteString("| contender | tasks/s | CPU a task, µs | client, broker, workers | job p50 | p99 | tasks/s, ratio | CPU, ratio |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range c.Rows {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", r.Contender, r.TasksPerS.with(count), r.CPUUS.with(digits), r.parts(),
			r.P50US.with(duration), r.P99US.with(duration), r.TasksRatio.with(digits), r.CPURatio.with(digits))
	}
}

func (c *cellRows) lowTable(b *bytes.Buffer) {
	b.WriteString("| contender | job p50 | p99 | CPU a task, µs | client, broker, workers | p50, ratio | p99, ratio | CPU, ratio |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range c.Rows {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", r.Contender, r.P50US.with(duration), r.P99US.with(duration), r.CPUUS.with(digits), r.parts(),
			r.P50Ratio.with(digits), r.P99Ratio.with(digits), r.CPURatio.with(digits))
	}
}

func (c *cellRows) sleepTable(b *bytes.Buffer) {
	b.WriteString("| contender | job p50 | p95 | p99 | p50 / bound | p95 / bound | p99 / bound | p99, ratio | CPU a task, µs |\n|---|---|---|---|---|---|---|---|---|\n")
	for i, r := range c.Rows {
		if i == 0 {
			fmt.Fprintf(b, "| *bound* | %s | %s | %s | 1 | 1 | 1 | | |\n", r.BoundP50US.with(duration), r.BoundP95US.with(duration), r.BoundP99US.with(duration))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.Contender, r.P50US.with(duration), r.P95US.with(duration), r.P99US.with(duration),
			r.P50OfBound.with(digits), r.P95OfBound.with(digits), r.P99OfBound.with(digits), r.P99Ratio.with(digits), r.CPUUS.with(digits))
	}
}

// parts is where the processor time goes.
func (r *row) parts() string {
	broker := "–"
	if r.BrokerUS.Median > 0 {
		broker = digits(r.BrokerUS.Median)
	}
	return digits(r.ClientUS.Median) + ", " + broker + ", " + digits(r.WorkersUS.Median)
}

// with is the spread in a form for its values.
func (s spread) with(form func(float64) string) string {
	if s.Low == s.High {
		return form(s.Median)
	}
	return form(s.Median) + " (" + form(s.Low) + " to " + form(s.High) + ")"
}

// digits has three that count.
func digits(v float64) string {
	switch {
	case v >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// count has thousands apart.
func count(v float64) string {
	if v >= 10_000 {
		v = float64(int64(v/100+0.5)) * 100
	}
	text := strconv.FormatInt(int64(v+0.5), 10)
	var b strings.Builder
	for i, c := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// duration of microseconds.
func duration(us float64) string {
	switch {
	case us >= 1e6:
		return digits(us/1e6) + " s"
	case us >= 1e3:
		return digits(us/1e3) + " ms"
	default:
		return digits(us) + " µs"
	}
}
