package main

import (
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// progress is one line on a terminal that is written over and over. Elsewhere it shows nothing.
type progress struct {
	w     io.Writer // nil: no terminal
	dirty bool      // something is shown
	next  time.Time // before it, a new percentage is not shown
}

// progressInterval keeps a fast terminal from being the slowest part.
const progressInterval = 100 * time.Millisecond

func newProgress(w io.Writer) *progress {
	if !isTerminal(w) {
		return &progress{}
	}
	return &progress{w: w}
}

func (p *progress) show(format string, args ...any) {
	if p.w == nil {
		return
	}
	fmt.Fprint(p.w, "\r\x1b[K"+fit(fmt.Sprintf(format, args...)+" …", columns(p.w)))
	p.dirty = true
}

// columns is how wide a terminal is.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// fit cuts a line so that it does not wrap: a wrapped one could not be written over.
func fit(line string, columns int) string {
	if utf8.RuneCountInString(line) < columns {
		return line
	}
	return string([]rune(line)[:max(columns-2, 0)]) + "…"
}

func (p *progress) percent(what string, done, of int) {
	if p.w == nil {
		return
	}
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(progressInterval)
		p.show("%s: %d of %d tasks, %d %%", what, done, of, done*100/of)
	}
}

// clear takes the line away, so that something else can be written.
func (p *progress) clear() {
	if p.dirty {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.dirty = false
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
