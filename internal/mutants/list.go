package main

// The files of the cores.
const (
	queueClaim   = "worker/queue/claim.go"
	queueCore    = "worker/queue/core.go"
	queueAttempt = "worker/queue/attempt.go"
	queueResult  = "worker/queue/result.go"
	queueSlot    = "worker/queue/slot.go"
	ownerCore    = "client/owner/core.go"
	ownerMessage = "client/owner/message.go"
	ownerPlace   = "client/owner/place.go"
)

// mutants is every protection that is taken out.
func mutants() []mutant {
	var list []mutant
	list = append(list, ofQueue()...)
	list = append(list, ofOwner()...)
	list = append(list, ofPlacement()...)
	return append(list, ofShells()...)
}

// ofQueue are the protections at a worker.
func ofQueue() []mutant {
	return []mutant{
		{name: "a repeated launch is known by its call", file: queueSlot, old: "case s.started>>age&1 == 1:", new: "case false:"},
		{name: "a launch answers the slot's present call", file: queueCore, old: "sl.state == Asking && sl.call == call && sl.scheduler == s", new: "sl.state == Asking && sl.scheduler == s"},
		{name: "a launch too old to judge is not given back", file: queueSlot, old: "return forgotten", new: "return notStarted"},
		{name: "fence: launches", file: queueAttempt, old: "c.keep != nil && !c.keep.fences.admits(now, m, s)", new: "false"},
		{name: "fence: launches of epoch 0", file: queueClaim, old: "return !known", new: "return true || !known"},
		{name: "fence: an earlier or equal epoch of another", file: queueClaim, old: "default:\n\t\treturn false\n", new: "default:\n"},
		{name: "attempts of a lost scheduler run on", file: queueCore, old: "case sl.state == Running && c.keep != nil:", new: "case false:"},
		{name: "orphans end with their grace", file: queueClaim, old: "sl.state == Running && end < c.keep.held[slot].limit", new: "false && end < 0"},
		{name: "an orphan that is owned again has its time again", file: queueClaim, old: "if sl.orphan && sl.state == Running {", new: "if false {"},
		{name: "attempts that run are told at a handshake", file: queueClaim, old: "\t\t\tc.own(i)\n\t\t\tout = c.tell(now, i, out)\n", new: "\t\t\tc.own(i)\n"},
		{name: "results that were not taken are told at a handshake", file: queueClaim, old: "if l.first()+uint64(i) > taken {", new: "if false {"},
		{name: "attempts that run are handed to who claims their job", file: queueClaim, old: "(sl.state == Running || sl.state == Stopping) && c.keep.held[i].job == m.Job", new: "sl.state == 0"},
		{name: "results are handed to who claims their job", file: queueClaim, old: "if l.ring[l.index(i)].job == m.Job {", new: "if false {"},
		{name: "who lost an attempt to a claim learns that", file: queueClaim, old: "if sl.scheduler != s && !sl.orphan {", new: "if false {"},
		{name: "results are kept", file: queueAttempt, old: "seq = c.retain(now, slot, final, max(now-sl.launched, 0), end)", new: "seq = c.life(sl.scheduler).last; _ = final"},
		{name: "an acknowledgement is of its results only", file: queueResult, old: "for l.live > 0 && l.first() <= m.Seq {", new: "for l.live > 0 {"},
		{name: "an acknowledgement is of results that there are", file: queueResult, old: "m.Seq > l.last ||", new: ""},
		{name: "what is kept is bounded", file: queueResult, old: "for c.keep.results >= c.keep.maxResults ||", new: "for false ||"},
		{name: "results expire", file: queueResult, old: "for l.live > 0 && after(l.ring[l.head].at, c.keep.ttl) <= now {", new: "for false {"},
		{name: "reservations of a lost scheduler go", file: queueCore, old: "dropped := c.queue.drop(s)", new: "dropped := uint64(0)"},
		{name: "slots that asked a lost scheduler are free", file: queueCore, old: "c.stats.Abandoned++\n\t\t\tc.release(now, i)", new: "c.stats.Abandoned++"},
		{name: "only the owner kills", file: queueAttempt, old: "sl.call != m.Call || sl.scheduler != s {", new: "sl.call != m.Call {"},
		{name: "only the attempt that was launched is killed", file: queueAttempt, old: "sl.state != Running || sl.call != m.Call ||", new: "sl.state != Running ||"},
		{name: "an attempt's end is reported once", file: queueAttempt, old: "if sl.state != Stuck {\n\t\tout = c.finish", new: "if true {\n\t\tout = c.finish"},
		{name: "a draining worker takes nothing new", file: queueCore, old: "case c.draining:", new: "case false:"},
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
		{name: "only the scheduler of a submission is listened to", file: ownerMessage, old: "(j.place != s && c.without != protectSeq)", new: "false"},
		{name: "a deadline ends a job without its scheduler", file: ownerMessage, old: "if c.without == protectDeadline {", new: "if true {"},
		{name: "jobs of a lost scheduler are handed on", file: ownerPlace, old: "if c.without == protectHandOn {", new: "if true {"},
		{name: "a job that was taken over is taken back", file: ownerMessage, old: "m.Code == task.CodeSuperseded && c.without != protectUsurped", new: "m.Code == task.CodeSuperseded && false"},
		{name: "who was refused waits", file: ownerPlace, old: "if c.without == protectRetryWait {", new: "if true {"},
	}
}

func ofPlacement() []mutant { return nil }

// ofShells are protections that no seed sees, because they lie in what seeds model.
func ofShells() []mutant {
	return []mutant{
		{name: "nothing is handled of a connection that was replaced", file: "worker/peer.go", old: "if p.gone {", new: "if false {", shell: true},
		{name: "an older connection of a scheduler is closed", file: "worker/peer.go", old: "if old.name == h.Name {", new: "if false {", shell: true},
	}
}
