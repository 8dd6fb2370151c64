package main

// The files of the cores.
const (
	queueClaim   = "worker/queue/claim.go"
	queueCore    = "worker/queue/core.go"
	queueAttempt = "worker/queue/attempt.go"
	queueResult  = "worker/queue/result.go"
	queueLoad    = "worker/queue/load.go"
	queueSlot    = "worker/queue/slot.go"
	queueOffer   = "worker/queue/offer.go"
	queueAhead   = "worker/queue/ahead.go"
	queueLane    = "worker/queue/lane.go"
	placeBind    = "scheduler/placement/bind.go"
	placeClaim   = "scheduler/placement/claim.go"
	placeFinish  = "scheduler/placement/finish.go"
	placeFleet   = "scheduler/placement/fleet.go"
	placeSubmit  = "scheduler/placement/submit.go"
	placeJob     = "scheduler/placement/job.go"
	placeTimer   = "scheduler/placement/timer.go"
	placeHand    = "scheduler/placement/hand.go"
	placeWant    = "scheduler/placement/want.go"
	placePredict = "scheduler/placement/predict.go"
	placeCovered = "scheduler/placement/covered.go"
	placeOffer   = "scheduler/placement/offer.go"
	placeAside   = "scheduler/placement/aside.go"
	leaseBook    = "scheduler/lease/book.go"
	ackAccount   = "scheduler/ack/account.go"
	ackUnread    = "scheduler/ack/credit.go"
	ackWindow    = "scheduler/ack/window.go"
	streamPulse  = "internal/stream/pulse.go"
	ownerCore    = "client/owner/core.go"
	ownerMessage = "client/owner/message.go"
	ownerPlace   = "client/owner/place.go"
)

// mutants is every protection that is taken out.
func mutants() []mutant {
	var list []mutant
	list = append(list, ofQueue()...)
	list = append(list, ofOffers()...)
	list = append(list, ofBrief()...)
	list = append(list, ofEstimates()...)
	list = append(list, ofWide()...)
	list = append(list, ofAffinity()...)
	list = append(list, ofPeers()...)
	list = append(list, ofLeases()...)
	list = append(list, ofOwner()...)
	list = append(list, ofPlacement()...)
	list = append(list, ofAccounts()...)
	return append(list, ofShells()...)
}

// ofOffers are the protections of a worker's idle offers.
func ofOffers() []mutant {
	return []mutant{
		{name: "offers: a launch that takes its time is announced", file: "scheduler/turn.go", old: "s.cfg.Policy == placement.IdleOffer && len(h)", new: "false && len(h)", tests: true},
		{name: "offers: what is coming has a slot before reservations have", file: queueOffer, old: "if len(o.coming) > 0 {", new: "if false {", tests: true},
		{name: "offers: what is coming goes with its scheduler", file: queueCore, old: "\t\t\tc.dropComing(i)\n", new: "", tests: true},
		{name: "offers: what is coming does not say how long a hop is", file: queueAhead, old: "o.lanes[m.Slot].announced != m.Call && s", new: "s", tests: true},
		{name: "offers: who drains waits for what is coming", file: queueLoad, old: "len(c.offers.held)+len(c.offers.coming) == 0", new: "len(c.offers.held) == 0", tests: true},
		{name: "offers: a lane's next offer stays behind its large result", file: "worker/turn.go", old: "p.call(e.Slot, probe.KindOffer, probe.AppendOffer(body[:0], e.Offer()))", new: "c.Send(uint8(probe.KindOffer), probe.AppendOffer(body[:0], e.Offer()), nil)", by: "./scheduler", tests: true},
		{name: "offers: a launch names the present call", file: queueOffer, old: "&& c.slots[slot].call == call && c.connected(s)", new: "&& c.connected(s)", tests: true},
		{name: "offers: a launch that comes second is given back", file: queueOffer, old: "return has && sl.call == m.Call && sl.scheduler == s && sl.ref == m.Ref && sl.task == m.Task", new: "return has && sl.call == m.Call", tests: true},
		{name: "offers: a copy of what runs is not given back", file: queueOffer, old: "return has && sl.call == m.Call", new: "return !has && sl.call == m.Call", tests: true},
		{name: "offers: a launch is whose it is", file: queueAhead, old: "sl.state, sl.scheduler = Free, s", new: "sl.state = Free", tests: true},
		{name: "offers: no more attempts than slots", file: queueLane, old: "if s = o.free; s == noSlot {\n\t\t\treturn false\n\t\t}", new: "if s = o.free; s == noSlot {\n\t\t\treturn true\n\t\t}", tests: true},
		{name: "offers: those that are old are made anew", file: queueOffer, old: "case sl.state == Offered:\n\t\to.stats.Renewed++\n\t\treturn c.offerAgain(now, i, min(o.lanes[i].renewed+1, probe.MaxRenewed), out), true", new: "case sl.state == Offered:\n\t\treturn out, true", tests: true},
		{name: "offers: those that a lost scheduler may have are made anew", file: queueOffer, old: "default:\n\t\t\tout = c.offerAgain(now, i, 0, out)", new: "case c.slots[i].scheduler == s:\n\t\t\tout = c.offerAgain(now, i, 0, out)", tests: true},
		{name: "offers: what waits is not kept for ever", file: queueOffer, old: "case sl.state == Held:\n\t\treturn c.tooEarly(i, out), true", new: "case sl.state == Held:\n\t\treturn out, true", tests: true},
		{name: "offers: what waits goes with its scheduler", file: queueCore, old: "case sl.state == Held:\n\t\t\tc.offers.stats.HeldDropped++\n\t\t\tc.dropHeld(i)", new: "case sl.state == Held:", tests: true},
		{name: "offers: what waits is fenced", file: queueAhead, old: "if c.keep.held[i].job != job {", new: "if true {", tests: true},
		{name: "offers: what waits can be killed", file: queueAttempt, old: "if sl.state == Held && sl.call == m.Call && sl.scheduler == s {", new: "if false {", tests: true},
		{name: "offers: a mistake is not made again at once", file: queueAhead, old: "b.left = b.last", new: "b.left = 0", tests: true},
		{name: "offers: a mistake that is repeated is not made for longer", file: queueAhead, old: "min(max(2*b.last, minBlock), maxBlock)", new: "minBlock", tests: true},
		{name: "offers: none while draining", file: queueAhead, old: "if c.draining || len(o.takers) == 0", new: "if len(o.takers) == 0", tests: true},
		{name: "offers: a scheduler that takes none knows few lanes", file: queueLane, old: "if c.free < slots || c.offers.takes(s) {", new: "if true || slots == 0 {", tests: true},
		{name: "offers: who holds what is another's now hears it", file: queueOffer, old: "if sl := &c.slots[i]; sl.scheduler != o.target(now, sl.next) && o.takes(sl.scheduler) {", new: "if sl := &c.slots[i]; false && o.takes(sl.scheduler) {", tests: true},
		{name: "offers: what is handed on too early is put by", file: placeHand, old: "c.idle.parked = append(c.idle.parked, t)\n", new: "_ = t\n", tests: true},
		{name: "offers: who was told anew gives what is held", file: placeWant, old: "quota(s.needy(), q.ntold), 1, out)", new: "quota(s.needy(), q.ntold), 0, out)", tests: true},
		{name: "offers: what is offered while not sampled is taken up", file: placeFleet, old: "return c.revive(now, w, out)", new: "return out", tests: true},
		{name: "offers: what is offered while not sampled lapses there too", file: placeOffer, old: "if now >= t.until || c.profiles[t.worker].life != t.life ||", new: "if c.profiles[t.worker].life != t.life ||", tests: true},
		{name: "offers: what is offered while not sampled can be taken back", file: placeFinish, old: "(wk.slots[m.Slot].state.offered() || wk.slots[m.Slot].state == slotDormant)", new: "wk.slots[m.Slot].state.offered()", tests: true},
		{name: "offers: where workers sort, tasks wait there", file: "scheduler/placement/idle.go", old: "c.idle != nil && c.sorters == 0", new: "c.idle != nil", tests: true},
		{name: "offers: a fleet that is covered has reservations", file: placeCovered, old: "if s.needy() == 0 || !c.covered(now, s) {", new: "if s.needy() >= 0 {", tests: true},
		{name: "offers: wide jobs of short services have reservations", file: placeCovered, old: "if c.hurried(now, s) {", new: "if false {", tests: true},
		{name: "offers: fleets with few slots beside schedulers have reservations", file: "probe/offer.go", old: "return slots >= slotsEach*(schedulers-askAll)", new: "return true", tests: true},
		{name: "offers: workers make none where slots are few beside schedulers", file: "worker/offering.go", old: "changed := serve == w.quiet", new: "serve = true\n\tchanged := serve == w.quiet", tests: true},
		{name: "offers: nor to schedulers that connect later", file: "worker/peer.go", old: "&& !w.classed && !w.quiet {", new: "&& !w.classed {", tests: true},
		{name: "offers: who offers no more offers nothing in between", file: queueOffer, old: "o.takers = o.takers[:1]\n", new: "out = c.takerDown(now, o.takers[0], out)\n", tests: true},
		{name: "offers: jobs do not wait each where none are made after all", file: "scheduler/placement/proof.go", old: "p.holds = p.holds || 2*p.calls >= p.given", new: "p.holds = false", tests: true},
		{name: "offers: where slots are taken it is no proof that none come", file: "scheduler/placement/proof.go", old: "if p.given == 0 || now-p.since > soon {", new: "if p.given == 0 {", tests: true},
		{name: "offers: nor where few ask at once", file: "scheduler/placement/proof.go", old: "2*p.calls >= p.given", new: "true", tests: true},
		{name: "offers: one that comes ends the proof that none do", file: "scheduler/placement/proof.go", old: "x.came, x.proof = now, proof{}", new: "x.came = now", tests: true},
		{name: "offers: few workers are covered by a backlog", file: placeCovered, old: "tasks = max(tasks, s.waiting)", new: "tasks = max(tasks, 1)", tests: true},
		{name: "offers: many workers are not", file: placeCovered, old: "if len(s.eligible) <= fewWorkers {", new: "if s.waiting > 0 {", tests: true},
		{name: "offers: who gets none where others have reservations has them too", file: placeCovered, old: "!c.starved(now, q)", new: "(true || c.starved(now, q))", by: "./sim", tests: true},
		{name: "offers: few odd services do not end what is expected", file: placePredict, old: "r.settled = r.settled && r.odd <= oddMost", new: "r.settled = false", by: "./sim", tests: true},
		{name: "offers: what may have waited for a slot measures no hop", file: "scheduler/placement/hop.go", old: "(s.sure == likely || s.sure == perhaps)", new: "true", tests: true},
		{name: "offers: few answers make no long hop", file: queueAhead, old: "return h.n >= hopAnswers && near*nearShare >= h.n", new: "return h.n >= hopAnswers", tests: true},
		{name: "offers: nothing is expected beside what is late", file: placePredict, old: "return len(f.late) > 0", new: "return false", tests: true},
		{name: "offers: to nobody who takes none", file: queueOffer, old: "if c.offers == nil || !c.connected(s) {", new: "if c.offers == nil {", tests: true},
	}
}

// ofQueue are the protections at a worker.
func ofQueue() []mutant {
	return []mutant{
		{name: "a repeated launch is known by its call", file: queueSlot, old: "case s.started>>age&1 == 1:", new: "case false:"},
		{name: "a launch answers the slot's present call", file: queueCore, old: "sl.state == Asking && sl.call == call && sl.scheduler == s", new: "sl.state == Asking && sl.scheduler == s"},
		{name: "a launch too old to judge is not given back", file: queueSlot, old: "return forgotten", new: "return notStarted", tests: true},
		{name: "fence: launches", file: queueAttempt, old: "c.keep != nil && !c.keep.fences.admits(now, m, s)", new: "false"},
		{name: "fence: launches of epoch 0", file: queueClaim, old: "return !known", new: "return true || !known"},
		{name: "fence: an earlier or equal epoch of another", file: queueClaim, old: "default:\n\t\treturn false\n", new: "default:\n"},
		{name: "attempts of a lost scheduler run on", file: queueCore, old: "case sl.state == Running && c.keep != nil:", new: "case false:", tests: true},
		{name: "orphans end with their grace", file: queueClaim, old: "sl.state == Running && end < c.keep.held[slot].limit", new: "false && end < 0", tests: true},
		{name: "an orphan that is owned again has its time again", file: queueClaim, old: "if sl.orphan && sl.state == Running {", new: "if false {", tests: true},
		{name: "attempts that run are told at a handshake", file: queueClaim, old: "\t\t\tc.own(i)\n\t\t\tout = c.tell(now, i, out)\n", new: "\t\t\tc.own(i)\n"},
		{name: "results that were not taken are told at a handshake", file: queueClaim, old: "if l.first()+uint64(i) > taken {", new: "if false {"},
		{name: "attempts that run are handed to who claims their job", file: queueClaim, old: "(sl.state == Running || sl.state == Stopping) && c.keep.held[i].job == m.Job", new: "sl.state == 0"},
		{name: "results are handed to who claims their job", file: queueClaim, old: "if l.ring[l.index(i)].job == m.Job {", new: "if false {"},
		{name: "who lost an attempt to a claim learns that", file: queueClaim, old: "if sl.scheduler != s && !sl.orphan {", new: "if false {"},
		{name: "results are kept", file: queueAttempt, old: "seq = c.retain(now, slot, final, max(now-sl.launched, 0), end)", new: "seq = c.life(sl.scheduler).last; _ = final"},
		{name: "an acknowledgement is of its results only", file: queueResult, old: "for l.live > 0 && l.first() <= m.Seq {", new: "for l.live > 0 {", tests: true},
		{name: "an acknowledgement is of results that there are", file: queueResult, old: "m.Seq > l.last ||", new: "", tests: true},
		{name: "what is kept is bounded", file: queueResult, old: "for c.keep.results >= c.keep.maxResults ||", new: "for false ||"},
		{name: "results expire", file: queueResult, old: "for l.live > 0 && after(l.ring[l.head].at, c.keep.ttl) <= now {", new: "for false {"},
		{name: "reservations of a lost scheduler go", file: queueCore, old: "dropped := c.queue.drop(s)", new: "dropped := uint64(0)"},
		{name: "slots that asked a lost scheduler are free", file: queueCore, old: "c.stats.Abandoned++\n\t\t\tc.release(now, i)", new: "c.stats.Abandoned++"},
		{name: "only the owner kills", file: queueAttempt, old: "sl.call != m.Call || sl.scheduler != s {", new: "sl.call != m.Call {", tests: true},
		{name: "only the attempt that was launched is killed", file: queueAttempt, old: "sl.state != Running || sl.call != m.Call ||", new: "sl.state != Running ||", tests: true},
		{name: "an attempt's end is reported once", file: queueAttempt, old: "if sl.state != Stuck {\n\t\tout = c.finish", new: "if true {\n\t\tout = c.finish"},
		{name: "a draining worker takes nothing new", file: queueCore, old: "case c.draining:", new: "case false:"},
		{name: "who drains waits for those who may come back", file: queueLoad, old: "!l.up && now-l.left < returnTime", new: "false", tests: true},
		{name: "who drains does not wait for ever", file: queueLoad, old: "!l.up && now-l.left < returnTime", new: "!l.up", tests: true},
		{name: "the queue is bounded", file: queueCore, old: "case c.queue.len() >= int(c.limit):", new: "case false:"},
	}
}

// ofOwner are the protections at a client.
func ofOwner() []mutant {
	return []mutant{
		{name: "a later submission has a later epoch", file: ownerPlace, old: "if c.without != protectEpoch && j.epoch < math.MaxUint32 {", new: "if j.epoch > math.MaxUint32-1 {"},
		{name: "one outcome per task at the owner", file: ownerMessage, old: "(j.isFinished(m.Task) && c.without != protectOnce)", new: "false"},
		{name: "tasks with an outcome are not submitted again", file: ownerCore, old: "j != nil && c.without != protectFinished", new: "j == nil"},
		{name: "failed starts go with the next submission", file: ownerCore, old: "j == nil || c.without == protectAttempts", new: "true"},
		{name: "failed starts are noted", file: ownerMessage, old: "c.noteAttempt(j, m.Task, int(m.Attempt))", new: ""},
		{name: "only the scheduler of a submission is listened to", file: ownerMessage, old: "(j.place != s && c.without != protectSeq)", new: "false", tests: true},
		{name: "a deadline ends a job without its scheduler", file: ownerMessage, old: "if c.without == protectDeadline {", new: "if true {"},
		{name: "jobs of a lost scheduler are handed on", file: ownerPlace, old: "if c.without == protectHandOn {", new: "if true {"},
		{name: "a job that was taken over is taken back", file: ownerMessage, old: "m.Code == task.CodeSuperseded && c.without != protectUsurped", new: "m.Code == task.CodeSuperseded && false"},
		{name: "what a leaving scheduler has not answered is in no doubt", file: ownerMessage, old: "c.without != protectLeave", new: "false"},
		{name: "who was refused waits", file: ownerPlace, old: "if c.without == protectRetryWait {", new: "if true {", tests: true},
	}
}

// ofPlacement are the protections at a scheduler.
func ofPlacement() []mutant {
	return []mutant{
		{name: "a repeated call gets the same answer", file: placeBind, old: "case ahead == 0:\n\t\t\treturn c.repeat(now, wk, m, out)", new: "case false:"},
		{name: "an older call gets none", file: placeBind, old: "case ahead < 0:\n\t\t\tc.stats.Stale++\n\t\t\treturn out\n", new: "case false:\n", tests: true},
		{name: "a slot that asks again has lost its task", file: placeBind, old: "\t\t\tout = c.lose(now, wk, s, out)\n", new: ""},
		{name: "nothing is launched of a job that is held", file: placeBind, old: "if j.halted() || wk.standing == quarantined {", new: "if wk.standing == quarantined {", tests: true},
		{name: "a suspended job is held", file: placeJob, old: "return j.claiming || j.suspended", new: "return j.claiming"},
		{name: "a job that is claimed is held", file: placeJob, old: "return j.claiming || j.suspended", new: "return j.suspended"},
		{name: "a quarantined worker gets nothing", file: placeBind, old: "if j.halted() || wk.standing == quarantined {", new: "if j.halted() {", tests: true},
		{name: "workers are asked what they hold", file: placeSubmit, old: "return ref, c.claimAll(now, j, out), nil", new: "return ref, c.begin(now, j, out), nil"},
		{name: "a worker that is back is asked too", file: placeFleet, old: "if j.epoch > 0 && j.concerns(c.offer(wk)) {", new: "if false {", tests: true},
		{name: "a job ends without a look at others", file: placeJob, old: "c.load.Jobs--\n", new: "c.load.Jobs--\n\tfor o := c.oldest; o != nil; o = o.next {\n\t\t_ = o.waiting()\n\t}\n", tests: true},
		{name: "a claim does not wait for ever", file: placeTimer, old: "if now >= j.claimUntil() {", new: "if now < 0 {"},
		{name: "in doubt nothing starts that may once", file: placeClaim, old: "if !j.atMostOnce {\n\t\treturn c.proceed", new: "if true {\n\t\treturn c.proceed"},
		{name: "a lost attempt is the last that may be one", file: placeFleet, old: "if j.atMostOnce {\n\t\treturn c.end(", new: "if false {\n\t\treturn c.end(", tests: true},
		{name: "attempts are bounded", file: placeFinish, old: "if r.attempt >= j.maxAttempts || j.atMostOnce {", new: "if r.attempt > 10_000 || j.atMostOnce {"},
		{name: "a failed attempt is the last that may be one", file: placeFinish, old: "if r.attempt >= j.maxAttempts || j.atMostOnce {", new: "if r.attempt >= j.maxAttempts {"},
		{name: "attempts of earlier submissions count", file: placeSubmit, old: "if a.N == 0 ||", new: "if a.N < 1000 ||"},
		{name: "finished tasks are not run again", file: placeSubmit, old: "if s.finished(i) {", new: "if false {"},
		{name: "an attempt that runs is adopted", file: placeClaim, old: "if !wanted || c.runsLonger(j, m.Task, launched) {", new: "if true {"},
		{name: "an attempt that has ended is not adopted again", file: placeClaim, old: ", s.state == slotOver && s.sure == ended && s.holds(m.Ref, m.Task, m.Call):", new: ":", tests: true},
		{name: "of two attempts one is killed", file: placeClaim, old: "\t\tout = c.kill(j, m.Task, out)\n\t\tc.wait(j, m.Task)\n\t}\n\tc.occupy", new: "\t\tc.let(r)\n\t\tc.wait(j, m.Task)\n\t}\n\tc.occupy", tests: true},
		{name: "a late result is taken", file: placeFinish, old: "return c.found(now, w, m, out) // late:", new: "return out // late:", tests: true},
		{name: "a result that was not told counts", file: placeClaim, old: "if wk == nil || j == nil || !j.lacks(m.Task) {", new: "if true || wk == nil || j == nil || !j.lacks(m.Task) {"},
		{name: "a task with an outcome gets no other", file: placeClaim, old: "j.tasks[t].state != stateEnded", new: "j.tasks[t].state >= 0"},
		{name: "only the attempt that is bound ends its task", file: placeFinish, old: "if !s.holds(m.Ref, m.Task, m.Call) || s.attempt != m.Attempt {", new: "if false {", tests: true},
		{name: "a launch that never arrived is taken back", file: placeClaim, old: "\t\tdefault:\n\t\t\tout = c.unlaunch(now, s, out)\n", new: "", tests: true},
		{name: "a launch that may have run is lost", file: placeClaim, old: "case m.Dropped || s.sure == started:", new: "case false:", tests: true},
		{name: "results that may be missing count", file: placeClaim, old: "case m.Dropped || s.sure == started:", new: "case s.sure == started:", tests: true},
		{name: "a declined launch is no attempt", file: placeFinish, old: "r.attempt--", new: "", tests: true},
		{name: "a job that another has is let go", file: placeFinish, old: "case m.Reason == probe.RefusedFenced:\n\t\tc.stats.Declined++\n\t\treturn c.supersede(now, j, out)", new: "case false:"},
		{name: "a declined claim lets its job go", file: placeFinish, old: "m.Reason == probe.RefusedFenced && m.Call == 0 && j.epoch > 0 {", new: "false {"},
		{name: "attempts of a job that another has are not killed", file: placeFinish, old: "if why == causeSuperseded {", new: "if false {"},
		{name: "reservations of a lost worker are sampled anew", file: placeFleet, old: "if g.touched && j.deficit(g) > 0 {", new: "if g.touched && j.deficit(g) < 0 {"},
		{name: "what a lost worker had is tried again", file: placeFleet, old: "if slots[i].state.binds() {", new: "if false {"},
		{name: "a worker that is back may have started what was launched", file: placeFleet, old: "s.state = slotDoubted", new: "s.state = slotOver"},
		{name: "the last attempt of a suspect is kept apart from others", file: "scheduler/placement/suspect.go", old: "if !r.suspect() {", new: "if true || !r.suspect() {", tests: true},
		{name: "and no suspect is launched beside it", file: "scheduler/placement/suspect.go", old: "(last || o.attempt >= other.maxAttempts)", new: "last", tests: true},
		{name: "what is kept apart is not asked for at once again", file: placeBind, old: "if c.apart {", new: "if false {", tests: true},
		{name: "a deadline ends a job", file: placeTimer, old: "if now >= j.deadline {", new: "if false {"},
	}
}

// ofAccounts are the protections of the results that workers keep.
func ofAccounts() []mutant {
	return []mutant{
		{name: "results reach their owner before they are acknowledged", file: ackAccount, old: "a.settled.add(seq)\n\treturn a.due()", new: "a.settled = a.taken\n\treturn a.due()"},
		{name: "results are acknowledged", file: ackAccount, old: "a.settled.add(seq)\n", new: ""},
		{name: "a result that has not come yet holds up those behind it", file: ackWindow, old: "bits.TrailingZeros64(^w.bits[0])", new: "bits.OnesCount64(w.bits[0])"},
		{name: "many results are acknowledged at once", file: ackAccount, old: "up >= a.acked+a.cfg.Every ||", new: "up >= a.acked+1<<40 ||"},
		{name: "an attempt in vain is told once", file: ownerMessage, old: "if known || m.Attempt == 0 {", new: "if m.Attempt == 0 {", tests: true},
		{name: "large results are acknowledged sooner", file: ackAccount, old: "(up > a.acked && a.bytes >= a.cfg.Bytes)", new: "up > 1<<40"},
		{name: "what is left over can be acknowledged", file: ackAccount, old: "return up, up > a.acked\n", new: "return up, up >= a.acked+a.cfg.Every\n"},
		{name: "what a worker has dropped holds up nothing", file: ackAccount, old: "a.settled.advance(seq)", new: ""},
		{name: "what a worker has dropped need not come", file: ackAccount, old: "a.taken.advance(seq)", new: ""},
		{name: "an acknowledgement that was lost is repeated", file: ackAccount, old: "a.settled.advance(seq)\n\ta.acked = seq", new: "a.settled.advance(seq)\n\ta.acked = max(a.acked, seq)"},
		{name: "what is unread has a limit", file: ackUnread, old: "return c.unread > limit", new: "return false"},
		{name: "what has been read counts no more", file: ackUnread, old: "c.unread -= bytes\n", new: ""},
		{name: "who reads again has half of the limit first", file: ackUnread, old: "return limit / 2", new: "return limit"},
		{name: "with a worker that was given up numbers begin anew", file: ackAccount, old: "a.taken.restart()", new: ""},
		{name: "and what had reached its owner is not taken for what has now", file: ackAccount, old: "a.settled.restart()", new: ""},
	}
}

// ofShells are protections that no seed sees, because they lie in what seeds model.
func ofShells() []mutant {
	return []mutant{
		{name: "nothing is handled of a connection that was replaced", file: "worker/peer.go", old: "if p.gone != nil {", new: "if false {", tests: true},
		{name: "nothing is handled that was said before a pause", file: "worker/pause.go", old: "t.effects = w.drop(now, p, errPaused, t.effects)", new: "_ = p", tests: true},
		{name: "another life at a worker's address voids the first", file: "scheduler/link.go", old: "errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, errOtherLife)", new: "errors.Is(err, syscall.ECONNREFUSED)", tests: true},
		{name: "payloads that are lent are copied", file: "scheduler/payload.go", old: "case !lent && len(tasks) == 1:", new: "case len(tasks) == 1:", tests: true},
		{name: "large payloads that are lent are copied", file: "scheduler/payload.go", old: "case !lent && size >=", new: "case size >=", tests: true},
		{name: "who drains is asked too", file: "scheduler/link.go", old: "return v.Workers()", new: "return slices.DeleteFunc(slices.Clone(v.Workers()), func(m view.Member) bool { return m.State != view.Active })", tests: true},
		{name: "who was given up while it was connected is connected anew", file: "scheduler/link.go", old: "l.stale = true", new: "", tests: true},
		{name: "a result that comes again is settled by who had it first", file: "scheduler/link.go", old: "Take(m.Seq, len(m.Body)); !again {", new: "Take(m.Seq, len(m.Body)); !again || true {", tests: true},
		{name: "a refused connection voids", file: "scheduler/link.go", old: "errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, errOtherLife)", new: "errors.Is(err, syscall.ENOTTY) || errors.Is(err, errOtherLife)", tests: true},
		{name: "a lease that is over voids", file: "scheduler/link.go", old: ", l.void)\n\tif errors.Is(err, stream.ErrSilent) {", new: ", func() {})\n\tif errors.Is(err, stream.ErrSilent) {", tests: true},
		{name: "what has reached its owner is acknowledged", file: "scheduler/receipt.go", old: "if up, due := r.link.results.Settle(r.seq); due {", new: "if up, due := r.link.results.Settle(r.seq); due && false {", tests: true},
		{name: "what is left over is acknowledged", file: "scheduler/receipt.go", old: "if up, due := l.results.Rest(); due {", new: "if up, due := l.results.Rest(); due && false {", tests: true},
		{name: "only who is connected is told", file: "scheduler/receipt.go", old: "if l.id == 0 || l.severed {", new: "if l.id == 0 {", tests: true},
		{name: "a leaving scheduler says its last word", file: "scheduler/scheduler.go", old: "c.dismiss()\n\t\tbatch.Add(c.conn)\n\t\ttold[c.conn] = true", new: "_ = c", tests: true},
		{name: "a leaving scheduler's last word is its last", file: "scheduler/client.go", old: "c.conn.SendAfter(uint8(submission.KindLeave)", new: "c.conn.Send(uint8(submission.KindLeave)", tests: true},
		{name: "a launch whose lane has another attempt is kept aside", file: placeClaim, old: "case s.state.binds() && c.crosses(now, s) && c.setAside(wk, m.Slot):", new: "case false && c.setAside(wk, m.Slot):", tests: true},
		{name: "what is kept aside is heard of", file: placeAside, old: "&& w.slots[a.place].holds(ref, t, call) {", new: "&& w.slots[a.place].holds(ref, t, call) && false {", tests: true},
		{name: "what is kept aside is not waited for for ever", file: placeAside, old: "now >= a.until && !c.isSettled(&a)", new: "now < 0 && !c.isSettled(&a)", tests: true},
		{name: "what is kept aside is killed in its lane", file: placeAside, old: "\t\t\t\treturn a.lane\n", new: "\t\t\t\treturn place\n", tests: true},
		{name: "there is no lane by the number of what is kept aside", file: placeAside, old: "|| int(lane) < c.lanes(w))", new: "|| true)", tests: true},
		{name: "what has crossed an offer is not lost", file: "scheduler/placement/cross.go", old: "return (s.sure == perhaps || s.sure == sooner) && ", new: "return false && ", tests: true},
		{name: "too much out of nothing is refused soon", file: "scheduler/placement/admit.go", old: "case m.since >= meterMinLaunches && lasted >= meterStep && !m.fresh:", new: "case false && lasted > 0:", tests: true},
		{name: "gossip looks for those who are lost", file: "gossip/node.go", old: "joiner.Go(func() { n.keepFound(ctx) })", new: "", tests: true},
		{name: "a job without an owner starts nothing", file: "scheduler/ownership.go", old: "effects = s.do(now, j, s.leases.Disown(now, &j.lease), effects)", new: "_ = s.leases.Disown(now, &j.lease)", tests: true},
		{name: "a job without an owner is given up", file: "scheduler/ownership.go", old: "for l, ok := s.leases.Due(now); ok;", new: "for l, ok := s.leases.Due(now); ok && false;", tests: true},
		{name: "after a pause clients are asked", file: "scheduler/ownership.go", old: "var t turn\n\ts.ask(now, &t)", new: "var t turn", tests: true},
		{name: "who is asked starts nothing", file: "scheduler/ownership.go", old: "t.effects = s.do(now, o.Job, s.leases.Ask(&o.Job.lease), t.effects)", new: "_ = o", tests: true},
		{name: "after a pause nothing starts for a request that waits before its client is known to be there", file: "scheduler/ownership.go", old: "t.effects = s.do(now, j, s.leases.Ask(&j.lease), t.effects)", new: "", tests: true},
		{name: "what a client has submitted since it was asked is its own", file: "scheduler/lease/client.go", old: "since := asked && (first == 0 ||", new: "since := asked && (false ||", tests: true},
		{name: "a request that waits proves that its client is there", file: "scheduler/waiting.go", old: "switch all, err := stream.Arrived(es.out.conn); {", new: "_ = stream.Arrived\n\tswitch all, err := false, error(nil); {", tests: true},
		{name: "a request that waits proves it within a time", file: "scheduler/waiting.go", old: "case time.Since(began) > es.patience:", new: "case time.Since(began) < 0:", tests: true},
		{name: "a request whose client's machine is gone is found out", file: "scheduler/events.go", old: "owing && was {", new: "owing && was && false {", tests: true},
		{name: "results are written to a request that waits before they are acknowledged", file: "scheduler/job.go", old: "if len(j.clients) == 0 && len(j.waiting) > 0 {", new: "if false {", tests: true},
		{name: "what a request that waits was not sent is kept", file: "scheduler/waiting.go", old: "if j.lease.Detached { // it lives", new: "if true { // it lives", tests: true},
		{name: "a reader that does not read holds up its job", file: "scheduler/credit.go", old: "if j.unread.Over(s.cfg.MaxUnreadBytes) {", new: "if false {", tests: true},
		{name: "our own silence gives up no worker that was not dialled again", file: "scheduler/link.go", old: "max(lease-l.conn.Silence(), lease/4)", new: "lease-l.conn.Silence()", tests: true},
		{name: "a worker's silence counts from when it was heard", file: "scheduler/link.go", old: "max(lease-l.conn.Silence(), lease/4)", new: "lease", tests: true},
		{name: "who has gone as it said is not waited for", file: "scheduler/link.go", old: "errors.Is(err, stream.ErrSilent) || l.left ||", new: "errors.Is(err, stream.ErrSilent) ||", tests: true},
		{name: "who drains and breaks off may be back", file: "scheduler/link.go", old: "errors.Is(err, stream.ErrSilent) || l.left ||", new: "errors.Is(err, stream.ErrSilent) || l.leaving ||", tests: true},
		{name: "who leaves says so last", file: "worker/worker.go", old: "probe.Drain{Left: true}", new: "probe.Drain{}", tests: true},
		{name: "of two leases the longer holds at the scheduler", file: "scheduler/link.go", old: "l.conn.RaiseLease(h.Lease)", new: "", tests: true},
		{name: "of two leases the longer holds at the worker", file: "worker/peer.go", old: "p.conn.RaiseLease(h.Lease)", new: "", tests: true},
		{name: "of two leases the longer holds for clients", file: "scheduler/stranger.go", old: "x.conn.RaiseLease(h.Lease)", new: "", tests: true},
		{name: "a silent peer is given up", file: streamPulse, old: "if lease := c.lease.Load(); lease > 0 && now-c.heard.Load() >= lease {", new: "if lease := c.lease.Load(); lease < 0 && now-c.heard.Load() >= lease {", tests: true},
		{name: "a pause of ours is not the peer's silence", file: streamPulse, old: "late > int64(c.cfg.BeatInterval) || c.handling.Load()", new: "c.handling.Load()", tests: true},
		{name: "who is being listened to is not silent", file: streamPulse, old: "late > int64(c.cfg.BeatInterval) || c.handling.Load()", new: "late > int64(c.cfg.BeatInterval)", tests: true},
		{name: "who has said what lies unread is not silent", file: streamPulse, old: "if c.sock.unread() == 0 {", new: "if true {", tests: true},
		{name: "a worker that stood still lets go of who may have given it up", file: "worker/pause.go", old: "p.lease > 0 && pause > p.lease-w", new: "p.lease > 0 && pause < p.lease-p.lease-w", tests: true},
		{name: "a worker that stood still for less than a lease keeps its connections", file: "worker/pause.go", old: "p.lease > 0 && pause > p.lease-w", new: "p.lease > 0 && pause > p.lease-p.lease-w", tests: true},
		{name: "what was stopped in line is not started", file: "worker/slot.go", old: "err := a.Err(); err != nil {", new: "err := a.Err(); err != nil && false {", tests: true},
		{name: "a launch that crosses a worker's last word has not started", file: "scheduler/link.go", old: "if m.Left {", new: "if m.Left && now < 0 {", tests: true},
		{name: "a last word says nothing of what a worker has said it runs", file: "scheduler/placement/fleet.go", old: "case s.state != slotBound || s.sure == started:", new: "case s.state != slotBound:", tests: true},
		{name: "who must leave while tasks run has no last word", file: "worker/worker.go", old: "\tidle := false", new: "\tidle := true", by: "./scheduler", tests: true},
		{name: "a worker waits with leaving until it may", file: "worker/turn.go", old: "if w.core.MayLeave(now) {", new: "if w.core.Draining() && w.core.Idle() {", by: "./scheduler", tests: true},
		{name: "a worker that may leave by now leaves", file: "worker/worker.go", old: "t.batch.Add(p.conn)\n\t\t\t}\n\t\t}\n\t\tw.exit(now, &t)", new: "t.batch.Add(p.conn)\n\t\t\t}\n\t\t}\n\t\t_ = now\n\t\tw.mu.Unlock()", by: "./scheduler", tests: true},
		{name: "failed attempts are acknowledged when their client has heard", file: "scheduler/turn.go", old: "f.client.sendRetry(t, f.seq, j, e, r)", new: "_ = r; f.client.sendRetry(t, f.seq, j, e, receipt{})", tests: true},
		{name: "results that a client has not read are kept for a while", file: "scheduler/credit.go", old: "s.keepResult(now, r.receipt)", new: "s.settle(&c.turn, r.receipt)", tests: true},
		{name: "results that nobody comes for are acknowledged", file: "scheduler/ack/keep.go", old: "(now-a.kept[0].at > a.cfg.KeepFor || a.crowded())", new: "(now < 0 || a.crowded())", tests: true},
		{name: "what is kept for who may come is bounded", file: "scheduler/ack/keep.go", old: "(now-a.kept[0].at > a.cfg.KeepFor || a.crowded())", new: "now-a.kept[0].at > a.cfg.KeepFor", tests: true},
		{name: "a reader that reads again has its job go on", file: "scheduler/credit.go", old: "return c.s.do(now, r.job, c.s.leases.Release(&r.job.lease, lease.Unread), effects)", new: "_ = lease.Unread\n\t\treturn effects", tests: true},
		{name: "what a lost client has not read holds up nobody", file: "scheduler/credit.go", old: "effects = c.hasRead(now, r, effects)", new: "", tests: true},
		{name: "what comes in of a job that was given up is kept", file: "scheduler/link.go", old: "if l.s.leases.Wants(&m) {", new: "if false {", tests: true},
		{name: "what a worker that was given up says again is kept", file: "scheduler/late.go", old: "if at, ok := s.givenUp[r.link.member.Incarnation]; ok {", new: "if at, ok := s.givenUp[r.link.member.Incarnation]; ok && at < 0 {", tests: true},
		{name: "a request that waits is told of attempts in vain before they are acknowledged", file: "scheduler/retries.go", old: "if len(j.clients) == 0 && len(j.waiting) > 0 {", new: "if false {", tests: true},
		{name: "attempts in vain that are remembered are bounded", file: "scheduler/retries.go", old: "len(j.retries.log) >= maxRetries ||", new: "", tests: true},
		{name: "attempts in vain that were forgotten are told all the same", file: "scheduler/retries.go", old: "if es.heard < j.retries.gone && es.scan.until == 0 {", new: "if es.heard < j.retries.gone && es.scan.until == 0 {\n\t\tes.heard = j.retries.gone\n\t}\n\tif false {", tests: true},
		{name: "a job that is submitted anew ends here at once", file: "scheduler/ownership.go", old: "if what&lease.Supersede != 0 {", new: "if false {", tests: true},
		{name: "who waits for a job that goes on elsewhere is told so", file: "scheduler/job.go", old: "if j.outcome == task.Unknown && j.lease.Elsewhere() {", new: "if false {", tests: true},
		{name: "a detached job goes to the next scheduler under a later epoch", file: "cmd/dunnock/submit_detached.go", old: "job.Epoch++", new: "", tests: true},
		{name: "a reader that runs a task which stays is relieved", file: "worker/leader.go", old: "if l.seen == l.begun {", new: "if false {", tests: true},
		{name: "whoever kept its reader waiting is not believed again", file: "worker/leader.go", old: "l.running.habit.mistaken()", new: "", tests: true},
		{name: "a large job's payloads are overtaken on their way to a scheduler", file: "client/turn.go", old: "s.conn.Send(uint8(submission.KindSubmit)", new: "s.conn.SendAfter(uint8(submission.KindSubmit)", by: "./scheduler", tests: true},
		{name: "a large payload is overtaken on its way to a worker", file: "scheduler/turn.go", old: "l.conn.Send(uint8(probe.KindLaunch)", new: "l.conn.SendAfter(uint8(probe.KindLaunch)", tests: true},
		{name: "a large result is overtaken on its way to a scheduler", file: "worker/turn.go", old: "p.conn.Send(uint8(probe.KindFinished)", new: "p.conn.SendAfter(uint8(probe.KindFinished)", by: "./scheduler", tests: true},
		{name: "a job ends with the context of who called Do", file: "client/client.go", old: "case <-reached:\n\tcase <-ctx.Done():\n\t\th.Cancel()", new: "case <-reached:\n\tcase <-ctx.Done():", tests: true},
		{name: "a finished job that was submitted again is found when its first life has gone", file: "scheduler/archive.go", old: "ok && t.entries[i].is(a.first, p.gone) {", new: "ok {", tests: true},
		{name: "a large result is overtaken on its way to a client", file: "scheduler/client_send.go", old: "mark := c.conn.Send(uint8(submission.KindTaskDone)", new: "mark := c.conn.SendAfter(uint8(submission.KindTaskDone)", tests: true},
		{name: "what lies unread is bounded", file: "internal/stream/socket_linux.go", old: "time.Duration(info.Rtt)*time.Microsecond < nearRTT", new: "info.Rtt == 0 && unreadMost < 0 && nearRTT < 0", tests: true},
		{name: "who was relieved reads no more", file: "internal/stream/progress.go", old: "if c.reader.Load() != me {", new: "if false {", by: "./worker", tests: true},
		{name: "what ends while nobody owns its job is kept", file: "scheduler/receipt.go", old: "if j.lease.Keeps(len(j.clients)) {", new: "if false {", tests: true},
		{name: "who has a large result on its way is asked last", file: queueAttempt, old: "len(end.Body) > largeResult", new: "false", tests: true},
		{name: "an older connection of a scheduler is closed", file: "worker/peer.go", old: "if old.name == h.Name {", new: "if false {", tests: true},
	}
}
