package ack

import "testing"

// A job stops with more to read than the limit, and goes on when half of that was read, and not before.
func TestCredit(t *testing.T) {
	t.Parallel()
	var c Credit
	for _, step := range []struct {
		bytes int64 // sent; below 0: read
		want  bool  // over, or low
	}{
		{600, false},
		{400, false},
		{1, true},
		{5000, true},
		{-5000, false},
		{-400, false},
		{-100, false},
		{-1, true},
		{-500, true},
		{1000, false},
		{1, true},
	} {
		var got bool
		if step.bytes > 0 {
			got = c.Send(step.bytes, 1000)
		} else {
			got = c.Read(-step.bytes, 1000)
		}
		if got != step.want {
			t.Errorf("%d bytes, now %d: %v", step.bytes, c.Unread(), got)
		}
	}
	if c.Unread() != 1001 || !c.Over(1000) || c.Over(1001) {
		t.Errorf("%d bytes to read", c.Unread())
	}
}
