package queue

import (
	"testing"
	"time"

	"dunnock/probe"
)

// Slots that are free for long are offered anew ever more rarely, so that a fleet with nothing to do costs next to nothing; but all of them are,
// since any offer may have been lost.
func TestIdleSlotsAreQuiet(t *testing.T) {
	const slots, lasts = 8, time.Hour
	c := New(Config{Slots: slots, Offers: true, Seed: 1})
	c.SchedulerUp(0, 1, 0, nil)
	c.OffersTo(0, 1, nil)
	var last [2 * slots]time.Duration
	wakes, longest := 0, time.Duration(0)
	for {
		now, ok := c.NextWake()
		if !ok {
			t.Fatal("no offer is made anew any more")
		}
		if now > lasts {
			break
		}
		wakes++
		for _, e := range c.Tick(now, nil) {
			if e.Kind == EffectOffer {
				longest = max(longest, now-last[e.Slot])
				last[e.Slot] = now
			}
		}
		if err := c.CheckInvariants(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range slots {
		longest = max(longest, lasts-last[i])
	}
	made := c.OfferStats().Offers
	t.Logf("%d offers and %d wakes in %v, %v apart at most", made, wakes, lasts, longest)
	if most := uint64(slots * 55); made > most || wakes > int(most) || longest > probe.Life(probe.MaxRenewed)+renewSpread {
		t.Errorf("%d offers and %d wakes in %v, %v apart at most; want %d at most, and %v", made, wakes, lasts, longest, most, probe.Life(probe.MaxRenewed)+renewSpread)
	}
}
