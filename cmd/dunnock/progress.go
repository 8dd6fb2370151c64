package main

import (
	"fmt"
	"io"
	"os"
	"time"

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
	fmt.Fprintf(p.w, "\r\x1b[K"+format+" …", args...)
	p.dirty = true
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
