package client

import "time"

// clock wakes the core. Client.mu guards it.
type clock struct {
	running bool
	timer   *time.Timer
	armed   time.Duration // when the timer fires; 0: it is not set
}

func (k *clock) start() {
	k.running = true
	k.timer = time.NewTimer(time.Hour)
	k.timer.Stop()
}

// stop has keepTime find out that the client is closed.
func (k *clock) stop() {
	if k.running {
		k.timer.Reset(0)
	}
}

// arm sees to it that the timer fires by a time. It may fire earlier: most jobs end long before the time they asked
// for, and setting a timer for each would cost more than waking for nothing now and then.
func (k *clock) arm(now, next time.Duration) {
	if k.armed != 0 && k.armed <= next {
		return
	}
	k.armed = max(next, now, 1)
	k.timer.Reset(k.armed - now)
}

// keepTime wakes the core when it asked to be.
func (c *Client) keepTime() {
	var t turn
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.clock.timer.C:
		}
		now, ok := c.enter()
		if !ok {
			return
		}
		c.clock.armed = 0
		t.effects = c.core.Tick(now, t.effects)
		c.exit(now, &t)
		t.batch.Flush()
	}
}
