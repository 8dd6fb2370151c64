package timer_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/internal/timer"
)

type owner struct {
	timer timer.Timer
	at    time.Duration
}

func (o *owner) Due() *timer.Timer { return &o.timer }

// The heap must agree with a sorted list, whatever is added, moved and removed.
func TestMatchesSortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h timer.Heap[*owner]
		var in, out []*owner
		at := rapid.Custom(func(t *rapid.T) time.Duration { return time.Duration(rapid.IntRange(0, 20).Draw(t, "at")) })
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				o := &owner{at: at.Draw(t, "at")}
				if len(out) > 0 { // what has left may come again
					o, out = out[0], out[1:]
				}
				in = append(in, o)
				h.Add(o.at, o)
			},
			"move": func(t *rapid.T) {
				if len(in) == 0 {
					t.Skip()
				}
				o := rapid.SampledFrom(in).Draw(t, "owner")
				o.at = at.Draw(t, "to")
				h.Move(&o.timer, o.at)
			},
			"remove": func(t *rapid.T) {
				if len(in) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(in)-1).Draw(t, "owner")
				h.Remove(&in[i].timer)
				h.Remove(&in[i].timer) // which it need not be in
				out = append(out, in[i])
				in = slices.Delete(in, i, i+1)
			},
			"": func(t *rapid.T) {
				if err := h.Check(func(o *owner) time.Duration { return o.at }); err != nil {
					t.Fatal(err)
				}
				want := timer.Never
				for _, o := range in {
					want = min(want, o.at)
					if !o.timer.Set() {
						t.Fatal("a timer that was added is not set")
					}
				}
				for _, o := range out {
					if o.timer.Set() {
						t.Fatal("a timer that was removed is set")
					}
				}
				if first, o := h.First(); len(h) != len(in) || first != want || o != nil && o.at != first {
					t.Fatalf("%d timers, the first at %v; want %d and %v", len(h), first, len(in), want)
				}
			},
		})
	})
}

func TestAfter(t *testing.T) {
	for _, c := range []struct{ now, d, want time.Duration }{
		{0, 0, 0},
		{1, 2, 3},
		{5, -2, 3},
		{1, timer.Never, timer.Never},
		{timer.Never, 0, timer.Never},
		{timer.Never, 1, timer.Never},
		{timer.Never - 2, 1, timer.Never - 1},
		{timer.Never - 1, 1, timer.Never},
	} {
		if got := timer.After(c.now, c.d); got != c.want {
			t.Errorf("%d after %d: got %d, want %d", c.d, c.now, got, c.want)
		}
	}
}
