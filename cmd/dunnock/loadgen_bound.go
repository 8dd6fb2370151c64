package main

import (
	"errors"
	"time"

	"dunnock/loadgen"
)

// bound says what runs are set beside; nil if they are not.
func (c *loadgenRunCmd) bound(p *process, t *target, show *progress) (*loadgen.BoundConfig, error) {
	if !c.Bound {
		return nil, nil
	}
	sharing, _ := c.queue() // checkFleet has looked
	b := &loadgen.BoundConfig{From: "flags", Sharing: sharing}
	if c.NetDelay == nil || c.ClientDelay == nil || c.TaskOverhead == nil {
		b.From = "calibrated"
		found, err := t.calibrated(p.ctx, p, show, c.width())
		switch {
		case errors.Is(err, loadgen.ErrNoSleep):
			b.From = "none"
		case err != nil:
			return nil, err
		default:
			b.Net, b.Client, b.Overhead = found.Net, found.Client, found.Overhead
		}
	}
	c.delays(b)
	return b, nil
}

// width is how many tasks a job has on average, as far as that is known.
func (c *loadgenRunCmd) width() int {
	if c.Workload != "" {
		return int(c.meanTasks + 0.5)
	}
	return int(c.Tasks.Mean() + 0.5)
}

// delays sets those that flags give.
func (c *loadgenRunCmd) delays(b *loadgen.BoundConfig) {
	for _, f := range []struct {
		flag *time.Duration
		to   *time.Duration
	}{{c.NetDelay, &b.Net}, {c.ClientDelay, &b.Client}, {c.TaskOverhead, &b.Overhead}} {
		if f.flag != nil {
			*f.to = *f.flag
		}
	}
}
