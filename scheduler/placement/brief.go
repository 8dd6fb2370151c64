package placement

import (
	"maps"
	"time"
)

// Offers for brief apps. A worker whose attempts of an app take less than a message on its way offers more of that app
// than it has slots: a task that is launched on such an offer runs as soon as one of the others has ended. No slot is
// free for it, so they are used behind the offers of slots that are, and for nothing but that app. In all else they are
// offers: they are handed on to whose tasks have waited longest.
//
// But where tasks take next to nothing a free slot is worth nothing either, and what they cost is messages: 64 workers
// of one slot that are each launched on in turn get a task or two with each write, a few of them that are launched on
// again and again get tens. So a worker that has just made such an offer goes ahead of the slots that are free
// elsewhere, for as long as all that was launched there keeps a task from its turn for no longer than an eighth of a
// hop.

const (
	// briefLife is for how long such an offer is held. Its worker forgets it after 250 ms.
	briefLife = 200 * time.Millisecond
	// aheadShare is what part of a hop a task may wait behind others at a worker while slots are free elsewhere.
	aheadShare = 8
	// aheadHops is how old an offer may be to go ahead of a slot that is free: what its worker has got from others
	// since is not known here.
	aheadHops = 8
)

// appOf is the app that an offer is for; empty: it is for all.
func (c *Core) appOf(t *offer) string {
	if t.brief == 0 {
		return ""
	}
	return c.profiles[t.worker].offer.Apps[t.brief-1]
}

// maxForecasts is for how many apps it is known what they are like, before those are forgotten under which no
// constraint set is kept.
const maxForecasts = 1024

// forecastOf returns what is known of an app.
func (c *Core) forecastOf(app string) *forecast {
	x := c.idle
	f := x.forecasts[app]
	if f != nil {
		return f
	}
	if len(x.forecasts) >= maxForecasts {
		c.forgetForecasts()
	}
	f = &forecast{}
	x.forecasts[app] = f
	return f
}

// forgetForecasts forgets what apps are like that are nobody's any more.
func (c *Core) forgetForecasts() {
	kept := make(map[*forecast]bool)
	for _, s := range c.sets {
		if s.request != nil {
			kept[s.request.forecast] = true
		}
	}
	maps.DeleteFunc(c.idle.forecasts, func(_ string, f *forecast) bool { return !kept[f] && f.brief.len() == 0 })
}

// keepBrief holds an offer for a brief app, and drops those that are too old.
func (c *Core) keepBrief(now time.Duration, s *slot, t offer) {
	list := &c.forecastOf(c.appOf(&t)).brief
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

// takeBrief takes the freshest offer for the app of a set. Those of one worker come together, so that what is launched
// at once goes out together too.
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

// takeAhead takes the freshest offer for the app of a set although slots may be free, if it is fresh enough and its
// worker not busy.
func (c *Core) takeAhead(now time.Duration, s *set) (offer, *worker, bool) {
	f := c.request(s).forecast
	list := &f.brief
	for list.len() > 0 && f.seen > 0 {
		last := list.len() - 1
		t := list.at(last)
		if !c.good(t) || now >= t.until {
			c.forget(list.remove(last))
			continue
		}
		w, came := &c.workers[t.worker], t.until-briefLife
		if now-came > aheadHops*c.hop() || c.profiles[t.worker].busy > now+c.hop()/aheadShare || !s.matches(c.offer(w)) {
			break
		}
		c.unoffer(&w.slots[t.lane])
		return list.remove(last), w, true
	}
	return offer{}, nil, false
}

// busy notes that a worker has got a task.
func (c *Core) busy(now time.Duration, w *worker, f *forecast) {
	p := &c.profiles[w.id]
	p.busy = min(max(p.busy, now)+f.mean/time.Duration(max(c.offer(w).Slots, 1)), now+briefLife)
}
