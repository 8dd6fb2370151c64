package ack

import (
	"testing"
	"time"
)

// took returns an account with n results of so many bytes, of which all but some have reached their owners.
func took(cfg Config, n, bytes int, without ...uint64) Account {
	a := NewAccount(cfg)
	for seq := uint64(1); seq <= uint64(n); seq++ {
		a.Take(seq, bytes)
	}
	next := 0
	for seq := uint64(1); seq <= uint64(n); seq++ {
		if next < len(without) && seq == without[next] {
			next++
			continue
		}
		if up, due := a.Settle(seq); due {
			a.Acked(up)
		}
	}
	return a
}

// What is kept for an owner who may come holds up the acknowledgement of what is behind it until its time is over.
func TestKeep(t *testing.T) {
	t.Parallel()
	a := took(Config{}, 1000, 10, 101, 500)
	a.Keep(time.Second, 500)
	a.Keep(2*time.Second, 101)
	for _, step := range []struct {
		at   time.Duration
		kept int
		up   uint64
	}{
		{time.Second + DefaultKeepFor, 2, 100},
		{time.Second + DefaultKeepFor + 1, 1, 100},
		{2*time.Second + DefaultKeepFor, 1, 100},
		{2*time.Second + DefaultKeepFor + 1, 0, 1000},
		{time.Hour, 0, 1000},
	} {
		up, due := a.Expire(step.at)
		if due {
			a.Acked(up)
		}
		if a.Kept() != step.kept || a.Settled() != step.up || (a.Acknowledged() == 1000) != (step.up == 1000) {
			t.Errorf("at %v: %d kept, settled up to %d, acknowledged up to %d; want %d and %d", step.at, a.Kept(), a.Settled(), a.Acknowledged(), step.kept, step.up)
		}
	}
}

// A worker is not to keep too much for the sake of results that perhaps nobody comes for: then the oldest go first.
func TestKeepIsBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cfg   Config
		bytes int
	}{
		"results": {Config{Every: 1, MaxKept: 90}, 0},
		"bytes":   {Config{Every: 1000, Bytes: 10, MaxKeptBytes: 900}, 10},
	} {
		a := took(test.cfg, 90, test.bytes, 1, 20, 60)
		for _, seq := range []uint64{1, 20, 60} {
			a.Keep(0, seq)
		}
		if up, due := a.Expire(0); due || a.Kept() != 3 {
			t.Errorf("%s: at the bound it keeps %d; due %v up to %d", name, a.Kept(), due, up)
		}
		a.Take(91, test.bytes)
		up, due := a.Expire(0)
		if !due || up != 19 || a.Kept() != 2 {
			t.Errorf("%s: beyond the bound it keeps %d; due %v up to %d", name, a.Kept(), due, up)
		}
		a.Acked(up)
	}
}

// Nothing is kept of a worker that was given up, and what it does not keep itself is not kept.
func TestKeepNothing(t *testing.T) {
	t.Parallel()
	a := took(Config{}, 10, 0, 4)
	a.Keep(0, 4)
	a.Told(7)
	if up, due := a.Rest(); !due || up != 10 {
		t.Errorf("up to %d, %v, though the worker keeps no more up to 7", up, due)
	}
	a.Void()
	if a.Kept() != 0 {
		t.Errorf("%d kept of a worker that was given up", a.Kept())
	}
}

// However many results are kept, their worker keeps no more bytes for them than the bound, and some.
func TestKeptBytesAreBoundedTogether(t *testing.T) {
	t.Parallel()
	const limit, size = 64 << 10, 1 << 10
	a := NewAccount(Config{MaxKeptBytes: limit, Bytes: size})
	var most uint64
	for seq := uint64(1); seq <= 10_000; seq++ {
		a.Take(seq, size)
		if seq <= 1000 { // its owner is gone
			a.Keep(0, seq)
		} else if up, due := a.Settle(seq); due {
			a.Acked(up)
		}
		if up, due := a.Expire(0); due {
			a.Acked(up)
		}
		most = max(most, size*(seq-a.Acknowledged()))
	}
	if most > limit+limit/4 || most < limit/2 {
		t.Errorf("the worker keeps up to %d bytes; at most %d are to be", most, limit)
	}
	if a.Kept() != 0 || a.Acknowledged() != 10_000 {
		t.Errorf("in the end %d are kept, and the worker was told up to %d", a.Kept(), a.Acknowledged())
	}
}

// What is kept expires by when its owner left, in whatever order that is learnt.
func TestKeptSince(t *testing.T) {
	t.Parallel()
	a := NewAccount(Config{KeepFor: time.Second})
	for seq, since := range []time.Duration{3 * time.Second, time.Second, 2 * time.Second} {
		a.Take(uint64(seq+1), 1)
		a.Keep(since, uint64(seq+1))
	}
	for now, kept := range []int{3, 3, 3, 2, 1, 0} {
		if a.Expire(time.Duration(now) * time.Second); now >= 2 && a.Kept() != kept {
			t.Errorf("after %d s %d are kept, want %d", now, a.Kept(), kept)
		}
	}
}
