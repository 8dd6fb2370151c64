package sim_test

import (
	"testing"
	"time"

	"dunnock/sim"
)

// TestBriefTasksKeepSlotsBusy: where tasks take far less than a message, slots would be idle but for what is launched
// ahead: of 20 µs and hops of 0.5 ms each slot could do 2 in a round trip, at a load of 0.04. Whatever is beyond that
// would wait for ever longer.
func TestBriefTasksKeepSlotsBusy(t *testing.T) {
	t.Parallel()
	for _, schedulers := range []int{1, 2, 5} {
		r := simulate(t, sim.Config{
			Policy: "idle-offer", Workers: 2, Slots: 2, Schedulers: schedulers, NetDelay: 500 * time.Microsecond, Seed: 1,
		}, flags{tasks: "10", service: "const:20us", load: 0.2, jobs: 20_000, warmup: 10_000, seed: 1})
		if r.ResponseMS.P99 > 2.5 || r.MessagesPerTask > 3.5 {
			t.Errorf("%d schedulers: p99 of %.2f ms and %.2f messages a task, want next to two hops, and three messages", schedulers, r.ResponseMS.P99, r.MessagesPerTask)
		}
	}
}
