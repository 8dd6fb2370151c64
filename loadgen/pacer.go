package loadgen

import (
	"context"
	"time"

	"dunnock/internal/alarm"
)

// pacer wakes one goroutine when jobs are due. Go's own timers are up to 1 ms late when the process is idle, as a
// generator is between two jobs, so it has the kernel's alarm clock beside them.
type pacer struct {
	origin time.Time // of the run
	clock  *alarm.Clock
	zero   time.Duration // the origin on the clock
	timer  *time.Timer   // without a clock
}

// newPacer starts the run's time after a delay.
func newPacer(after time.Duration, noAlarm bool) *pacer {
	p := &pacer{}
	if !noAlarm {
		if c, err := alarm.New(); err == nil { // else Go's timers do
			p.clock = c
		}
	}
	p.origin = time.Now().Add(after)
	if p.clock != nil {
		p.zero = p.clock.Now() + after
	} else {
		p.timer = time.NewTimer(0)
	}
	return p
}

// now is the time since the start of the run.
func (p *pacer) now() time.Duration { return time.Since(p.origin) }

// until waits for a time since the start, or for the end of the context.
func (p *pacer) until(ctx context.Context, at time.Duration) {
	if p.clock != nil {
		p.clock.SleepUntil(ctx, p.zero+at)
		return
	}
	d := at - p.now()
	if d <= 0 {
		return
	}
	p.timer.Reset(d)
	select {
	case <-p.timer.C:
	case <-ctx.Done():
	}
}

func (p *pacer) close() {
	if p.clock != nil {
		p.clock.Close()
	} else {
		p.timer.Stop()
	}
}
