package queue

import (
	"slices"
	"time"

	"dunnock/probe"
)

// refOffers is what the reference has for idle offers. Seats and lanes refer to each other by number; everything else
// is found out when it is needed. It shares with the core the constants and the hash.
type refOffers struct {
	seats   []refSeat
	freed   []int // free seats in the order in which they were freed
	held    []int // lanes, oldest first
	coming  []int // lanes, oldest first
	takers  []probe.SchedulerID
	blocks  map[uint16]int // attempts for which nothing is asked ahead
	wrongs  map[uint16]int // how many it were last, less those that were right since
	answers []time.Duration

	trust map[uint16]*refTrust
	moved time.Duration
}

// refTrust is what is known of an app's attempts.
type refTrust struct {
	score int
	mean  time.Duration
}

type refSeat struct {
	lane, offer int // −1: none
	last        probe.Launch
	lastOf      probe.SchedulerID
	lastAt      time.Duration
}

// refLane is what offers add to a lane.
type refLane struct {
	renewed int // offered: how often because it was old
	seat    int
	since   time.Duration // offered, asking, held
	over    time.Duration // offered: when it is old; held: when it is declined; running: when to ask ahead
	expect  time.Duration

	announced bool // it has been said of its present call that a launch is coming

	brief  bool   // it is offered for a brief app, or the launch that waits came on such an offer
	app    uint16 // that app; of what runs
	slow   bool   // running: its app was not brief
	warned bool
}

func (r *reference) newSeats() {
	r.offers.blocks, r.offers.wrongs, r.offers.trust = map[uint16]int{}, map[uint16]int{}, map[uint16]*refTrust{}
	for app := range uint16(8) {
		r.offers.trust[app] = &refTrust{}
	}
	for i := range r.cfg.Slots {
		r.offers.seats = append(r.offers.seats, refSeat{lane: -1, offer: -1})
		r.offers.freed = append(r.offers.freed, r.cfg.Slots-1-i)
	}
}

func (r *reference) takes(s probe.SchedulerID) {
	o := &r.offers
	if !r.cfg.Offers || !slices.Contains(r.up, s) || slices.Contains(o.takers, s) {
		return
	}
	before := make([]probe.SchedulerID, len(o.seats))
	for i := range o.seats {
		before[i] = r.home(i)
	}
	o.takers = append(o.takers, s)
	for i, st := range o.seats {
		if st.lane < 0 && st.offer >= 0 && r.home(i) != before[i] {
			r.sayAgain(st.offer, 0)
		}
	}
}

func (r *reference) takerDown(s probe.SchedulerID) {
	o := &r.offers
	if !slices.Contains(o.takers, s) {
		return
	}
	o.takers = slices.DeleteFunc(o.takers, func(t probe.SchedulerID) bool { return t == s })
	for i := range r.slots {
		switch {
		case r.slots[i].state != Offered:
		case r.slots[i].brief:
			r.recall(i)
		case len(o.takers) == 0:
			r.drop(i)
		default:
			r.sayAgain(i, 0)
		}
	}
}

func (r *reference) home(seat int) (home probe.SchedulerID) {
	draw := offers{seed: r.cfg.Seed}
	var best uint64
	for _, s := range r.offers.takers {
		if rank := draw.hash(uint32(seat), uint32(s)); rank > best {
			home, best = s, rank
		}
	}
	return home
}

func (r *reference) hop() time.Duration {
	a := r.offers.answers
	if len(a) == 0 {
		return minHop
	}
	a = a[max(0, len(a)/hopWindow-1)*hopWindow:]
	judged, near := a[:min(len(a), hopWindow)], 0
	for _, d := range judged {
		if shortest := slices.Min(judged); d <= shortest+shortest/2 {
			near++
		}
	}
	most := usualHop
	if len(judged) >= hopAnswers && near*nearShare >= len(judged) {
		most = maxHop
	}
	return min(max(slices.Min(a)/2, minHop), most)
}

func (r *reference) sample(sl *refSlot) {
	if d := r.now - sl.since; r.cfg.Offers && d > 0 && d <= 2*maxHop {
		r.offers.answers = append(r.offers.answers, d)
	}
}

// leave frees the seat of a lane that asked or ran.
func (r *reference) leave(i int) {
	if r.cfg.Offers {
		s := r.slots[i].seat
		r.offers.seats[s].lane = -1
		r.offers.freed = append(r.offers.freed, s)
	}
}

// drop frees a lane that was offered, or whose launch waited.
func (r *reference) drop(i int) {
	o := &r.offers
	for s := range o.seats {
		if o.seats[s].offer == i {
			o.seats[s].offer = -1
		}
	}
	o.held = slices.DeleteFunc(o.held, func(h int) bool { return h == i })
	o.coming = slices.DeleteFunc(o.coming, func(h int) bool { return h == i })
	r.slots[i].brief = false
	r.slots[i].state = Free
	r.freed = append(r.freed, i)
}

func (r *reference) giveBack(i int, why probe.Refusal) {
	r.decline(message{s: r.slots[i].s, launch: r.slots[i].m}, why)
	r.drop(i)
}

func (r *reference) popLane() int {
	i := r.freed[len(r.freed)-1]
	r.freed = r.freed[:len(r.freed)-1]
	return i
}

// laneFor takes a lane to ask a scheduler in: the first ones, if it takes no offers.
func (r *reference) laneFor(s probe.SchedulerID) int {
	if slices.Contains(r.offers.takers, s) {
		return r.popLane()
	}
	low := func(i int) bool { return i < r.cfg.Slots }
	if !slices.ContainsFunc(r.freed, low) {
		r.drop(slices.IndexFunc(r.slots, func(sl refSlot) bool { return sl.state == Offered }))
	}
	for at, i := range slices.Backward(r.freed) {
		if low(i) {
			r.freed = slices.Delete(r.freed, at, at+1)
			return i
		}
	}
	panic("no lane")
}

func (r *reference) sit(s, i int) {
	o := &r.offers
	o.freed = slices.DeleteFunc(o.freed, func(f int) bool { return f == s })
	o.seats[s].lane, r.slots[i].seat = i, s
}

// occupy finds a seat for a launch on an offered lane.
func (r *reference) occupy(i int) bool {
	o := &r.offers
	own := r.slots[i].seat
	s := own
	if r.slots[i].brief {
		if len(o.freed) == 0 {
			return false
		}
		r.slots[i].brief = false
		r.sit(o.freed[len(o.freed)-1], i)
		return true
	}
	if o.seats[own].lane >= 0 {
		if len(o.freed) == 0 {
			return false
		}
		s = o.freed[len(o.freed)-1]
		passed := o.seats[s].offer
		if o.seats[own].offer = passed; passed >= 0 {
			r.slots[passed].seat = own
		} else {
			r.slots[o.seats[own].lane].expect = 0
		}
	}
	o.seats[s].offer = -1
	r.sit(s, i)
	return true
}

func (r *reference) deal() {
	o := &r.offers
	for len(o.freed) > 0 && len(o.held)+len(o.coming)+len(r.queue) > 0 {
		if len(o.held) > 0 {
			i := o.held[0]
			o.held = o.held[1:]
			r.occupy(i)
			sl := &r.slots[i]
			sl.state, sl.since = Asking, r.now
			m := message{s: sl.s, launch: sl.m}
			m.launch.Deadline = max(0, m.launch.Deadline-(r.now-sl.launched))
			r.launch(m)
			continue
		}
		if len(o.coming) > 0 {
			i := o.coming[0]
			o.coming = o.coming[1:]
			r.occupy(i)
			r.slots[i].state = Asking
			continue
		}
		s := o.freed[len(o.freed)-1]
		if o.seats[s].offer >= 0 {
			r.drop(o.seats[s].offer)
		}
		i := r.laneFor(r.queue[r.turn()].scheduler)
		r.sit(s, i)
		r.getTask(i)
	}
	if r.draining || len(o.takers) == 0 {
		return
	}
	for _, s := range slices.Backward(o.freed) {
		if o.seats[s].offer < 0 {
			r.offerSeat(s)
		}
	}
}

func (r *reference) offerSeat(s int) {
	i := r.popLane()
	r.offers.seats[s].offer, r.slots[i].seat, r.slots[i].state = i, s, Offered
	r.sayOffer(i, 0)
}

// sayAgain makes an offer anew, and says so to whom it was made before.
func (r *reference) sayAgain(i, renewed int) {
	old, call, at := r.slots[i].s, uint32(len(r.slots[i].started)), len(r.out)
	r.sayOffer(i, renewed)
	if r.slots[i].s != old && slices.Contains(r.offers.takers, old) {
		r.out = slices.Insert(r.out, at, Effect{Kind: EffectDecline, Scheduler: old, Slot: uint16(i), Call: call, Reason: probe.RefusedStale})
	}
}

func (r *reference) sayOffer(i, renewed int) {
	o := &r.offers
	sl := &r.slots[i]
	st := &o.seats[sl.seat]
	sl.started = append(sl.started, false)
	sl.s, sl.since, sl.announced, sl.renewed = r.home(sl.seat), r.now, false, renewed
	if st.last.More && r.now-st.lastAt < crowdHops*r.hop() && slices.Contains(o.takers, st.lastOf) {
		sl.s = st.lastOf
	}
	var ready time.Duration
	if st.lane >= 0 {
		ready = max(0, r.slots[st.lane].launched+r.slots[st.lane].expect-r.now)
	}
	call := uint32(len(sl.started))
	draw := offers{seed: r.cfg.Seed}
	sl.over = r.now + 4500*time.Millisecond<<renewed + time.Duration(draw.hash(uint32(i), call)%uint64(renewSpread))
	r.out = append(r.out, Effect{Kind: EffectOffer, Scheduler: sl.s, Slot: uint16(i), Call: call, Service: ready, Count: uint32(renewed)})
}

func (r *reference) offered(m message) bool {
	if !r.cfg.Offers || int(m.launch.Slot) >= len(r.slots) || !slices.Contains(r.up, m.s) {
		return false
	}
	sl := &r.slots[m.launch.Slot]
	return sl.state == Offered && int(m.launch.Call) == len(sl.started)
}

// comes has a lane wait for a launch that is on its way, in a seat or for one.
func (r *reference) comes(m message) {
	if r.offered(m) {
		i := int(m.launch.Slot)
		sl := &r.slots[i]
		r.sample(sl)
		sl.state, sl.s, sl.announced = Coming, m.s, true
		r.offers.coming = append(r.offers.coming, i)
	}
}

func (r *reference) awaits(m message) bool {
	if int(m.launch.Slot) >= len(r.slots) {
		return false
	}
	sl := &r.slots[m.launch.Slot]
	return sl.state == Coming && int(m.launch.Call) == len(sl.started) && sl.s == m.s
}

func (r *reference) hold(m message) {
	sl := &r.slots[m.launch.Slot]
	sl.state, sl.m, sl.launched = Held, m.launch, r.now // when it came
	wait := max(minHold, leadHops*r.hop()+slack)
	if sl.brief {
		wait, sl.app, sl.warned = briefWait, m.launch.App, false
	} else if runs := r.offers.seats[sl.seat].lane; runs >= 0 {
		wait = max(wait, r.slots[runs].launched+r.slots[runs].expect-r.now+slack)
	}
	sl.over = r.now + wait
	r.offers.held = append(r.offers.held, int(m.launch.Slot))
	r.out = append(r.out, sl.effect(EffectHold, 0))
}

func (r *reference) begun(i int) {
	if !r.cfg.Offers {
		return
	}
	o := &r.offers
	sl := &r.slots[i]
	st := &o.seats[sl.seat]
	st.last, st.lastOf, st.lastAt = sl.m, sl.s, r.now
	sl.expect, sl.over = sl.m.Expect, never
	switch lead := leadHops * r.hop(); {
	case sl.expect == 0:
	case o.blocks[sl.m.App] > 0:
		o.blocks[sl.m.App]--
	case sl.expect <= lead:
		r.offerAhead(i)
	default:
		sl.over = r.now + sl.expect - lead
	}
	sl.app, sl.slow = sl.m.App, !r.trusts(sl.m.App)
	o.moved = r.now
	r.fill(i)
	r.offerBrief(i)
}

// fill takes back what is offered for brief apps when all slots run something else.
func (r *reference) fill(i int) {
	slow := 0
	for at := range r.slots {
		if sl := &r.slots[at]; sl.state.holdsAttempt() && sl.slow {
			slow++
		}
	}
	if !r.slots[i].slow || slow < r.cfg.Slots {
		return
	}
	for at := range r.slots {
		if sl := &r.slots[at]; sl.brief && sl.state == Offered {
			r.recall(at)
		}
	}
}

func (r *reference) trusts(app uint16) bool { return r.offers.trust[app].score >= r.cfg.BriefProof }

// offerBrief offers lanes for the app of what has just been started.
func (r *reference) offerBrief(i int) {
	o := &r.offers
	seat, m := r.slots[i].seat, r.slots[i].m
	if !m.More || len(o.freed) > 0 || !r.trusts(m.App) || r.draining || len(r.queue) > 0 || len(o.takers) == 0 {
		return
	}
	for n := probe.Lanes(r.cfg.Slots); len(r.slots) < n; {
		for at := n - 1; at >= len(r.slots); at-- {
			r.freed = append(r.freed, at)
		}
		more := make([]refSlot, n-len(r.slots))
		for at := range more {
			more[at].state = Free
		}
		r.slots = append(r.slots, more...)
	}
	to := r.home(seat)
	if slices.Contains(o.takers, r.slots[i].s) {
		to = r.slots[i].s
	}
	for range briefStep {
		all, mine, fast := 0, 0, r.cfg.Slots
		for at := range r.slots {
			sl := &r.slots[at]
			if sl.brief {
				all++
				if sl.app == m.App {
					mine++
				}
			}
			if sl.state.holdsAttempt() && sl.slow {
				fast--
			}
		}
		depth := int(2 * r.hop() / max(o.trust[m.App].mean, 1))
		if all >= len(r.slots)-2*r.cfg.Slots || mine >= depth*fast {
			return
		}
		lane := r.popLane()
		sl := &r.slots[lane]
		sl.state, sl.brief, sl.app, sl.s, sl.since, sl.over = Offered, true, m.App, to, r.now, r.now+briefLapse
		sl.started = append(sl.started, false)
		r.out = append(r.out, Effect{Kind: EffectOffer, Scheduler: to, Slot: uint16(lane), Call: uint32(len(sl.started)), Res: uint32(m.App) + 1})
	}
}

// learn takes what an attempt took.
func (r *reference) learn(sl *refSlot, took time.Duration) {
	if !r.cfg.Offers || r.cfg.Discipline > FIFO {
		return
	}
	if took == 0 {
		took = r.now - sl.launched
	}
	o := &r.offers
	t := o.trust[sl.m.App]
	t.mean += (took - t.mean) / 16
	was := r.trusts(sl.m.App)
	if took <= r.hop()/briefShare {
		t.score = min(t.score+1, 2*r.cfg.BriefProof)
		return
	}
	cost := r.cfg.BriefProof
	if took <= longShare*r.hop()/briefShare {
		cost = min(cost, longCost)
	}
	if t.score = max(0, t.score-cost); was && !r.trusts(sl.m.App) {
		r.retreat(sl.m.App)
	}
}

func (r *reference) recall(i int) {
	if sl := &r.slots[i]; slices.Contains(r.offers.takers, sl.s) {
		r.out = append(r.out, Effect{Kind: EffectDecline, Scheduler: sl.s, Slot: uint16(i), Call: uint32(len(sl.started)), Reason: probe.RefusedStale})
	}
	r.drop(i)
}

func (r *reference) retreat(app uint16) {
	r.offers.trust[app].score = 0
	for i := range r.slots {
		switch sl := &r.slots[i]; {
		case !sl.brief || sl.app != app || sl.state == Coming:
		case sl.state == Offered:
			r.recall(i)
		default:
			r.giveBack(i, probe.RefusedEarly)
		}
	}
}

func (r *reference) offerAhead(i int) {
	o := &r.offers
	s := r.slots[i].seat
	if !r.draining && len(o.takers) > 0 && len(r.queue) == 0 && o.seats[s].offer < 0 {
		r.offerSeat(s)
	}
}

func (r *reference) judge(sl *refSlot) {
	switch o, app := &r.offers, sl.m.App; {
	case sl.expect <= 0:
	case r.now-sl.launched-sl.expect > overrun:
		r.wrong(app)
	default:
		o.wrongs[app] = max(o.wrongs[app]-1, 0)
	}
}

func (r *reference) wrong(app uint16) {
	o := &r.offers
	o.wrongs[app] = min(max(2*o.wrongs[app], minBlock), maxBlock)
	o.blocks[app] = o.wrongs[app]
}

// tickLane does what has come due in a lane because of offers.
func (r *reference) tickLane(i int) bool {
	sl := &r.slots[i]
	if !r.cfg.Offers || sl.over > r.now {
		return false
	}
	runs := r.offers.seats[sl.seat].lane
	switch {
	case sl.brief && sl.state == Offered:
		r.drop(i)
	case sl.brief && r.now-r.offers.moved < briefWait:
		sl.warned, sl.over = false, r.offers.moved+briefWait
	case sl.brief && !sl.warned:
		sl.warned, sl.over = true, r.now+briefGrace
	case sl.brief:
		r.retreat(sl.app)
	case sl.state == Offered && runs >= 0:
		r.drop(i)
	case sl.state == Offered:
		r.sayAgain(i, min(sl.renewed+1, 4))
	case sl.state == Held:
		r.slots[runs].expect = 0
		r.wrong(r.slots[runs].m.App)
		r.giveBack(i, probe.RefusedEarly)
	case sl.state == Running && sl.due > r.now:
		sl.over = never
		r.offerAhead(i)
	default:
		return false
	}
	return true
}

func (r *reference) wakeLane(i int) time.Duration {
	sl := &r.slots[i]
	if r.cfg.Offers && (sl.state == Offered || sl.state == Held || sl.state == Running) {
		return sl.over
	}
	return never
}

func (r *reference) killHeld(m message) {
	if int(m.launch.Slot) >= len(r.slots) {
		return
	}
	sl := &r.slots[m.launch.Slot]
	if sl.state == Held && sl.s == m.s && int(m.launch.Call) == len(sl.started) {
		sl.launched, sl.orphan = r.now, false
		r.finish(sl, probe.StatusKilled, End{})
		r.drop(int(m.launch.Slot))
	}
}

func (r *reference) drainOffers() {
	for i := range r.slots {
		if r.slots[i].state == Offered {
			r.drop(i)
		}
	}
	for len(r.offers.held) > 0 {
		r.giveBack(r.offers.held[0], probe.RefusedDraining)
	}
}

// launchLate is a Launch that no lane waits for: declined, but for a copy of the one that the lane has, or of one of
// the last four that were started there.
func (r *reference) launchLate(m message) {
	if !slices.Contains(r.up, m.s) {
		return
	}
	if l := m.launch; int(l.Slot) < len(r.slots) {
		sl := &r.slots[l.Slot]
		has := sl.state == Held || sl.state.holdsAttempt()
		if has && int(l.Call) == len(sl.started) && sl.s == m.s && sl.m.Ref == l.Ref && sl.m.Task == l.Task {
			return
		}
		for n, at := len(sl.by), 0; at < min(n, 4); at++ {
			if b := sl.by[n-1-at]; b == (startOf{l.Ref, m.s, l.Task, l.Call}) {
				return
			}
		}
	}
	r.decline(m, probe.RefusedStale)
}
