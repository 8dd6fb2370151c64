package loadgen

import (
	"testing"
	"time"

	"dunnock/loadgen/workload"
)

// TestRetriesAreNotBusyTime: what was refused at first, and taken later, keeps no slot busy before.
func TestRetriesAreNotBusyTime(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, 1, 1, func(b *bubble) {
		b.config.Timeout = 4 * time.Second
		r := b.run(b.t.Context(), b.source("2", "const:100ms", "const", 10, workload.Window{Jobs: 100}))
		if r.AcceptMS.Max < 100 {
			b.t.Errorf("jobs were accepted in %g ms at most: none was tried again", r.AcceptMS.Max)
		}
		near(b.t, "utilisation", r.Utilization, 1, 0.02)
	})
}
