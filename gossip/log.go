package gossip

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"time"
)

// At most maxLogLines of memberlist's own lines are passed on in a
// logWindow: it logs per packet, and strangers can send packets.
const (
	maxLogLines = 20
	logWindow   = 10 * time.Second
)

// logWriter is where memberlist writes its log. Each line becomes a record with the message "memberlist" and the text
// as an attribute, one level below what memberlist calls it: its errors are about peers and the network, which it copes
// with, so none is an error of this process; its warnings are what we would note in passing, and the rest is for
// debugging memberlist.
type logWriter struct {
	log *slog.Logger

	// mu guards what follows. memberlist writes with locks of its own held.
	mu      sync.Mutex
	began   time.Time // of the window
	lines   int       // in the window
	dropped int       // in the window, after maxLogLines
	closed  bool
}

// Write takes one line: "2006/01/02 15:04:05 [WARN] memberlist: text".
func (w *logWriter) Write(line []byte) (int, error) {
	level, text := parseLogLine(line)
	if !w.log.Enabled(context.Background(), level) {
		return len(line), nil
	}
	dropped, ok := w.admit(time.Now())
	if !ok {
		return len(line), nil
	}
	attrs := []slog.Attr{slog.String("text", explained(text))}
	if dropped > 0 {
		attrs = append(attrs, slog.Int("dropped", dropped))
	}
	w.log.LogAttrs(context.Background(), level, "memberlist", attrs...)
	return len(line), nil
}

// admit says whether a line may pass now, and how many were dropped in the last window.
func (w *logWriter) admit(now time.Time) (dropped int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, false
	}
	if now.Sub(w.began) >= logWindow {
		dropped = w.dropped
		w.began, w.lines, w.dropped = now, 0, 0
	}
	if w.lines == maxLogLines {
		w.dropped++
		return 0, false
	}
	w.lines++
	return dropped, true
}

// close drops all further lines: once the sockets are closed memberlist complains of that.
func (w *logWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

func parseLogLine(line []byte) (slog.Level, string) {
	level := slog.LevelDebug
	rest := line
	if _, after, ok := bytes.Cut(line, []byte(" [")); ok {
		if tag, text, ok := bytes.Cut(after, []byte("] ")); ok {
			rest = text
			switch string(tag) {
			case "ERR", "ERROR":
				level = slog.LevelWarn
			case "WARN":
				level = slog.LevelInfo
			}
		}
	}
	rest = bytes.TrimPrefix(bytes.TrimSpace(rest), []byte("memberlist: "))
	return level, string(rest)
}
