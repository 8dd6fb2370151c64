package main

const (
	queueBrief   = "worker/queue/brief.go"
	placeBrief   = "scheduler/placement/brief.go"
	placeWaiting = "scheduler/placement/waiting.go"
)

// ofBrief are the protections of those who wait behind tasks that are believed to be brief.
func ofBrief() []mutant {
	return []mutant{
		{name: "brief: what waits while nothing starts is given back", file: queueBrief, old: "case !l.warned:", new: "case true:"},
		{name: "brief: not by a worker that was kept from its work", file: queueBrief, old: "case !l.warned:", new: "case false:", tests: true},
		{name: "brief: what waits while others start is not given back", file: queueBrief, old: "case now-b.moved < briefWait:", new: "case false:", tests: true},
		{name: "brief: nothing is invited beside what is queued", file: queueBrief, old: "|| c.waiting > 0 ", new: "", tests: true},
		{name: "brief: nor while slots are free", file: queueBrief, old: "|| o.free != noSlot ", new: "", tests: true},
		{name: "brief: nor by a worker that drains", file: queueBrief, old: "|| c.draining ", new: "", tests: true},
		{name: "brief: nor where nothing more waits", file: queueBrief, old: "!m.More || ", new: "", tests: true},
		{name: "brief: slots that run something else are not counted on", file: queueBrief, old: "seats-int(b.slow)", new: "seats", tests: true},
		{name: "brief: no more is invited than ends meanwhile", file: queueBrief, old: "min(o.depth(m.App)*(seats-int(b.slow)),", new: "max(o.depth(m.App)*(seats-int(b.slow)),", tests: true},
		{name: "brief: a lane is always at hand", file: queueBrief, old: " && int(b.ahead) < int(c.size)-2*seats", new: "", tests: true},
		{name: "brief: an app that turns out to be long is not believed", file: queueBrief, old: "max(t.score-cost, 0)", new: "max(t.score-min(cost, 1), 0)", tests: true},
		{name: "brief: and what was offered for it is taken back", file: queueBrief, old: "if sl := &c.slots[i]; c.offers.takes(sl.scheduler) {", new: "if sl := &c.slots[i]; false {", tests: true},
		{name: "brief: what takes more than a slot proves nothing", file: queueBrief, old: "|| c.wide != nil && c.wide.lanes[i].need != 0 ", new: "", tests: true},
		{name: "brief: what was offered goes with a scheduler", file: queueOffer, old: "case c.isBrief(i):\n\t\t\tout = c.recall(i, out)\n", new: ""},
		{name: "brief: offers lapse", file: queueOffer, old: "case sl.state == Offered && c.isBrief(i):\n\t\tc.withdraw(i) // who holds it has dropped it by now\n\t\treturn out, true", new: "case sl.state == Offered && c.isBrief(i):\n\t\treturn out, true", tests: true},
		{name: "brief: an offer is for one app", file: placeWaiting, old: "|| app != \"\" && s.app != app ", new: "", tests: true},
		{name: "brief: those who want something else are not handed one", file: placeWant, old: "(app == \"\" || o.set.app == app) && ", new: "", tests: true},
		{name: "brief: slots that are free come first", file: placeOffer, old: "i := x.held.len() - 1; i >= 0 && x.free > 0; i--", new: "i := x.held.len() - 1; i >= 0 && x.free > 0 && x.brief == 0; i--", tests: true},
		{name: "brief: but a worker that has had much does not go ahead of them", file: placeBrief, old: "c.profiles[t.worker].busy > now+c.hop()/aheadShare || ", new: "", tests: true},
		{name: "brief: nor with an offer that is old", file: placeBrief, old: "now-came > aheadHops*c.hop()", new: "now < came", tests: true},
		{name: "brief: nor for an app of which nothing is known", file: placeBrief, old: " && f.seen > 0", new: "", tests: true},
		{name: "brief: nothing is invited to wait where all slots run something else", file: queueBrief, old: "int(b.slow) < len(c.offers.seats)", new: "int(b.slow) <= len(c.offers.seats)", tests: true},
		{name: "brief: an offer is held for a moment", file: placeBrief, old: "good := c.good(t) && now < t.until", new: "good := c.good(t)", tests: true},
		{name: "brief: an app is one that the worker has named", file: placeOffer, old: " || int(m.Brief) > len(c.offer(wk).Apps) {", new: " {", tests: true},
	}
}
