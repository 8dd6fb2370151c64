package placement

import (
	"slices"
	"testing"

	"dunnock/probe"
)

func TestNewest(t *testing.T) {
	c := newCrowd(t, LateBinding, 2)
	first, second, third := c.submit(1), c.submit(1), c.submit(1)
	c.core.Cancel(c.now, second, nil)
	for most, want := range [][]probe.Ref{{}, {third}, {third, first}, {third, first}} {
		if got := c.core.Newest(most); !slices.Equal(got, want) {
			t.Errorf("of up to %d the newest are %#x, want %#x", most, got, want)
		}
	}
}
