package gossip

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemberlistLinesBecomeRecords(t *testing.T) {
	for line, want := range map[string]struct {
		level slog.Level
		text  string
	}{
		"2026/01/02 15:04:05 [DEBUG] memberlist: Stream connection from=127.0.0.1:1\n":      {slog.LevelDebug, "Stream connection from=127.0.0.1:1"},
		"2026/01/02 15:04:05 [INFO] memberlist: Suspect w1 has failed\n":                    {slog.LevelDebug, "Suspect w1 has failed"},
		"2026/01/02 15:04:05 [WARN] memberlist: Refuting [ERR] a suspect message\n":         {slog.LevelInfo, "Refuting [ERR] a suspect message"},
		"2026/01/02 15:04:05 [ERR] memberlist: Failed to receive: EOF\n":                    {slog.LevelWarn, "Failed to receive: EOF"},
		"2026/01/02 15:04:05 [ERROR] memberlist: Failed to encrypt local state: too long\n": {slog.LevelWarn, "Failed to encrypt local state: too long"},
		"2026/01/02 15:04:05 Err: Could not set the deadline: closed\n":                     {slog.LevelDebug, "2026/01/02 15:04:05 Err: Could not set the deadline: closed"},
		"": {slog.LevelDebug, ""},
	} {
		if level, text := parseLogLine([]byte(line)); level != want.level || text != want.text {
			t.Errorf("%q: %v %q", line, level, text)
		}
	}
}

// A stranger who sends nonsense all the time does not fill the log.
func TestLogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept logs
		w := &logWriter{log: slog.New(&kept)}
		write := func(line string) {
			if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
		}
		for range 1000 {
			write("2026/01/02 15:04:05 [ERR] memberlist: nonsense\n")
			write("2026/01/02 15:04:05 [DEBUG] memberlist: not shown, and not counted\n")
		}
		if lines := kept.all(); len(lines) != maxLogLines || lines[0] != "memberlist: nonsense" {
			t.Errorf("%d lines %q", len(lines), slices.Compact(lines))
		}
		time.Sleep(logWindow)
		if dropped, ok := w.admit(time.Now()); !ok || dropped != 1000-maxLogLines {
			t.Errorf("%d were dropped, %t", dropped, ok)
		}
		w.close()
		write("2026/01/02 15:04:05 [ERR] memberlist: use of closed network connection\n")
		if n := strings.Count(strings.Join(kept.all(), "\n"), "closed"); n != 0 {
			t.Error("a closed writer writes")
		}
	})
}
