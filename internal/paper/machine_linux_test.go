package main

import (
	"testing"
	"time"
)

func TestProcessors(t *testing.T) {
	//                      user nice system idle iowait irq softirq steal guest guest_nice
	p := parseProcessors([]byte("cpu  100 20 30 1000 50 1 2 7 90 10\ncpu0 1 2 3\n"))
	if p == nil || p.busy != 160*tick || p.all != 1210*tick {
		t.Errorf("got %+v", p)
	}
	for _, text := range []string{"", "cpu 1 2 3\n", "intr 1 2 3 4 5 6 7 8 9\n", "cpu a b c d e f g h i\n"} {
		if p := parseProcessors([]byte(text)); p != nil {
			t.Errorf("%q: got %+v", text, p)
		}
	}
	if readProcessors() == nil {
		t.Error("this machine's processors are not known")
	}
}

// Of ten seconds on two processors, eight were busy, of which three were our own: five of twenty were somebody else's.
func TestOther(t *testing.T) {
	before, after := &processors{busy: time.Second, all: 5 * time.Second}, &processors{busy: 9 * time.Second, all: 25 * time.Second}
	if got := otherShare(before, after, 3*time.Second); got == nil || *got != 0.25 {
		t.Errorf("got %v", got)
	}
	if got := otherShare(before, after, 9*time.Second); got == nil || *got != 0 {
		t.Errorf("got %v", got)
	}
	if otherShare(nil, after, 0) != nil || otherShare(before, before, 0) != nil {
		t.Error("unknown, and a number")
	}
}
