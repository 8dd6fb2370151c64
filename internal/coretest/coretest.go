// Package coretest runs the scripts of a pure core: stories in lines, each an event, with what the core wants done
// below it.
package coretest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// Machine is what the lines of a script go to: a core, and what its test keeps beside it.
type Machine interface {
	// Do carries a line out and returns what it shows, one thing a line.
	Do(l *Line) string
	// CheckInvariants is the core's. It is called after each line.
	CheckInvariants() error
}

// Run runs the scripts below a folder, each on a machine of its own. A script has blocks of the form
//
//	run
//	up w=1 slots=2
//	10ms submit job=a tasks=3 once
//	----
//
// of which the output repeats each line, with what it shows below. A line is a verb and its arguments; before them may
// stand the time, which otherwise stands still. An argument that the verb does not look at is an error.
func Run(t *testing.T, dir string, machine func() Machine) {
	t.Helper()
	datadriven.Walk(t, dir, func(t *testing.T, path string) {
		t.Helper()
		m, now := machine(), time.Duration(0)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			if d.Cmd != "run" {
				d.Fatalf(t, "unknown directive %q", d.Cmd)
			}
			var out strings.Builder
			for text := range strings.Lines(d.Input) {
				text = strings.TrimSpace(text)
				l := parse(text, now)
				l.Fatalf = func(format string, args ...any) {
					t.Helper()
					d.Fatalf(t, "%s: %s", text, fmt.Sprintf(format, args...))
				}
				fmt.Fprintln(&out, text)
				for shown := range strings.Lines(m.Do(l)) {
					fmt.Fprintln(&out, "  "+strings.TrimSpace(shown))
				}
				l.checkAll()
				if err := m.CheckInvariants(); err != nil {
					l.Fatalf("afterwards: %v", err)
				}
				now = l.Now
			}
			return out.String()
		})
	})
}

// Line is one line of a script.
type Line struct {
	Now    time.Duration // that of the line, or of the last one that had a time; who begins anew may set it back
	Verb   string
	Fatalf func(format string, args ...any) // ends the test, naming the line

	args  map[string]string
	asked map[string]bool
}

func parse(text string, now time.Duration) *Line {
	words := strings.Fields(text)
	if d, err := time.ParseDuration(words[0]); err == nil {
		now, words = d, words[1:]
	}
	l := &Line{Now: now, Verb: words[0], args: map[string]string{}, asked: map[string]bool{}}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		l.args[key] = value
	}
	return l
}

// Has reports whether an argument is given, with a value or without.
func (l *Line) Has(key string) bool {
	l.asked[key] = true
	_, given := l.args[key]
	return given
}

// Word returns an argument as it is, "" if it is not given.
func (l *Line) Word(key string) string { return l.WordOr(key, "") }

// WordOr returns an argument as it is, or another word if it is not given.
func (l *Line) WordOr(key, otherwise string) string {
	if l.Has(key) {
		return l.args[key]
	}
	return otherwise
}

// Int returns an argument that is a whole number.
func (l *Line) Int(key string, otherwise int) int {
	if !l.Has(key) {
		return otherwise
	}
	n, err := strconv.Atoi(l.args[key])
	if err != nil {
		l.Fatalf("%s: %v", key, err)
	}
	return n
}

// Duration returns an argument that is a duration, such as 10ms.
func (l *Line) Duration(key string, otherwise time.Duration) time.Duration {
	if !l.Has(key) {
		return otherwise
	}
	d, err := time.ParseDuration(l.args[key])
	if err != nil {
		l.Fatalf("%s: %v", key, err)
	}
	return d
}

func (l *Line) checkAll() {
	for key := range l.args {
		if !l.asked[key] {
			l.Fatalf("unknown argument %q", key)
		}
	}
}
