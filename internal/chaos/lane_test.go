package main

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestLanes(t *testing.T) {
	fault := func(kind string, targets ...string) *planned {
		p := &planned{targets: targets}
		p.kind.name = kind
		return p
	}
	for _, tt := range []struct {
		name             string
		running, next    *planned
		all, waits, solo bool
	}{
		{"others", fault("kill", "w1"), fault("stop", "w2"), false, false, false},
		{"the same node", fault("kill", "w1", "w2"), fault("stop", "w2"), false, true, false},
		{"another scheduler, and one is left", fault("kill", "s1"), fault("stop", "s2"), false, false, false},
		{"all schedulers", fault("kill", "s1"), fault("cut", "s2", "w1"), false, true, true},
		{"one kind twice", fault("black-hole"), fault("black-hole"), false, true, false},
		{"everybody", fault("kill", "w1"), fault("drain"), true, true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			schedulers := 3
			if tt.solo {
				schedulers = 2
			}
			l := newLanes(schedulers)
			leave, err := l.enter(t.Context(), tt.running, false)
			if err != nil {
				t.Fatal(err)
			}
			entered := false
			go func() {
				next, err := l.enter(t.Context(), tt.next, tt.all)
				if err != nil {
					t.Error(err)
					return
				}
				entered = true
				next()
			}()
			synctest.Wait()
			if entered == tt.waits {
				t.Errorf("%s: entered %t", tt.name, entered)
			}
			leave()
			synctest.Wait()
			if !entered {
				t.Errorf("%s: it waits though nobody is left", tt.name)
			}
		})
	}
}

func TestLanesEnd(t *testing.T) {
	l := newLanes(1)
	one := &planned{targets: []string{"s1"}} // the only scheduler may be hit, when nothing else is
	if _, err := l.enter(t.Context(), one, false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.enter(ctx, one, false); err == nil {
		t.Error("a run that is over waits on")
	}
}
