package heap

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func nextGC() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NextGC
}

// With the floor a small heap is left to grow to 32 MiB; without it, or where the operator has said how much memory
// there is, it is not.
func TestFloor(t *testing.T) {
	t.Setenv("GOGC", "")
	release := Floor()
	if next := nextGC(); next < 2*floor {
		t.Errorf("with the floor the next collection is at %d bytes, want %d at least", next, 2*floor)
	}
	release()
	for name, set := range map[string]func(*testing.T){
		"nothing": func(*testing.T) { release = func() {} },
		"GOGC":    func(t *testing.T) { t.Setenv("GOGC", "100"); release = Floor() },
		"GOMEMLIMIT": func(t *testing.T) {
			before := debug.SetMemoryLimit(leastLimit - 1)
			t.Cleanup(func() { debug.SetMemoryLimit(before) })
			release = Floor()
		},
	} {
		t.Run(name, func(t *testing.T) {
			set(t)
			if next := nextGC(); next >= 2*floor {
				t.Errorf("the next collection is at %d bytes", next)
			}
			release()
		})
	}
}
