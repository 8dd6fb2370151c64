package ledger

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

func TestStalled(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0: 0, 50 * time.Millisecond: 0, 499 * time.Millisecond: 0, 500 * time.Millisecond: 450 * time.Millisecond, 3 * time.Second: 2950 * time.Millisecond,
	} {
		if got := stalled(7, 7+int64(took)); got != int64(want) {
			t.Errorf("a nap of %v: %v too long, want %v", took, time.Duration(got), want)
		}
	}
}

func TestWatchStallsEnds(t *testing.T) {
	w, err := Open(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := WatchStalls(ctx, w, "w1", 1); err != nil {
		t.Error(err)
	}
}
