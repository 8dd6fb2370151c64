package probe_test

import (
	"testing"

	"dunnock/probe"
)

// Offers serve where there are eight slots for each scheduler beyond five.
func TestOffersServe(t *testing.T) {
	for _, tt := range []struct {
		slots, schedulers int
		want              bool
	}{
		{0, 1, true}, // whoever is there first
		{0, 5, true},
		{1, 5, true},
		{7, 6, false},
		{8, 6, true},
		{39, 10, false},
		{40, 10, true},
		{21, 100, false},
		{759, 100, false},
		{760, 100, true},
		{4000, 100, true},
	} {
		if got := probe.OffersServe(tt.slots, tt.schedulers); got != tt.want {
			t.Errorf("%d slots, %d schedulers: %v", tt.slots, tt.schedulers, got)
		}
	}
}
