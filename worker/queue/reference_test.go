package queue

import (
	"slices"
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// reference is what a Core must do, written for being obviously right: plain slices, every search
// from the start, nothing kept that can be found out, all calls remembered for ever. It shares with
// the core only the words for states and effects.
type reference struct {
	slots    []refSlot
	freed    []int // free slots in the order in which they were freed
	queue    []refEntry
	seq      uint64
	fair     *refFair // under Fair
	starved  uint64
	up       []probe.SchedulerID
	draining bool
	cfg      Config
	now      time.Duration
	out      []Effect

	results []refResult // in the order of their ends
	numbers map[probe.SchedulerID]uint64
	acked   map[probe.SchedulerID]uint64
	dropped map[probe.SchedulerID]bool
	gone    map[probe.SchedulerID]uint64 // newest result that went without an acknowledgement
	fences  map[task.JobID]fence

	offers refOffers
}

// refResult is a result that is kept.
type refResult struct {
	holder probe.SchedulerID
	seq    uint64
	at     time.Duration
	m      probe.Launch
	status probe.Status
	served time.Duration
	body   string
}

type refSlot struct {
	state    SlotState
	started  []bool    // by call, from 1: was a Launch started for it?
	by       []startOf // what was started, in its order
	s        probe.SchedulerID
	m        probe.Launch // running, stopping, stuck
	launched time.Duration
	due      time.Duration // running, stopping: when its time is up
	status   probe.Status
	ends     time.Duration // running: when its time is up if it is no orphan
	verdict  probe.Status  // and what it ends with then
	orphan   bool

	refLane
}

// message is any event that a core takes, with the fields that its kind needs.
type message struct {
	kind   messageKind
	s      probe.SchedulerID
	count  uint32
	res    uint32
	seq    uint64
	end    End
	class  probe.Class  // of a Reserve
	launch probe.Launch // also slot, call and ref of the others
}

type messageKind int

const (
	msgUp messageKind = iota
	msgDown
	msgReserve
	msgCancel
	msgLaunch
	msgNoTask
	msgKill
	msgDone
	msgDrain
	msgTick
	msgClaim
	msgAck
	msgTakes
	msgTakesNone
	msgComing
)

func newReference(cfg Config) *reference {
	lanes := cfg.Slots
	if cfg.Offers {
		lanes *= 2
	}
	r := &reference{
		cfg: cfg.WithDefaults(), slots: make([]refSlot, lanes), numbers: map[probe.SchedulerID]uint64{},
		acked: map[probe.SchedulerID]uint64{}, dropped: map[probe.SchedulerID]bool{}, gone: map[probe.SchedulerID]uint64{}, fences: map[task.JobID]fence{},
	}
	if cfg.Discipline == Fair {
		r.fair = newRefFair(r)
	}
	for i := range r.slots {
		r.slots[i].state = Free
		r.freed = append(r.freed, lanes-1-i)
	}
	r.newSeats()
	return r
}

// handle returns the effects of m.
func (r *reference) handle(now time.Duration, m message) []Effect {
	r.now, r.out = now, nil
	switch m.kind {
	case msgUp:
		if !slices.Contains(r.up, m.s) {
			r.up = append(r.up, m.s)
			r.state(m)
		}
	case msgDown:
		r.down(m.s)
	case msgReserve:
		r.reserve(m)
	case msgCancel:
		for i, e := range r.queue {
			if e.scheduler == m.s && e.ref == m.launch.Ref && e.res == m.res {
				r.queue = slices.Delete(r.queue, i, i+1)
				break
			}
		}
	case msgLaunch:
		r.launch(m)
	case msgNoTask:
		if r.asks(m) {
			r.free(int(m.launch.Slot))
		}
	case msgKill:
		if sl := r.runs(m); sl != nil && sl.state == Running && sl.s == m.s {
			r.stop(sl, probe.StatusKilled)
		}
		r.killHeld(m)
	case msgDone:
		r.done(m)
	case msgDrain:
		r.draining = true
		for len(r.queue) > 0 {
			i := r.turn()
			r.refuse(r.queue[i].entry, probe.RefusedDraining)
			r.queue = slices.Delete(r.queue, i, i+1)
		}
		r.drainOffers()
	case msgTick:
		r.tick()
	case msgClaim:
		r.claim(m)
	case msgTakes:
		r.takes(m.s)
	case msgTakesNone:
		for o := &r.offers; len(o.takers) > 0; {
			o.takers = o.takers[:1]
			r.takerDown(o.takers[0])
		}
	case msgComing:
		r.comes(m)
	case msgAck:
		if slices.Contains(r.up, m.s) && m.seq <= r.numbers[m.s] {
			r.acked[m.s] = max(r.acked[m.s], m.seq)
			r.results = slices.DeleteFunc(r.results, func(k refResult) bool { return k.holder == m.s && k.seq <= m.seq })
			if r.gone[m.s] <= m.seq {
				delete(r.gone, m.s)
			}
		}
	}
	r.ask()
	return r.out
}

func (r *reference) ask() {
	if r.cfg.Offers {
		r.deal()
		return
	}
	for len(r.freed) > 0 && len(r.queue) > 0 {
		i := r.freed[len(r.freed)-1]
		r.freed = r.freed[:len(r.freed)-1]
		r.getTask(i)
	}
}

func (r *reference) getTask(i int) {
	turn := r.turn()
	e := &r.queue[turn]
	sl := &r.slots[i]
	sl.state, sl.s, sl.started = Asking, e.scheduler, append(sl.started, false)
	sl.since, sl.announced = r.now, false
	r.out = append(r.out, Effect{
		Kind: EffectGetTask, Scheduler: e.scheduler, Slot: uint16(i), Call: uint32(len(sl.started)), Ref: e.ref, Res: e.res,
	})
	user := string(e.class.User)
	if e.count--; e.count == 0 {
		r.queue = slices.Delete(r.queue, turn, turn+1)
	}
	if r.fair != nil {
		r.fair.took(user, i)
	}
}

func (r *reference) free(i int) {
	if r.fair != nil {
		r.fair.released(i, r.slots[i].state != Asking)
	}
	r.slots[i].state = Free
	r.freed = append(r.freed, i)
	r.leave(i)
}

func (r *reference) down(s probe.SchedulerID) {
	r.up = slices.DeleteFunc(r.up, func(u probe.SchedulerID) bool { return u == s })
	r.queue = slices.DeleteFunc(r.queue, func(e refEntry) bool { return e.scheduler == s })
	for i := range r.slots {
		sl := &r.slots[i]
		if sl.state == Free || sl.state == Offered || sl.s != s {
			continue
		}
		if sl.state == Held || sl.state == Coming {
			r.drop(i)
			continue
		}
		if sl.state == Asking {
			r.free(i)
			continue
		}
		sl.orphan = true
		switch {
		case sl.state != Running:
		case r.cfg.Forget:
			r.stop(sl, probe.StatusKilled)
		case r.now+r.cfg.OrphanGrace < sl.due:
			sl.due, sl.status = r.now+r.cfg.OrphanGrace, probe.StatusKilled
		}
	}
	r.takerDown(s)
}

// state says what a scheduler that has connected has here.
func (r *reference) state(m message) {
	if !r.cfg.Forget {
		for i := range r.slots {
			if sl := &r.slots[i]; (sl.state == Running || sl.state == Stopping) && sl.s == m.s {
				r.adopt(sl, m.s, sl.m.Ref)
			}
		}
		for _, k := range r.results {
			if k.holder == m.s && k.seq > m.seq {
				r.found(k, m.s, k.m.Ref)
			}
		}
	}
	told := Effect{Kind: EffectTold, Scheduler: m.s, Seq: r.numbers[m.s], Dropped: r.dropped[m.s] || r.gone[m.s] > m.seq}
	for _, k := range r.results {
		if k.holder == m.s {
			told.Seq = min(told.Seq, k.seq-1)
		}
	}
	r.out = append(r.out, told)
}

func (r *reference) claim(m message) {
	if r.cfg.Forget || !slices.Contains(r.up, m.s) {
		return
	}
	if !r.pass(m.launch.Job, m.launch.Epoch, m.s) {
		r.out = append(r.out, Effect{Kind: EffectDecline, Scheduler: m.s, Ref: m.launch.Ref, Reason: probe.RefusedFenced})
		return
	}
	told := Effect{Kind: EffectTold, Scheduler: m.s, Ref: m.launch.Ref}
	for i := range r.slots {
		sl := &r.slots[i]
		if (sl.state != Running && sl.state != Stopping) || sl.m.Job != m.launch.Job {
			continue
		}
		if sl.s != m.s {
			r.dropped[sl.s] = true
		}
		if sl.s != m.s && !sl.orphan {
			r.decline(message{s: sl.s, launch: sl.m}, probe.RefusedFenced)
		}
		r.adopt(sl, m.s, m.launch.Ref)
	}
	for _, i := range slices.Clone(r.offers.held) {
		if r.slots[i].m.Job == m.launch.Job {
			r.giveBack(i, probe.RefusedFenced)
		}
	}
	// Lives are asked in the order of their numbers.
	kept := slices.Clone(r.results)
	slices.SortStableFunc(kept, func(a, b refResult) int { return int(a.holder) - int(b.holder) })
	for _, k := range kept {
		if k.m.Job == m.launch.Job {
			r.found(k, m.s, m.launch.Ref)
		}
	}
	for _, d := range r.dropped {
		told.Dropped = told.Dropped || d
	}
	for _, seq := range r.gone {
		told.Dropped = told.Dropped || seq > 0
	}
	r.out = append(r.out, told)
}

// pass reports whether a scheduler may start a job's tasks under an epoch, and lets it be the one that may.
func (r *reference) pass(job task.JobID, epoch uint32, s probe.SchedulerID) bool {
	old, known := r.fences[job]
	switch {
	case known && (epoch < old.epoch || (epoch == old.epoch && s != old.owner)):
		return false
	case epoch > 0:
		r.fences[job] = fence{s, epoch}
	}
	return true
}

func (r *reference) adopt(sl *refSlot, s probe.SchedulerID, ref probe.Ref) {
	sl.s, sl.m.Ref = s, ref
	if sl.orphan && sl.state == Running {
		sl.due, sl.status = sl.ends, sl.verdict
	}
	sl.orphan = false
	e := sl.effect(EffectAdopt, 0)
	e.Service = r.now - sl.launched
	r.out = append(r.out, e)
}

func (r *reference) found(k refResult, s probe.SchedulerID, ref probe.Ref) {
	r.out = append(r.out, Effect{
		Kind: EffectFound, Scheduler: s, Slot: k.m.Slot, Call: k.m.Call, Ref: ref, Task: k.m.Task, Attempt: k.m.Attempt,
		Status: k.status, Service: k.served, Seq: k.seq, Holder: k.holder,
	})
}

// keep keeps a result, if need be in place of the oldest ones.
func (r *reference) keep(k refResult) {
	size := func() (n int) {
		for _, k := range r.results {
			n += len(k.body)
		}
		return n
	}
	for len(r.results) > 0 && (len(r.results) == r.cfg.MaxResults || size()+len(k.body) > r.cfg.MaxResultBytes) {
		// Of several that ended together, the lowest scheduler's goes first.
		oldest := 0
		for i, k := range r.results {
			if first := r.results[oldest]; k.at == first.at && k.holder < first.holder {
				oldest = i
			}
		}
		r.gone[r.results[oldest].holder] = r.results[oldest].seq
		r.results = slices.Delete(r.results, oldest, oldest+1)
	}
	r.results = append(r.results, k)
}

func (r *reference) reserve(m message) {
	e := entry{scheduler: m.s, ref: m.launch.Ref, res: m.res, demand: demand{count: m.count}}
	switch {
	case !slices.Contains(r.up, m.s) || m.count == 0:
	case r.draining:
		r.refuse(e, probe.RefusedDraining)
	case len(r.queue) == r.cfg.MaxReservations:
		r.refuse(e, probe.RefusedFull)
	default:
		r.seq++
		r.queue = append(r.queue, refEntry{entry: e, class: m.class, at: r.now, seq: r.seq})
		if r.fair != nil {
			r.fair.wants(string(m.class.User), r.seq)
		}
	}
}

func (r *reference) launch(m message) {
	l := m.launch
	if offered := r.offered(m) || r.awaits(m); offered || r.asks(m) {
		sl := &r.slots[l.Slot]
		why := probe.Refusal(0)
		if int(l.App) >= r.cfg.Apps {
			why = probe.RefusedApp
		} else if !r.cfg.Forget && !r.pass(l.Job, l.Epoch, m.s) {
			why = probe.RefusedFenced
		}
		switch {
		case why != 0 && offered:
			r.decline(m, why)
			r.drop(int(l.Slot))
			return
		case why != 0:
			r.decline(m, why)
			r.free(int(l.Slot))
			return
		}
		if !sl.announced && m.s == sl.s {
			r.sample(sl)
		}
		sl.announced = false
		r.offers.coming = slices.DeleteFunc(r.offers.coming, func(i int) bool { return i == int(l.Slot) })
		if offered {
			sl.s = m.s
			if !r.occupy(int(l.Slot)) {
				r.hold(m)
				return
			}
		}
		sl.state, sl.m, sl.launched, sl.orphan = Running, l, r.now, false
		sl.started[l.Call-1] = true
		sl.by = append(sl.by, startOf{l.Ref, m.s, l.Task, l.Call})
		sl.due, sl.status = r.now+l.Deadline, probe.StatusKilled
		if l.Timeout > 0 && l.Timeout < l.Deadline {
			sl.due, sl.status = r.now+l.Timeout, probe.StatusTimeout
		}
		sl.ends, sl.verdict = sl.due, sl.status
		r.out = append(r.out, sl.effect(EffectStart, 0))
		r.begun(int(l.Slot))
		return
	}
	if r.cfg.Offers {
		r.launchLate(m)
		return
	}
	if !slices.Contains(r.up, m.s) {
		return
	}
	if int(l.Slot) < len(r.slots) {
		calls := r.slots[l.Slot].started
		made := l.Call >= 1 && int(l.Call) <= len(calls)
		if made && (calls[l.Call-1] || int(l.Call) <= len(calls)-64) {
			return
		}
	}
	r.decline(m, probe.RefusedStale)
}

func (r *reference) done(m message) {
	sl := r.runs(m)
	if sl == nil {
		return
	}
	if sl.state != Stuck {
		status := sl.status
		if sl.state == Running {
			status = 0
		}
		r.finish(sl, status, m.end)
	}
	r.judge(sl)
	r.learn(sl, m.end.Took)
	r.free(int(m.launch.Slot))
}

func (r *reference) tick() {
	for i := range r.slots {
		sl := &r.slots[i]
		if r.tickLane(i) || (sl.state != Running && sl.state != Stopping) || sl.due > r.now {
			continue
		}
		if sl.state == Running {
			r.stop(sl, sl.status)
			continue
		}
		r.finish(sl, sl.status, End{})
		sl.state = Stuck
	}
	r.results = slices.DeleteFunc(r.results, func(k refResult) bool {
		over := k.at+r.cfg.ResultTTL <= r.now
		if over {
			r.gone[k.holder] = k.seq
		}
		return over
	})
}

// asks reports whether the slot waits for exactly this answer.
func (r *reference) asks(m message) bool {
	if int(m.launch.Slot) >= len(r.slots) {
		return false
	}
	sl := &r.slots[m.launch.Slot]
	return sl.state == Asking && sl.s == m.s && int(m.launch.Call) == len(sl.started)
}

// runs returns the slot that holds exactly this attempt.
func (r *reference) runs(m message) *refSlot {
	if int(m.launch.Slot) >= len(r.slots) {
		return nil
	}
	sl := &r.slots[m.launch.Slot]
	if !sl.state.holdsAttempt() || int(m.launch.Call) != len(sl.started) {
		return nil
	}
	return sl
}

func (r *reference) stop(sl *refSlot, status probe.Status) {
	sl.state, sl.status, sl.due = Stopping, status, r.now+r.cfg.StopGrace
	r.out = append(r.out, sl.effect(EffectStop, status))
}

func (r *reference) finish(sl *refSlot, status probe.Status, end End) {
	e := sl.effect(EffectFinished, status)
	e.Service, e.Holder = r.now-sl.launched, sl.s
	if !r.cfg.Forget {
		r.numbers[sl.s]++
		e.Seq = r.numbers[sl.s]
		k := refResult{holder: sl.s, seq: e.Seq, at: r.now, m: sl.m, status: status, served: e.Service}
		if status == 0 {
			k.status, k.body = end.Status, string(end.Body)
		}
		r.keep(k)
	}
	if !sl.orphan {
		r.out = append(r.out, e)
	}
}

func (sl *refSlot) effect(kind EffectKind, status probe.Status) Effect {
	return Effect{
		Kind: kind, Scheduler: sl.s, Slot: sl.m.Slot, Call: sl.m.Call, Ref: sl.m.Ref,
		Task: sl.m.Task, Attempt: sl.m.Attempt, Status: status,
	}
}

func (r *reference) refuse(e entry, why probe.Refusal) {
	r.out = append(r.out, Effect{
		Kind: EffectRefuse, Scheduler: e.scheduler, Ref: e.ref, Res: e.res, Count: e.count, Reason: why,
	})
}

func (r *reference) decline(m message, why probe.Refusal) {
	l := m.launch
	r.out = append(r.out, Effect{
		Kind: EffectDecline, Scheduler: m.s, Slot: l.Slot, Call: l.Call, Ref: l.Ref, Task: l.Task, Reason: why,
	})
}

// load counts what a Core's Load must say.
func (r *reference) load() Load {
	var in [Coming + 1]int
	for i := range r.slots {
		in[r.slots[i].state]++
	}
	l := Load{
		Slots: len(r.slots), Free: in[Free], Asking: in[Asking], Running: in[Running], Stopping: in[Stopping], Stuck: in[Stuck],
		Entries: len(r.queue), Results: len(r.results), Fences: len(r.fences),
	}
	if r.cfg.Offers {
		l.Slots, l.Offered, l.Held, l.Coming = r.cfg.Slots, in[Offered], in[Held], in[Coming]
		for i := range r.slots {
			if r.slots[i].state == Offered && r.slots[i].brief {
				l.Offered--
				l.Brief++
			}
		}
		l.Free = r.cfg.Slots - l.Asking - l.Running - l.Stopping - l.Stuck
	}
	for _, k := range r.results {
		l.ResultBytes += len(k.body)
	}
	for _, e := range r.queue {
		l.Reservations += uint64(e.count)
	}
	if r.fair != nil {
		l.Users = r.fair.users()
	}
	return l
}

// wake is the earliest alarm of a slot, or never.
func (r *reference) wake() time.Duration {
	first := never
	for i := range r.slots {
		if sl := &r.slots[i]; sl.state == Running || sl.state == Stopping {
			first = min(first, sl.due)
		}
		first = min(first, r.wakeLane(i))
	}
	for _, k := range r.results {
		first = min(first, k.at+r.cfg.ResultTTL)
	}
	return first
}
