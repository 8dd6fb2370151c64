package ack

import (
	"testing"

	"pgregory.net/rapid"
)

// TestMass holds what is known of bytes against the sum of all sizes: it is never less, and not much more unless there
// is too much to note.
func TestMass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const every = 100
		var m mass
		sizes := []int64{0} // by number
		forgotten := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				n := rapid.IntRange(0, 60).Draw(t, "bytes")
				sizes = append(sizes, int64(n))
				m.add(n, uint64(len(sizes)-1), every)
			},
			"forget": func(t *rapid.T) {
				forgotten = rapid.Uint64Range(forgotten, uint64(len(sizes)-1)).Draw(t, "seq")
				m.forget(forgotten)
			},
			"": func(t *rapid.T) {
				seq := rapid.Uint64Range(forgotten, uint64(len(sizes)-1)).Draw(t, "behind")
				exact := int64(0)
				for _, n := range sizes[seq+1:] {
					exact += n
				}
				got := m.since(seq)
				if got < exact || (len(m.notes) < maxNotes && got > exact+every+60) {
					t.Fatalf("%d bytes since %d of %d, want %d to %d more; %d notes", got, seq, len(sizes)-1, exact, every+60, len(m.notes))
				}
				if len(m.notes) > maxNotes {
					t.Fatalf("%d notes", len(m.notes))
				}
			},
		})
	})
}

// With more to note than there is room for, what is behind the last note is known all the same.
func TestMassIsBounded(t *testing.T) {
	t.Parallel()
	var m mass
	for seq := uint64(1); seq <= 10*maxNotes; seq++ {
		m.add(100, seq, 100)
	}
	if got := m.since(10 * maxNotes); len(m.notes) != maxNotes || got != 0 {
		t.Errorf("%d notes; %d bytes behind the last", len(m.notes), got)
	}
	if got := m.since(1); got != 100*(10*maxNotes-1) {
		t.Errorf("%d bytes behind the first", got)
	}
}
