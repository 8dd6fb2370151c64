package gossip

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// logs is a log handler that keeps what an operator would see.
type logs struct {
	// mu guards what follows.
	mu     sync.Mutex
	lines  []string
	faults []string      // the error of each, or empty
	grown  chan struct{} // closed at the next line; nil: nobody waits
}

// Enabled takes what is shown by default.
func (l *logs) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle keeps the message, and the text of memberlist's.
func (l *logs) Handle(_ context.Context, r slog.Record) error {
	line, fault := r.Message, ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "error" {
			fault = a.Value.String()
		}
		if r.Message == "memberlist" && a.Key == "text" {
			line += ": " + a.Value.String()
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines, l.faults = append(l.lines, line), append(l.faults, fault)
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
	return nil
}

// WithAttrs keeps to the one list.
func (l *logs) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup keeps to the one list.
func (l *logs) WithGroup(string) slog.Handler { return l }

func (l *logs) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

func (l *logs) count(line string) int {
	n := 0
	for _, s := range l.all() {
		if s == line {
			n++
		}
	}
	return n
}

// wait returns when the line has been logged.
func (l *logs) wait(ctx context.Context, line string) error {
	return l.waitFor(ctx, func() bool { return slices.Contains(l.lines, line) })
}

// says returns when a line or an error with this in it has been logged.
func (l *logs) says(ctx context.Context, text string) error {
	has := func(s string) bool { return strings.Contains(s, text) }
	return l.waitFor(ctx, func() bool { return slices.ContainsFunc(l.lines, has) || slices.ContainsFunc(l.faults, has) })
}

// waitFor returns when what has been logged will do, which it asks with the lock held.
func (l *logs) waitFor(ctx context.Context, enough func() bool) error {
	for {
		l.mu.Lock()
		if enough() {
			l.mu.Unlock()
			return nil
		}
		if l.grown == nil {
			l.grown = make(chan struct{})
		}
		grown := l.grown
		l.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
