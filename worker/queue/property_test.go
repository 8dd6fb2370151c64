package queue

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
)

// TestCoreMatchesReference drives a core and the reference with the same messages, right ones,
// wrong ones, repeated ones and late ones, and requires the same effects and a sound state after
// each.
func TestCoreMatchesReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }
		m := newMachine(Config{
			Slots: 1 + pick(4), MaxReservations: 1 + pick(8), StopGrace: 20 * time.Millisecond, Apps: 3,
			OrphanGrace: 30 * time.Millisecond, ResultTTL: 100 * time.Millisecond, MaxResults: 1 + pick(8), MaxResultBytes: 1 + pick(40),
			Forget: pick(4) == 0, Discipline: FIFO + Discipline(pick(5)), Ageing: time.Duration(pick(2)) * 10 * time.Millisecond,
			StarvationBound: 20 * time.Millisecond, Weights: map[string]int{"a": 3, "org": 2, "org/x": 5},
			Offers: pick(2) == 0, Seed: uint64(pick(8)),
		}, pick)
		m.brisk = m.ref.cfg.Offers && pick(2) == 0
		t.Repeat(map[string]func(*rapid.T){
			"events": func(t *rapid.T) {
				for range 4 {
					if err := m.step(); err != nil {
						t.Fatal(err)
					}
				}
			},
		})
	})
}

// TestCoreMatchesReferenceForLong does the same in fewer and longer lives, up to slots in several
// blocks of alarms and calls that are beyond what a slot remembers.
func TestCoreMatchesReferenceForLong(t *testing.T) {
	type life struct {
		slots      int
		discipline Discipline
		offers     bool
		brisk      bool
	}
	var lives []life
	for _, slots := range []int{1, 2, 3, 8, 64, 65, 130} {
		lives = append(lives, life{slots: slots, discipline: FIFO})
	}
	for _, d := range []Discipline{Priority, Fair, EDF, SRPT} {
		lives = append(lives, life{slots: 1, discipline: d}, life{slots: 5, discipline: d})
	}
	for _, slots := range []int{1, 1, 2, 2, 3, 3, 8, 33, 65} {
		lives = append(lives, life{slots: slots, discipline: FIFO, offers: true})
	}
	for _, slots := range []int{1, 2, 4} {
		lives = append(lives, life{slots: slots, discipline: FIFO, offers: true, brisk: true})
	}
	reached := map[string]uint64{} // not every run with offers gets to all of it
	for seed, l := range lives {
		slots, offers := l.slots, l.offers
		t.Run(fmt.Sprintf("%v,slots=%d,offers=%v,brisk=%v", l.discipline, slots, offers, l.brisk), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 1))
			entries := 16
			if offers {
				entries = 2
			}
			m := newMachine(Config{
				Slots: slots, MaxReservations: entries, StopGrace: 20 * time.Millisecond, Apps: 3,
				OrphanGrace: 30 * time.Millisecond, ResultTTL: 100 * time.Millisecond, MaxResults: 10, MaxResultBytes: 60,
				Discipline: l.discipline, StarvationBound: 20 * time.Millisecond, Weights: map[string]int{"a": 3, "org": 2, "org/x": 5},
				Offers: offers,
			}, rng.IntN)
			m.neverDrain, m.brisk = true, l.brisk
			steps := 10_000
			if l.discipline != FIFO {
				steps = 2000 // the reference of Fair is very slow
			}
			for i := range steps {
				if err := m.step(); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, i, err)
				}
			}
			s := m.core.Stats()
			if s.Starved != m.ref.starved || (s.Starved > 0) != (l.discipline == SRPT) {
				t.Errorf("Starved: %d, want %d", s.Starved, m.ref.starved)
			}
			if l.discipline != FIFO {
				return
			}
			for name, n := range map[string]uint64{
				"RefusedFull": s.RefusedFull, "Cancelled": s.Cancelled, "Dropped": s.Dropped, "NoTasks": s.NoTasks,
				"DeclinedApp": s.DeclinedApp, "Abandoned": s.Abandoned, "Timeouts": s.Timeouts, "Deadlines": s.Deadlines,
				"Kills": s.Kills, "Orphans": s.Orphans, "Stuck": s.Stuck, "Finished": s.Finished, "Unreported": s.Unreported,
				"DeclinedStale": s.DeclinedStale, "StaleLaunches": s.StaleLaunches, "StaleReserves": s.StaleReserves,
				"Claims": s.Claims, "Adopted": s.Adopted, "DeclinedFenced": s.DeclinedFenced, "FencedClaims": s.FencedClaims, "ResultsDropped": s.ResultsDropped,
				"StaleAcks": s.StaleAcks, "StaleClaims": s.StaleClaims, "StaleCancels": s.StaleCancels, "StaleNoTasks": s.StaleNoTasks, "StaleKills": s.StaleKills, "StaleDones": s.StaleDones,
			} {
				reached[name] += n
				if n == 0 && !offers {
					t.Errorf("the run never reached %s", name)
				}
			}
			counts := reflect.ValueOf(m.core.OfferStats())
			for i := range counts.NumField() {
				reached[counts.Type().Field(i).Name] += counts.Field(i).Uint()
			}
		})
	}
	for name, n := range reached {
		if n == 0 {
			t.Errorf("no run reached %s", name)
		}
	}
}

// machine feeds one core and one reference.
type machine struct {
	core       *Core
	ref        *reference
	now        time.Duration
	pick       func(n int) int // one of 0…n-1
	sent       []message       // the latest messages, to be repeated
	handlers   map[uint16]uint32
	kept       map[uint16]message // launches that the core asked to keep
	neverDrain bool
	brisk      bool // time passes slowly, nothing is reserved, and all are in a hurry
	out        []Effect
}

func newMachine(cfg Config, pick func(int) int) *machine {
	cfg.BriefProof = 2 // so that there are brief apps, and such that are so no longer
	return &machine{core: New(cfg), ref: newReference(cfg), pick: pick, handlers: map[uint16]uint32{}, kept: map[uint16]message{}}
}

// step sends one message: usually one that fits the state, sometimes anything, sometimes an old one
// again.
func (m *machine) step() error {
	// Time goes so that an attempt sees a few events of its slot before its time is up, however
	// many slots there are.
	step := time.Duration(m.pick(8)) * 8 * time.Millisecond / time.Duration(m.ref.cfg.Slots)
	if m.ref.cfg.Offers {
		step /= 4 // launches are held for a few milliseconds
	}
	if m.brisk {
		step = time.Duration(m.pick(6)) * 30 * time.Microsecond
	}
	m.now += step
	msg := m.draw()
	if m.ref.cfg.Offers && m.pick(300) == 1 {
		m.now += probe.OfferLife + renewSpread // all offers that are new are old
		msg = message{kind: msgTick}
	}
	if len(m.ref.offers.held) > 0 && m.pick(16) == 1 {
		m.now += leadHops*maxHop + slack // for none of which a slot was free in time
		msg = message{kind: msgTick}
	}
	if len(m.sent) > 0 && msg.kind != msgTick && m.pick(8) == 0 {
		msg = m.sent[m.pick(len(m.sent))]
	}
	if len(m.sent) == 256 {
		m.sent = m.sent[1:]
	}
	m.sent = append(m.sent, msg)

	want := m.ref.handle(m.now, msg)
	m.out = m.send(msg, m.out[:0])
	if !slices.Equal(m.out, want) {
		return fmt.Errorf("%v after %+v:\n got %+v\nwant %+v", m.now, msg, m.out, want)
	}
	if err := m.core.CheckInvariants(); err != nil {
		return fmt.Errorf("%v after %+v: %w", m.now, msg, err)
	}
	for i := range m.out {
		if e := &m.out[i]; e.Kind == EffectFound && !slices.ContainsFunc(m.ref.results, func(k refResult) bool {
			return k.holder == e.Holder && k.seq == e.Seq && k.body == string(m.core.Body(e))
		}) {
			return fmt.Errorf("%v after %+v: %+v has the body %q", m.now, msg, e, m.core.Body(e))
		}
	}
	return m.audit(msg)
}

// draw makes a message. Three in four of those about a slot name its present call and scheduler.
func (m *machine) draw() message {
	kinds := []messageKind{
		msgUp, msgUp, msgDown, msgReserve, msgReserve, msgReserve, msgReserve, msgCancel, msgCancel, msgLaunch, msgLaunch, msgLaunch,
		msgLaunch, msgNoTask, msgNoTask, msgKill, msgDone, msgDone, msgDone, msgTick, msgTick, msgDrain, msgClaim, msgAck,
	}
	if m.ref.cfg.Offers {
		// With fewer reservations, so that there are times without any.
		kinds = append(slices.Delete(kinds, 4, 7),
			msgTakes, msgTakes, msgComing, msgComing, msgLaunch, msgLaunch, msgLaunch, msgLaunch, msgDone, msgDone, msgTick, msgTick, msgNoTask, msgKill)
	}
	if m.brisk {
		kinds = []messageKind{
			msgUp, msgTakes, msgTakes, msgTakes, msgTakesNone, msgReserve, msgLaunch, msgLaunch, msgLaunch, msgLaunch, msgLaunch, msgLaunch, msgLaunch, msgDone, msgDone, msgDone, msgDone, msgTick, msgKill, msgClaim, msgDrain,
			msgNoTask, msgNoTask, msgDown, msgComing, msgComing, msgComing,
		}
		if m.pick(20) > 0 {
			kinds = kinds[4:15]
		}
	}
	msg := message{
		kind: kinds[m.pick(len(kinds))], s: probe.SchedulerID(m.pick(4)),
		count: uint32(m.pick(4)), res: uint32(m.pick(3)),
	}
	if m.pick(4) == 0 {
		msg.count *= uint32(len(m.ref.slots))
	}
	if msg.kind == msgDown && m.pick(1+m.ref.cfg.Slots/4) > 0 {
		msg.kind = msgReserve
	}
	if msg.kind == msgDrain && (m.neverDrain || m.pick(4) > 0) {
		msg.kind = msgTick
	}
	users := []string{"", "a", "b", "org", "org/x", "org/y", "org/x/1/2/3/4/5/6/7/8", "org/x/1/2/3/4/5/6/7/9", "org/x/1/2/3/4/5/q"}
	msg.class = probe.Class{
		User: []byte(users[m.pick(len(users))]), Priority: int16(m.pick(5) - 2),
		Deadline: time.Duration(m.pick(5)) * 10 * time.Millisecond, Work: time.Duration(m.pick(4)) * time.Second,
	}
	l := &msg.launch
	l.Slot, l.Ref = uint16(m.pick(len(m.ref.slots)+1)), probe.Ref(m.pick(4))
	l.Task, l.Attempt, l.App = uint32(m.pick(9)), uint16(1+m.pick(3)), uint16(m.pick(16)/5)
	l.Deadline = time.Duration(m.pick(20)) * 5 * time.Millisecond
	l.Timeout = time.Duration(m.pick(20)) * 5 * time.Millisecond
	if m.ref.cfg.Offers {
		l.Expect, l.More = time.Duration(m.pick(6))*4*time.Millisecond, m.pick(2) == 0
	}
	m.drawLane(&msg)
	m.drawJob(&msg)
	msg.seq = uint64(m.pick(int(m.ref.numbers[msg.s]) + 2))
	msg.end = End{Status: probe.StatusOK, Body: []byte("a result of some bytes"[:m.pick(20)]), Owned: m.pick(2) == 0}
	if m.ref.cfg.Offers && m.pick(8) > 0 {
		msg.end.Took = time.Duration(m.pick(3)) * 10 * time.Microsecond
	}
	if m.brisk && m.pick(4) > 0 {
		l.More, l.App, l.Deadline, l.Timeout = true, 0, time.Second, 0
	}
	if int(l.Slot) < len(m.ref.slots) {
		sl := &m.ref.slots[l.Slot]
		l.Call = uint32(len(sl.started))
		if m.pick(4) > 0 {
			if sl.state != Free && ((sl.state != Offered && sl.state != Coming) || m.pick(2) == 0) && msg.kind != msgUp && msg.kind != msgDown && msg.kind != msgTakes && msg.kind != msgTakesNone {
				msg.s = sl.s
			}
		} else {
			l.Call = uint32(max(len(sl.started)+3-m.pick(80), 0))
		}
	}
	if msg.kind == msgCancel && len(m.ref.queue) > 0 && m.pick(2) == 0 {
		e := m.ref.queue[m.pick(len(m.ref.queue))]
		msg.s, msg.res, l.Ref = e.scheduler, e.res, e.ref
	}
	return msg
}

// drawLane draws a launch on an offer, if there are any, and a kill of one that waits.
func (m *machine) drawLane(msg *message) {
	if len(m.ref.offers.held) > 0 {
		switch m.pick(16) {
		case 0:
			msg.kind = msgKill
		case 1, 2:
			msg.kind = msgClaim
		}
	}
	want := map[messageKind]SlotState{msgLaunch: Offered, msgComing: Offered, msgKill: Held, msgClaim: Held}[msg.kind]
	if msg.kind == msgLaunch && m.pick(4) == 0 {
		want = Coming
	}
	if !m.ref.cfg.Offers || want == 0 || m.pick(4) == 0 {
		return
	}
	from := m.pick(len(m.ref.slots))
	for i := range m.ref.slots {
		if at := (from + i) % len(m.ref.slots); m.ref.slots[at].state == want {
			msg.launch.Slot = uint16(at)
			return
		}
	}
}

// drawJob draws from so many jobs that few launches are fenced. Most claims are of a job that runs.
func (m *machine) drawJob(msg *message) {
	l := &msg.launch
	l.Job[0], l.Job[1], l.Epoch = byte(m.pick(256)), byte(m.pick(256)), uint32(max(m.pick(8)-6, 0))
	if m.pick(6) == 0 {
		l.Job[1] = 0
	}
	if msg.kind != msgClaim {
		return
	}
	l.Epoch = uint32(1 + m.pick(3))
	if int(l.Slot) < len(m.ref.slots) && m.pick(4) > 0 {
		l.Job = m.ref.slots[l.Slot].m.Job
	}
}

func (m *machine) send(msg message, out []Effect) []Effect {
	c, l := m.core, &msg.launch
	switch msg.kind {
	case msgUp:
		return c.SchedulerUp(m.now, msg.s, msg.seq, out)
	case msgDown:
		return c.SchedulerDown(m.now, msg.s, out)
	case msgReserve:
		return c.ReserveClass(m.now, msg.s, probe.Reserve{Ref: l.Ref, Res: msg.res, Count: msg.count}, &msg.class, out)
	case msgCancel:
		return c.Cancel(m.now, msg.s, probe.Cancel{Ref: l.Ref, Res: msg.res}, out)
	case msgLaunch:
		return c.Launch(m.now, msg.s, l, out)
	case msgNoTask:
		return c.NoTask(m.now, msg.s, probe.NoTask{Slot: l.Slot, Call: l.Call}, out)
	case msgKill:
		return c.Kill(m.now, msg.s, probe.Kill{Slot: l.Slot, Call: l.Call}, out)
	case msgDone:
		return c.Done(m.now, l.Slot, l.Call, msg.end, out)
	case msgDrain:
		return c.Drain(m.now, out)
	case msgTick:
		out = c.Tick(m.now, out)
		if at, due := c.NextWake(); due && at <= m.now {
			panic(fmt.Sprintf("a Tick at %v leaves something due at %v", m.now, at))
		}
		return out
	case msgComing:
		return c.Coming(m.now, msg.s, probe.Coming{Slot: l.Slot, Call: l.Call}, out)
	case msgTakes:
		return c.OffersTo(m.now, msg.s, out)
	case msgTakesNone:
		return c.NoOffers(m.now, out)
	case msgClaim:
		return c.Claim(m.now, msg.s, probe.Claim{Ref: l.Ref, Job: l.Job, Epoch: l.Epoch}, out)
	case msgAck:
		c.Ack(m.now, msg.s, probe.Ack{Seq: msg.seq})
	}
	return out
}

// audit keeps books of its own about what the outside sees: one handler a slot, messages to
// connected schedulers only, loads and wake-ups as the reference counts them.
func (m *machine) audit(msg message) error {
	if call, runs := m.handlers[msg.launch.Slot]; msg.kind == msgDone && runs && call == msg.launch.Call {
		delete(m.handlers, msg.launch.Slot)
	}
	load := m.ref.load()
	if msg.kind == msgDown {
		maps.DeleteFunc(m.kept, func(_ uint16, k message) bool { return k.s == msg.s })
	}
	for _, e := range m.out {
		if err := m.auditKept(msg, &e); err != nil {
			return err
		}
		_, busy := m.handlers[e.Slot]
		if busy && (e.Kind == EffectGetTask || e.Kind == EffectStart || e.Kind == EffectOffer) {
			return fmt.Errorf("%v for slot %d, which is taken", e.Kind, e.Slot)
		}
		if e.Kind == EffectGetTask && int(e.Slot) >= load.Slots && !slices.Contains(m.ref.offers.takers, e.Scheduler) {
			return fmt.Errorf("%v in lane %d of a scheduler that knows of %d slots", e.Kind, e.Slot, load.Slots)
		}
		if e.Kind == EffectStart {
			m.handlers[e.Slot] = e.Call
		}
		if e.Kind != EffectStop && !slices.Contains(m.ref.up, e.Scheduler) {
			return fmt.Errorf("%v for scheduler %d, which is not connected", e.Kind, e.Scheduler)
		}
	}
	if len(m.handlers) > load.Slots || len(m.kept) != load.Held {
		return fmt.Errorf("%d handlers in %d slots, %d launches kept of %d", len(m.handlers), load.Slots, len(m.kept), load.Held)
	}
	if got := m.core.Load(); got != load {
		return fmt.Errorf("load %+v, want %+v", got, load)
	}
	if idle := load.Asking+load.Running+load.Stopping+load.Entries+load.Held+load.Coming == 0; m.core.Idle() != idle {
		return fmt.Errorf("idle %v with %+v", m.core.Idle(), load)
	}
	if m.core.Draining() != m.ref.draining {
		return fmt.Errorf("draining: %v", m.core.Draining())
	}
	at, ok := m.core.NextWake()
	want := m.ref.wake()
	switch {
	case want != never && (!ok || at > want):
		return fmt.Errorf("next wake %v, %v; want no later than %v", at, ok, want)
	case msg.kind == msgTick && ok && at <= m.now:
		return fmt.Errorf("next wake %v, right after a Tick at %v", at, m.now)
	case load.Running+load.Stopping+load.Offered+load.Brief+load.Held == 0 && ok && at < m.now-keepRing:
		return fmt.Errorf("next wake %v with nothing to wake", at)
	}
	return nil
}

// auditKept keeps book of launches that wait: one starts only if it was just launched or kept, and once it is declined
// or its end is reported it is kept no longer.
func (m *machine) auditKept(msg message, e *Effect) error {
	kept, waits := m.kept[e.Slot]
	waits = waits && kept.launch.Call == e.Call
	launched := msg.kind == msgLaunch && msg.launch.Slot == e.Slot && msg.launch.Call == e.Call
	switch e.Kind {
	case EffectHold:
		if !launched || waits {
			return fmt.Errorf("%+v after %+v, with %v kept", e, msg, waits)
		}
		m.kept[e.Slot] = msg
	case EffectStart:
		if !launched && (!waits || kept.s != e.Scheduler || kept.launch.Ref != e.Ref || kept.launch.Task != e.Task) {
			return fmt.Errorf("%+v, which was neither launched nor kept", e)
		}
		if waits {
			delete(m.kept, e.Slot)
		}
	case EffectDecline, EffectFinished:
		// A launch that is declined beside the one that is kept for the same call is another scheduler's, or of another
		// task.
		if waits && kept.s == e.Scheduler && kept.launch.Ref == e.Ref && kept.launch.Task == e.Task {
			delete(m.kept, e.Slot)
		}
	case EffectGetTask, EffectStop, EffectRefuse, EffectAdopt, EffectFound, EffectTold, EffectOffer:
	}
	return nil
}
