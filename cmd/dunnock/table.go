package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// formatFlag is how a listing is printed.
type formatFlag struct {
	Format string `help:"table for people or json for programs." enum:"table,json" default:"table" placeholder:"FORMAT"`
}

// print writes v as JSON, or what table writes.
func (f formatFlag) print(w io.Writer, v any, table func(w *tabwriter.Writer)) error {
	if f.Format == "json" {
		return writeJSON(w, v)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	table(tw)
	return tw.Flush()
}

// writeJSON writes v indented, with a line break behind it.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// row writes cells of a table.
func row(w io.Writer, cells ...any) {
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(w, "\t")
		}
		s := fmt.Sprint(c)
		if s == "" {
			s = "-" // an empty last cell is hard to see
		}
		fmt.Fprint(w, s)
	}
	fmt.Fprintln(w)
}

// count is "1 task" or "2,500 tasks".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(int64(n)) + " " + noun + "s"
}

// thousands groups digits by commas.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if left := len(digits) - i; i > 0 && left%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// duration prints d with three significant digits or so: 350 µs, 12.3 ms, 4.56 s, 3m20s.
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + duration(-d)
	case d == 0:
		return "0 s"
	case d < time.Microsecond:
		return strconv.FormatInt(int64(d), 10) + " ns"
	case d < time.Millisecond:
		return significant(float64(d)/1e3) + " µs"
	case d < time.Second:
		return significant(float64(d)/1e6) + " ms"
	case d < time.Minute:
		return significant(float64(d)/1e9) + " s"
	default:
		return d.Round(time.Second).String()
	}
}

// significant prints x, of 0 to 1000, with three digits.
func significant(x float64) string {
	switch {
	case x >= 99.95:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64)
	default:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
}

// milliseconds prints a JSON duration.
func milliseconds(ms float64) string { return duration(time.Duration(ms * float64(time.Millisecond))) }

// size prints a number of bytes: 812 B, 1.5 KiB, 3.21 GiB.
func size(n int64) string {
	if n < 1<<10 {
		return strconv.FormatInt(n, 10) + " B"
	}
	x, unit := float64(n)/1024, 0
	for x >= 1000 && unit < 3 {
		x /= 1024
		unit++
	}
	return significant(x) + " " + [...]string{"KiB", "MiB", "GiB", "TiB"}[unit]
}

// printable returns text from outside for one line of a terminal: as it is, or quoted if it has
// control characters or is no text.
func printable(s string) string {
	for _, r := range s {
		if r == '\uFFFD' || !strconv.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}
