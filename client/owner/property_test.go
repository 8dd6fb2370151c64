package owner

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestPromises lets anything happen to an owner, right and wrong, and then heals everything: the books must agree after
// each step, and every job must end.
func TestPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }
		m := newMachine(uint64(pick(1000)), 1+pick(4), pick)
		t.Repeat(map[string]func(*rapid.T){
			"events": func(t *rapid.T) {
				for range 4 {
					if err := m.step(); err != nil {
						t.Fatal(err)
					}
				}
			},
		})
		if err := m.heal(); err != nil {
			t.Fatal(err)
		}
	})
}

// run is a longer life out of one seed.
func run(seed uint64, without protection) (*machine, error) {
	rng := rand.New(rand.NewPCG(seed, 2))
	m := newMachine(seed, 1+rng.IntN(5), rng.IntN)
	m.core.without = without
	for range 400 {
		if err := m.step(); err != nil {
			return m, err
		}
		if err := m.tick(); err != nil {
			return m, err
		}
		if err := m.late(); err != nil {
			return m, err
		}
	}
	return m, m.heal()
}

// TestPromisesForLong does the same in fewer and longer lives, and requires that they reach everything.
func TestPromisesForLong(t *testing.T) {
	var sum Stats
	for seed := range uint64(300) {
		m, err := run(seed, 0)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		s := m.core.Stats()
		sum.Done += s.Done
		sum.Refused += s.Refused
		sum.HandedOn += s.HandedOn
		sum.Refusals += s.Refusals
		sum.Superseded += s.Superseded
		sum.Lost += s.Lost
		sum.Unreachable += s.Unreachable
		sum.Outcomes += s.Outcomes
		sum.Ended += s.Ended
		sum.Stale += s.Stale
	}
	t.Logf("%+v", sum)
	for name, n := range map[string]uint64{
		"Done": sum.Done, "Refused": sum.Refused, "HandedOn": sum.HandedOn, "Refusals": sum.Refusals, "Superseded": sum.Superseded,
		"Lost": sum.Lost, "Unreachable": sum.Unreachable, "Outcomes": sum.Outcomes, "Ended": sum.Ended, "Stale": sum.Stale,
	} {
		if n < 100 {
			t.Errorf("the runs reached %s %d times", name, n)
		}
	}
}

// Each protection is needed: without it, the books disagree.
func TestWithoutProtection(t *testing.T) {
	for without := protectEpoch; without <= protectRetryWait; without++ {
		t.Run(fmt.Sprint(without), func(t *testing.T) {
			for seed := range uint64(300) {
				if _, err := run(seed, without); err != nil {
					t.Logf("seed %d: %v", seed, err)
					return
				}
			}
			t.Error("nothing notices that it is gone")
		})
	}
}

// Two cores that see the same decide the same.
func TestDeterminism(t *testing.T) {
	for seed := range uint64(20) {
		a, _ := run(seed, 0)
		b, _ := run(seed, 0)
		if a.core.Stats() != b.core.Stats() || a.now != b.now || len(a.all) != len(b.all) {
			t.Fatalf("seed %d: %+v and %+v", seed, a.core.Stats(), b.core.Stats())
		}
	}
}
