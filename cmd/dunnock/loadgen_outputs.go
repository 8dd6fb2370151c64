package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"dunnock/loadgen"
	"dunnock/loadgen/report"
)

// outputs are the files of a run.
type outputs struct{ csv, hgrm, html, record *output }

// open opens the files that were asked for, before anything runs.
func (c *loadgenRunCmd) open() (*outputs, error) {
	out := &outputs{}
	for _, f := range []struct {
		flag, path string
		to         **output
	}{{"csv", c.CSV, &out.csv}, {"hgrm", c.Hgrm, &out.hgrm}, {"html", c.HTML, &out.html}, {"record", c.Record, &out.record}} {
		if f.path == "" {
			continue
		}
		o, err := newOutput(f.flag, f.path)
		if err != nil {
			out.discard()
			return nil, err
		}
		if slices.ContainsFunc(out.all(), o.same) {
			o.discard()
			out.discard()
			return nil, usagef("--%s: %s is where another output goes already", f.flag, f.path)
		}
		*f.to = o
	}
	return out, nil
}

func (o *outputs) all() []*output { return []*output{o.csv, o.hgrm, o.html, o.record} }

func (o *outputs) discard() {
	for _, f := range o.all() {
		f.discard()
	}
}

// write completes the files. With an error, none of them that was not there before is left.
func (c *loadgenRunCmd) write(out *outputs, results []*loadgen.Result) error {
	if out.hgrm != nil {
		if err := writeHgrm(out.hgrm, results); err != nil {
			return fmt.Errorf("--hgrm: %w", err)
		}
	}
	if out.html != nil {
		if err := report.WriteHTML(out.html, results, report.Options{Command: commandLine()}); err != nil {
			return fmt.Errorf("--html: %w", err)
		}
	}
	flags := [...]string{"csv", "hgrm", "html", "record"}
	for _, step := range []func(*output) error{(*output).complete, (*output).commit} { // all are complete before one appears
		for i, o := range out.all() {
			if err := step(o); err != nil {
				return fmt.Errorf("--%s: %w", flags[i], err)
			}
		}
	}
	return nil
}

// writeHgrm writes the distribution of all runs together.
func writeHgrm(w io.Writer, results []*loadgen.Result) error {
	sum, err := loadgen.MergeHistograms(results)
	if err != nil {
		return err
	}
	_, err = sum.PercentilesPrint(w, 5, float64(time.Millisecond))
	return err
}

// commandLine is what this process was called with.
func commandLine() string {
	words := append(make([]string, 0, len(os.Args)), "dunnock")
	for _, w := range os.Args[1:] {
		if strings.ContainsAny(w, " '\"$&|;<>(){}*?~`\\") || w == "" {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}
