package scheduler

import (
	"testing"

	"pgregory.net/rapid"
)

// Records against a slice of them: what was written is read, of what was not nothing is known, and there is no memory
// for parts that nothing was written of.
func TestRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3*recordsOf+1).Draw(t, "tasks")
		r, want := records{n: n}, make([]record, n)
		for range rapid.IntRange(0, 5).Draw(t, "writes") {
			i, attempt := rapid.IntRange(0, n-1).Draw(t, "task"), rapid.Uint16Min(1).Draw(t, "attempt")
			r.write(i).attempt, want[i].attempt = attempt, attempt
		}
		held, parts := 0, make(map[int]bool)
		r.each(func(*record) { held++ })
		most := 0
		for i := range want {
			if got := r.read(i); got.attempt != want[i].attempt {
				t.Fatalf("task %d of %d: %d, want %d", i, n, got.attempt, want[i].attempt)
			}
			if part := i / recordsOf; want[i].attempt != 0 && !parts[part] {
				parts[part] = true
				most += min(recordsOf, n-part*recordsOf)
			}
		}
		if held != most || r.len() != n {
			t.Fatalf("%d records are held of %d, want %d", held, r.len(), most)
		}
	})
}
