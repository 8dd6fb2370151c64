package placement

import "time"

// Offers for brief apps. A worker whose attempts of an app take less than a message on its way offers more of that app than it has slots: a task that is launched on such an
// offer runs as soon as one of the others has ended. No slot is free for it, so they are used behind the offers of slots that are, and for nothing but
// that app. In all else they are offers: they are handed on to whose tasks have waited longest.

// briefLife is for how long such an offer is held. Its worker forgets it after 250 ms.
const briefLife = 200 * time.Millisecond

// appOf is the app that an offer is for; empty: it is for all.
func (c *Core) appOf(t *offer) string {
	if t.brief == 0 {
		return ""
	}
	return c.profiles[t.worker].offer.Apps[t.brief-1]
}

// forecastOf returns what is known of an app.
func (x *idle) forecastOf(app string) *forecast {
	f := x.forecasts[app]
	if f == nil {
		f = &forecast{}
		x.forecasts[app] = f
	}
	return f
}

// keepBrief holds an offer for a brief app, and drops those that are too old.
func (c *Core) keepBrief(now time.Duration, s *slot, t offer) {
	list := &c.idle.forecastOf(c.appOf(&t)).brief
	for list.len() > 0 {
		if first := list.at(0); c.good(first) && now < first.until {
			break
		}
		c.forget(list.shift())
	}
	s.state = slotBrief
	c.idle.brief++
	list.push(t)
}

// takeBrief takes the freshest offer for the app of a set. Those of one worker come together, so that what is launched at once goes out together too.
func (c *Core) takeBrief(now time.Duration, s *set) (offer, *worker, bool) {
	x := c.idle
	if x.brief == 0 {
		return offer{}, nil, false
	}
	f := x.forecasts[s.app]
	if f == nil {
		return offer{}, nil, false
	}
	list := &f.brief
	for i := list.len() - 1; i >= 0; i-- {
		t := list.at(i)
		w := &c.workers[t.worker]
		good := c.good(t) && now < t.until
		if good && !s.matches(c.offer(w)) {
			continue
		}
		taken := list.remove(i)
		if good {
			c.unoffer(&w.slots[taken.lane])
			return taken, w, true
		}
		c.forget(taken)
	}
	return offer{}, nil, false
}
