package ack

import "testing"

// Results are acknowledged when they have reached their owners, many with one message, and none before all that came
// before it.
func TestSettle(t *testing.T) {
	t.Parallel()
	a := NewAccount(Config{})
	acked := uint64(0)
	settle := func(from, to uint64) {
		for n := from; n <= to; n++ {
			if up, due := a.Settle(n); due {
				a.Acked(up)
				acked = up
			}
		}
	}
	for n := range uint64(1000) {
		a.Take(n+1, 0) // they are here, which is not enough
	}
	const every = DefaultEvery
	for _, step := range []struct{ from, to, acked uint64 }{
		{1, every - 1, 0},
		{every, every, every},
		{every + 2, 5 * every, every}, // one is missing
		{every + 1, every + 1, 5 * every},
	} {
		if settle(step.from, step.to); acked != step.acked {
			t.Errorf("%d to %d: acknowledged up to %d, want %d", step.from, step.to, acked, step.acked)
		}
	}
}

// Few large results are acknowledged before many small ones: a worker keeps a bounded number of bytes.
func TestSettleBytes(t *testing.T) {
	t.Parallel()
	a := NewAccount(Config{Every: 100, Bytes: 1000})
	for n, want := range []bool{false, false, true, false, false, true} {
		seq := uint64(n + 1)
		a.Take(seq, 400)
		up, due := a.Settle(seq)
		if due != want || up != seq {
			t.Errorf("after %d results of 400 bytes: due %v up to %d", seq, due, up)
		}
		if due {
			a.Acked(up)
		}
	}
	a.Take(8, 5000) // and 7 has not come: there is nothing to say
	if up, due := a.Settle(8); due {
		t.Errorf("due up to %d, and was acknowledged up to 6", up)
	}
}

// What is left over can be had when nothing more comes.
func TestRest(t *testing.T) {
	t.Parallel()
	a := NewAccount(Config{})
	a.Take(1, 0)
	if up, due := a.Rest(); due {
		t.Errorf("up to %d, and nothing has reached its owner", up)
	}
	a.Settle(1)
	a.Settle(3)
	if up, due := a.Rest(); !due || up != 1 {
		t.Errorf("up to %d, %v", up, due)
	}
	a.Acked(1)
	if _, due := a.Rest(); due {
		t.Error("due once more")
	}
}

// What a worker does not keep any more holds nothing up, and an acknowledgement that it has not got is repeated.
func TestTold(t *testing.T) {
	t.Parallel()
	a := NewAccount(Config{})
	for n := uint64(1); n <= 4; n++ {
		a.Take(n, 0)
	}
	for _, n := range []uint64{1, 3, 4} { // 2 was on its way to a client that is gone
		a.Settle(n)
	}
	a.Acked(1)
	a.Told(2) // its time was over
	if up, due := a.Rest(); !due || up != 4 || a.Taken() != 4 {
		t.Errorf("up to %d, %v, and has come up to %d; want 4", up, due, a.Taken())
	}
	a.Acked(4)
	a.Told(2) // that was lost
	if up, due := a.Rest(); !due || up != 4 {
		t.Errorf("again: up to %d, %v", up, due)
	}
	a.Told(9) // beyond all that has come: it was reported, and then lost with its connection and its time
	if up, due := a.Rest(); due || a.Taken() != 9 || up != 9 {
		t.Errorf("up to %d, %v, and has come up to %d; want 9, and nothing due", up, due, a.Taken())
	}
}

// With a worker that was given up the count begins anew.
func TestVoid(t *testing.T) {
	t.Parallel()
	a := NewAccount(Config{Every: 2})
	for n := uint64(1); n <= 3; n++ {
		a.Take(n, 10)
		a.Settle(n)
	}
	a.Acked(3)
	a.Void()
	if up, due := a.Rest(); due || a.Taken() != 0 || a.Settled() != 0 {
		t.Errorf("up to %d, %v, taken %d, settled %d", up, due, a.Taken(), a.Settled())
	}
	a.Take(1, 10)
	if _, due := a.Settle(1); due {
		t.Error("one result is too few")
	}
	if up, due := a.Settle(2); !due || up != 2 {
		t.Errorf("up to %d, %v", up, due)
	}
}
