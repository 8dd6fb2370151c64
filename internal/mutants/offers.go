package main

// ofLeases are the protections of whose a job is at a scheduler.
func ofLeases() []mutant {
	return []mutant{
		{name: "lease: a job without an owner starts nothing", file: leaseBook, old: "return b.Hold(j, NoOwner)\n}\n\n// GiveUp", new: "return 0\n}\n\n// GiveUp"},
		{name: "lease: a job without an owner is given up", file: leaseBook, old: "if !j.over && j.orphaned == o.at && !j.isOwned() {", new: "if false && j.over && o.at > 0 {"},
		{name: "lease: not before the grace is over", file: leaseBook, old: "b.orphans[0].at+b.cfg.Grace <= now {", new: "b.orphans[0].at <= now {", tests: true},
		{name: "lease: what is owned again is not given up", file: leaseBook, old: "j.orphaned == o.at && !j.isOwned()", new: "j.orphaned == o.at", tests: true},
		{name: "lease: the grace begins with the last loss", file: leaseBook, old: "!j.over && j.orphaned == o.at &&", new: "!j.over &&", tests: true},
		{name: "lease: a detached job lives without owners", file: "scheduler/lease/job.go", old: "return j.owners > 0 || j.Detached", new: "return j.owners > 0", tests: true},
		{name: "lease: a job that drains is not cancelled while it runs", file: leaseBook, old: "if running > 0 && j.Drains {", new: "if false {", tests: true},
		{name: "lease: what somebody came back for is not ended when it has drained", file: leaseBook, old: "if !j.over && j.abandoned {", new: "if !j.over {", tests: true},
		{name: "lease: a job that is submitted anew ends here at once", file: leaseBook, old: "return Supersede", new: "return b.orphan(0, j)"},
		{name: "lease: what parts is remembered", file: leaseBook, old: "if j.abandoned || j.superseded {", new: "if false {", tests: true},
		{name: "lease: what comes in of a job that has parted is wanted", file: "scheduler/lease/parted.go", old: "\treturn ok\n", new: "\treturn ok && false\n"},
		{name: "lease: a stopped attempt is nobody's", file: "scheduler/lease/parted.go", old: "|| m.Status == probe.StatusKilled {", new: "{", tests: true},
		{name: "lease: jobs that have parted are bounded", file: "scheduler/lease/parted.go", old: "if len(p.order) >= most {", new: "if false {", tests: true},
		{name: "lease: jobs that have parted are forgotten", file: "scheduler/lease/parted.go", old: "now-p.order[0].at > b.cfg.PartedFor {", new: "false {", tests: true},
		{name: "lease: what ends without an owner is kept", file: "scheduler/lease/job.go", old: "return followers == 0 && j.hold&NoOwner != 0", new: "return false"},
		{name: "lease: who was asked holds up his jobs", file: "scheduler/lease/asked.go", old: "return b.Hold(j, Asked)", new: "return 0", tests: true},
		{name: "lease: one of several who is gone has not answered", file: "scheduler/lease/asked.go", old: "j.asked > 0 {\n\t\treturn 0", new: "j.asked > 99 {\n\t\treturn 0", tests: true},
		{name: "lease: when all who were asked are gone the job goes on", file: "scheduler/lease/asked.go", old: "return 0\n\t}\n\treturn b.Release(j, Asked)", new: "return 0\n\t}\n\treturn 0", tests: true},
		{name: "lease: after so late an epoch the job is accepted anew", file: "scheduler/lease/return.go", old: "(r.Epoch > j.Epoch+1 || j.Elsewhere())", new: "(false || j.Elsewhere())", tests: true},
		{name: "lease: a job that is elsewhere is not joined", file: "scheduler/lease/return.go", old: "case j.Elsewhere():", new: "case false:", tests: true},
		{name: "lease: a job is not joined whose tasks do not all run here", file: "scheduler/lease/return.go", old: "case !r.Covers:", new: "case false:", tests: true},
		{name: "lease: a job is not joined whose results are gone", file: "scheduler/lease/return.go", old: "later, r.Lacks:", new: "later:", tests: true},
		{name: "lease: owners are bounded", file: "scheduler/lease/return.go", old: "case j.owners >= b.cfg.MaxOwners:", new: "case false:", tests: true},
		{name: "lease: who submits a job again owns it", file: "scheduler/lease/return.go", old: "return b.Release(j, NoOwner|Asked)", new: "return b.Release(j, Asked)"},
		{name: "what somebody may come for is kept", file: "scheduler/ack/keep.go", old: "a.kept = slices.Insert(a.kept, i, kept{seq, since})", new: "a.kept = slices.Insert(a.kept, i)\n\ta.settled.add(seq)"},
	}
}

// ofPeers are the protections of offers at schedulers, and of what schedulers say to each other.
func ofPeers() []mutant {
	return []mutant{
		{name: "peers: an offer is used once", file: placeOffer, old: "c.unoffer(&w.slots[t.lane])\n\t\t\t\treturn x.held.remove(i), w, true", new: "return *x.held.at(i), w, true", tests: true},
		{name: "peers: an old offer is no news", file: placeOffer, old: "s.state != slotSilent && int32(m.Call-s.call) <= 0", new: "s.state != slotSilent && false", tests: true},
		{name: "peers: an offer whose lane was bound says that the end was lost", file: placeOffer, old: "\t\tout = c.lose(now, wk, s, out)\n", new: "", tests: true},
		{name: "peers: offers of a worker that is not sampled are dropped", file: placeHand, old: "if !w.active {\n\t\tc.stats.OffersDropped++", new: "if false {\n\t\tc.stats.OffersDropped++", tests: true},
		{name: "peers: nothing is launched that has no time left", file: "scheduler/placement/waiting.go", old: "if g == nil || now < g.timer.j.deadline {", new: "if true {", tests: true},
		{name: "peers: an offer that is too old is not launched on", file: placeOffer, old: "\t\tif c.good(t) && now < t.until {", new: "\t\tif c.good(t) {", tests: true},
		{name: "peers: offers go when their worker drains", file: placeFleet, old: "\tc.withdraw(w)\n", new: "", tests: true},
		{name: "peers: who is handed an offer holds it for less long than who gave it", file: "scheduler/placement/hand.go", old: "t.until -= offerLife - handLife", new: "t.until -= 0", tests: true},
		{name: "peers: a hand that is repeated has no effect", file: "scheduler/placement/hand.go", old: "case s == nil || !s.takes(&m) || ", new: "case s == nil || ", tests: true},
		{name: "peers: a hand of an unknown worker goes back", file: "scheduler/placement/hand.go", old: "case wk == nil:\n\t\treturn c.attend(now, c.returned(from, &m, out))", new: "case wk == nil:\n\t\treturn c.attend(now, out)", tests: true},
		{name: "peers: a hand whose lane runs is put by", file: "scheduler/placement/hand.go", old: "if s.occupied() {\n\t\tif !c.putBy", new: "if false {\n\t\tif !c.putBy", tests: true},
		{name: "peers: hops are bounded where an offer is of no use", file: "scheduler/placement/hand.go", old: "if m.Hops >= mostHops {", new: "if false {", tests: true},
		{name: "peers: a want is for so many offers", file: "scheduler/placement/hand.go", old: "\tw.left--\n", new: "", tests: true},
		{name: "peers: what is not needed any more is withdrawn", file: "scheduler/placement/want.go", old: "out = c.tell(now, s, PeerID(p), 0, 0, out)", new: "_ = p"},
		{name: "peers: what a lost peer wants is forgotten", file: "scheduler/placement/peer.go", old: "x.wants = slices.DeleteFunc(x.wants, func(w want) bool { return w.from == id })", new: ""},
		{name: "peers: messages are bounded by launches", file: "scheduler/placement/want.go", old: "c.idle.credit = max(c.idle.credit-1, minCredit)", new: "", tests: true},
		{name: "peers: it is looked whether what waits is launched", file: "scheduler/placement/net.go", old: "case q.netAt == never:", new: "case false:"},
		{name: "peers: what is not launched gets reservations", file: "scheduler/placement/net.go", old: "out = c.reserve(j, g, w, 1, 0, out)", new: "_ = w", tests: true},
		{name: "peers: what was told is told again", file: "scheduler/placement/net.go", old: "return c.tellAgain(now, s, out)", new: "return out", tests: true},
		{name: "peers: a launch that was given back is no attempt", file: placeFinish, old: "\tr.attempt--\n\tr.hasWorker = false\n", new: "\tr.hasWorker = false\n", tests: true},
		{name: "offers: of a job's tasks those with the fewest workers come first", file: "scheduler/placement/waiting.go", old: "case g.timer.j == oldest.timer.j && len(g.set.eligible) < len(oldest.set.eligible):", new: "case false:", tests: true},
		{name: "peers: who asks gets the oldest", file: "scheduler/placement/waiting.go", old: "case oldest == nil || g.timer.j.order < oldest.timer.j.order:", new: "default:", tests: true},
		{name: "peers: an earlier life is no peer", file: "scheduler/peer.go", old: "|| old != nil && old.life > p.life {", new: "{", tests: true},
		{name: "peers: one of two dials", file: "scheduler/peers.go", old: "if err == nil && h.Name > s.node.Name {", new: "if false {", tests: true},
		{name: "peers: of another policy is no peer", file: "scheduler/peer.go", old: "case h.Policy != policy:", new: "case false:", tests: true},
		{name: "peers: what a lost peer said ends with its connection", file: "scheduler/peer.go", old: "\tif p.up {\n\t\ts.peerDown(now, p, &p.turn)\n\t}\n", new: "", tests: true},
		{name: "peers: a worker that is not connected has no number", file: "scheduler/link.go", old: "\t\tdelete(s.workers, l.member.Incarnation)\n", new: "", tests: true},
		{name: "peers: what a lane says while a launch on its offer is open waits", file: placeOffer, old: "if c.crosses(now, s) {", new: "if false {", tests: true},
		{name: "offers: a copy of what was started is not given back", file: queueOffer, old: "if m.Call != 0 && slices.Contains(", new: "if false && slices.Contains("},
	}
}
