package sim_test

import (
	"testing"

	"dunnock/sim"
)

// TestCheck holds the simulator against closed forms, with less effort than the command.
func TestCheck(t *testing.T) {
	t.Parallel()
	lines, err := sim.Check(t.Context(), sim.CheckConfig{Seed: 1, Scale: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		t.Logf("%-60s theory %10.4f, measured %10.4f, %10.4f to %10.4f", l.Name, l.Theory, l.Measured, l.Low, l.High)
		if !l.OK {
			t.Errorf("%s: theory %g %s lies outside %g to %g", l.Name, l.Theory, l.Unit, l.Low, l.High)
		}
	}
}
