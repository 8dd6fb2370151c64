package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// tolerance is by what part a count may grow: bytes are means that `go test` rounds, and what is counted for
// each task of a live fleet depends a little on whose turn it was.
func tolerance(unit string) float64 {
	if strings.HasSuffix(unit, "/task") {
		return 0.03
	}
	return 0.01
}

// madeBy begins the first line of a baseline; the Go release follows.
const madeBy = "# Counts by "

// release is the Go release that made a baseline, if it says so.
func release(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	rest, is := strings.CutPrefix(first, madeBy)
	if !is {
		return ""
	}
	version, _, _ := strings.Cut(rest, ". ")
	return version
}

// verdict is what a comparison has come to, each a line for people.
type verdict struct {
	compared            int
	worse, better       []string
	gone, notInBaseline []string
}

// String says all of it.
func (v verdict) String() string {
	var b strings.Builder
	section := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "%s:\n  %s\n", title, strings.Join(lines, "\n  "))
		}
	}
	section("more than in "+baseline, v.worse)
	section("in "+baseline+", and no longer counted", v.gone)
	section("less than in "+baseline+" (`make bench-accept` keeps it so)", v.better)
	section("not yet in "+baseline+" (`make bench-accept` adds it)", v.notInBaseline)
	fmt.Fprintf(&b, "%d counts compared: %d are more, %d less\n", v.compared, len(v.worse), len(v.better))
	return b.String()
}

// fault is the error if something costs more than in the baseline or is not counted any more.
func (v verdict) fault(made, here string) error {
	if len(v.worse)+len(v.gone) == 0 {
		return nil
	}
	text := "tasks cost more than in " + baseline + ". If that is meant: `make bench-accept`, and say in the commit why"
	if len(v.worse) == 0 {
		text = "what " + baseline + " has is not counted any more. If that is meant: `make bench-accept`"
	}
	if made != here {
		text += fmt.Sprintf(". The baseline was made with %s, and this is %s: a compiler may allocate differently", made, here)
	}
	return errors.New(text)
}

// judge reads benchstat's CSV: tables with a head of two lines and the columns package and name, was, CI, now, CI,
// difference, p.
func judge(table string) (verdict, error) {
	var v verdict
	r := csv.NewReader(strings.NewReader(table))
	r.FieldsPerRecord = -1
	unit := ""
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return v, fmt.Errorf("what benchstat has printed: %w", err)
		}
		if at := slices.Index(row, "CI"); at > 0 && row[0] == "" {
			unit = row[at-1]
			continue
		}
		if len(row) < 2 || row[0] == "" || row[0] == "geomean" {
			continue
		}
		if err := v.add(unit, row); err != nil {
			return v, err
		}
	}
	if v.compared == 0 {
		return v, errors.New("benchstat has compared nothing")
	}
	return v, nil
}

// add takes one row.
func (v *verdict) add(unit string, row []string) error {
	row = append(row, make([]string, max(0, 7-len(row)))...)
	name := row[0]
	if row[1] == "" {
		v.notInBaseline = append(v.notInBaseline, name+" "+unit)
		return nil
	}
	if row[3] == "" {
		v.gone = append(v.gone, name+" "+unit)
		return nil
	}
	was, err := strconv.ParseFloat(row[1], 64)
	if err != nil {
		return fmt.Errorf("what benchstat has printed: %w", err)
	}
	now, err := strconv.ParseFloat(row[3], 64)
	if err != nil {
		return fmt.Errorf("what benchstat has printed: %w", err)
	}
	v.compared++
	if row[5] == "~" {
		return nil
	}
	line := fmt.Sprintf("%s: %s %s, was %s", name, plain(now), unit, plain(was))
	switch {
	case now > was*(1+tolerance(unit)):
		v.worse = append(v.worse, line)
	case now < was*(1-tolerance(unit)):
		v.better = append(v.better, line)
	}
	return nil
}

// plain writes a count with all its digits.
func plain(count float64) string { return strconv.FormatFloat(count, 'f', -1, 64) }
