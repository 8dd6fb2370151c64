package workload

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// form takes a specification such as "pareto:10ms,1.5" apart. It reads one
// argument after the other and keeps the first fault.
type form struct {
	flag string // which flag the text belongs to, for errors
	text string
	kind string
	args []string
	next int
	err  error
}

// openForm splits s at its first colon and at commas after it. Spaces around an argument do not count.
func openForm(flag, s string) form {
	kind, rest, found := strings.Cut(s, ":")
	f := form{flag: flag, text: s, kind: strings.TrimSpace(kind)}
	if found {
		f.args = strings.Split(rest, ",")
	}
	return f
}

// arg returns the next argument. name is what errors call it.
func (f *form) arg(name string) string {
	if f.next >= len(f.args) {
		f.fail(name, "is missing")
		return ""
	}
	f.next++
	return strings.TrimSpace(f.args[f.next-1])
}

// duration reads a time of at least low and at most MaxService.
func (f *form) duration(name string, low time.Duration) time.Duration {
	s := f.arg(name)
	if f.err != nil {
		return 0
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		f.fail(name+":", "want a time with its unit, such as 100ms, got "+quote(s))
	case d < low || d > MaxService:
		f.fail(name+":", fmt.Sprintf("want %v to %v, got %v", low, MaxService, d))
	}
	return d
}

// float reads a number of at least low and at most high.
func (f *form) float(name string, low, high float64) float64 {
	s := f.arg(name)
	if f.err != nil {
		return 0
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !within(v, low, high) {
		f.fail(name+":", fmt.Sprintf("want a number from %g to %g, got %s", low, high, quote(s)))
	}
	return v
}

// integer reads a whole number of at least low and at most high.
func (f *form) integer(name string, low, high int) int {
	s := f.arg(name)
	if f.err != nil {
		return 0
	}
	v, err := strconv.Atoi(s)
	if err != nil || v < low || v > high {
		f.fail(name+":", fmt.Sprintf("want a whole number from %d to %d, got %s", low, high, quote(s)))
	}
	return v
}

func (f *form) fail(name, reason string) {
	if f.err == nil {
		f.err = fmt.Errorf("%s %s: %s %s", f.flag, quote(f.text), name, reason)
	}
}

// unknown says which forms the flag takes.
func (f *form) unknown(forms string) error {
	return fmt.Errorf("%s %s: want one of %s", f.flag, quote(f.text), forms)
}

// close returns the first fault. An argument that nobody read is one.
func (f *form) close() error {
	if f.err == nil && f.next < len(f.args) {
		return fmt.Errorf("%s %s: %s takes %d arguments, got %d", f.flag, quote(f.text), f.kind, f.next, len(f.args))
	}
	return f.err
}

var errUnset = errors.New("not set")

// quote shows text from outside in an error: on one line, without control characters, and not all of it if it is long.
func quote(s string) string {
	if len(s) > 60 {
		return strconv.Quote(s[:60]) + "…"
	}
	return strconv.Quote(s)
}

func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
