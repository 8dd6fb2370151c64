package probe

import (
	"time"

	"dunnock/internal/wire"
	"dunnock/task"
)

// MaxLanes is how many lanes a worker can have. See [Offer].
const MaxLanes = 2 * MaxSlots

// How many lanes a worker has beside two for each of its slots, for launches of brief apps: six for each slot, but at
// least 128, as many as can end while a message goes out and another comes in, and together at most [MaxLanes].
const (
	briefPerSlot = 6
	leastBrief   = 128
)

// Lanes is how many lanes a worker of so many slots may number its calls in.
func Lanes(slots int) int {
	return max(2*slots, min(2*slots+max(briefPerSlot*slots, leastBrief), MaxLanes))
}

// PolicyIdleOffer is the policy of a fleet whose schedulers take offers, as their Hello has it. A worker makes none to
// a scheduler of another.
const PolicyIdleOffer = "idle-offer"

// OffersServe reports whether idle offers serve a fleet of so many slots and schedulers, at least as well as
// reservations do. Each slot is known to one scheduler. Where there are few of them for each it takes asking most of
// the others to find one: more messages than sampling takes, and more time. Five schedulers or fewer ask all the
// others. Workers and schedulers go by the same rule: in other fleets workers make no offers, and tasks wait for none.
func OffersServe(slots, schedulers int) bool { return slots >= slotsEach*(schedulers-askAll) }

const (
	slotsEach = 8 // of each scheduler beyond so many
	askAll    = 5
)

// Offer says that a slot is free, or soon will be, and the queue empty: whoever has the offer may launch one task on
// it, by a [Launch] that names its lane and call. That may be the scheduler that it was sent to or, when it was handed
// on, any other that the worker is connected with.
//
// Offers and GetTasks are numbered together, in lanes: one sequence of calls each, strictly one after the other. A
// worker of k slots that only asks when a slot is free has k lanes, which are its slots. One that offers a slot before
// it is free does it in another lane than the one whose attempt still runs, and one whose attempts of an app end sooner
// than a message gets anywhere may offer more of that app than it has slots, so it has up to [Lanes]. Which slot runs
// what was launched in a lane is the worker's own affair; Slot in all messages is the number of a lane.
//
// An offer carries no class: it leaves while nothing is queued, so that it is nobody's turn in particular.
type Offer struct {
	Slot  uint16
	Call  uint32
	Ready time.Duration // until the slot is free; 0: it is now
	Brief uint16        // 0: any task will do; else the offer is for the app of index Brief - 1 in the worker's Hello, and no slot's in particular

	// Renewed is how often the offer was made anew because nothing came of it, 0 to MaxRenewed. Each time it is good
	// for twice as long, so that slots which are free for long cost ever fewer messages.
	Renewed uint8
}

// For how long an [Offer] is good. Its worker makes it anew a little later, since an offer may be lost with whoever
// holds it.
const (
	OfferLife  = 4500 * time.Millisecond // one that is new
	MaxRenewed = 4                       // doublings: to 72 s
)

// Life is for how long an offer is good that was made anew so often.
func Life(renewed uint8) time.Duration { return OfferLife << min(renewed, MaxRenewed) }

// Want says between schedulers what of one set of waiting tasks is to be had from the other's offers. It replaces what
// was said of the set before.
type Want struct {
	Set   uint32        // that a [SetDef] on this connection has named
	Age   time.Duration // of the oldest job that waits
	Quota uint32        // offers to hand on in all; 0: none any more
	Now   uint32        // of those, to be handed on at once from what is held; ≤ Quota
}

// MaxMore is the highest count of offers that a [Hand] says its giver has left.
const MaxMore = 1<<8 - 1

// Hand passes an offer on to another scheduler. Who has it may hand it on in turn.
type Hand struct {
	Worker Incarnation // whose slot it is
	Slot   uint16
	Call   uint32
	Ready  time.Duration // until the slot is free; 0: it is now
	Left   time.Duration // until the offer is to be dropped, because its worker makes it anew
	Hops   uint8         // how often it was handed on, this time included; ≥ 1
	More   uint8         // offers that the giver has left; [MaxMore]: that many or more
	Brief  uint16        // as in [Offer]
}

// Spare asks another scheduler for offers that it does not need, so that the next job finds some here.
type Spare struct {
	Set   uint32 // that a [SetDef] on this connection has named
	Lack  uint32 // how many at most; ≥ 1
	Floor uint32 // the giver keeps at least so many
}

// SetDef gives a number to a set of tasks that are alike in what they need and in their class, for what is said of them
// on this connection by the speaker. It is said before the number is used; a number that is defined again means the new
// set from then on.
type SetDef struct {
	Set      uint32 // ≥ 1
	App      string
	Labels   []Label // required, sorted by key; at most twice task.MaxLabels: those of a job and those of a task
	User     string  // with Priority the class; empty: of no user, or it makes no difference
	Priority int16
}

// AppendOffer appends the encoding of m.
func AppendOffer(b []byte, m Offer) []byte {
	b = wire.AppendUint(b, uint64(m.Slot))
	b = wire.AppendUint(b, uint64(m.Call))
	b = wire.AppendDuration(b, m.Ready)
	if m.Renewed > 0 {
		return wire.AppendUint(wire.AppendUint(b, uint64(m.Brief)), uint64(m.Renewed))
	}
	return appendBrief(b, m.Brief)
}

// appendBrief ends an offer with the app that it is for, if it is for one.
func appendBrief(b []byte, brief uint16) []byte {
	if brief == 0 {
		return b
	}
	return wire.AppendUint(b, uint64(brief))
}

// readBrief reads what [appendBrief] has written: a 0 is not written.
func readBrief(r *wire.Reader) (brief uint16, ok bool) {
	if r.Len() == 0 {
		return 0, true
	}
	brief = r.Uint16()
	return brief, brief != 0
}

// DecodeOffer reads an Offer.
func DecodeOffer(body []byte) (Offer, error) {
	r := wire.NewReader(body)
	m := Offer{Slot: r.Uint16(), Call: r.Uint32(), Ready: r.Duration()}
	if r.Len() > 0 { // what is 0 at the end is not written
		if m.Brief = r.Uint16(); r.Len() > 0 {
			m.Renewed = r.Uint8()
		}
		if m.Brief|uint16(m.Renewed) == 0 || m.Renewed > MaxRenewed {
			return Offer{}, wire.ErrMalformed
		}
	}
	if m.Slot >= MaxLanes {
		return Offer{}, wire.ErrMalformed
	}
	return m, r.Close()
}

// AppendWant appends the encoding of m.
func AppendWant(b []byte, m Want) []byte {
	b = wire.AppendUint(b, uint64(m.Set))
	b = wire.AppendDuration(b, m.Age)
	b = wire.AppendUint(b, uint64(m.Quota))
	return wire.AppendUint(b, uint64(m.Now))
}

// DecodeWant reads a Want.
func DecodeWant(body []byte) (Want, error) {
	r := wire.NewReader(body)
	m := Want{Set: r.Uint32(), Age: r.Duration(), Quota: r.Uint32(), Now: r.Uint32()}
	if m.Set == 0 || m.Now > m.Quota {
		return Want{}, wire.ErrMalformed
	}
	return m, r.Close()
}

// AppendHand appends the encoding of m.
func AppendHand(b []byte, m Hand) []byte {
	b = wire.AppendUint(b, uint64(m.Worker))
	b = wire.AppendUint(b, uint64(m.Slot))
	b = wire.AppendUint(b, uint64(m.Call))
	b = wire.AppendDuration(b, m.Ready)
	b = wire.AppendDuration(b, m.Left)
	b = wire.AppendUint(b, uint64(m.Hops))
	b = wire.AppendUint(b, uint64(m.More))
	return appendBrief(b, m.Brief)
}

// DecodeHand reads a Hand.
func DecodeHand(body []byte) (Hand, error) {
	r := wire.NewReader(body)
	m := Hand{Worker: Incarnation(r.Uint64()), Slot: r.Uint16(), Call: r.Uint32(), Ready: r.Duration(), Left: r.Duration(), Hops: r.Uint8(), More: r.Uint8()}
	var ok bool
	if m.Brief, ok = readBrief(&r); !ok || m.Slot >= MaxLanes || m.Hops == 0 {
		return Hand{}, wire.ErrMalformed
	}
	return m, r.Close()
}

// AppendSpare appends the encoding of m.
func AppendSpare(b []byte, m Spare) []byte {
	b = wire.AppendUint(b, uint64(m.Set))
	b = wire.AppendUint(b, uint64(m.Lack))
	return wire.AppendUint(b, uint64(m.Floor))
}

// DecodeSpare reads a Spare.
func DecodeSpare(body []byte) (Spare, error) {
	r := wire.NewReader(body)
	m := Spare{Set: r.Uint32(), Lack: r.Uint32(), Floor: r.Uint32()}
	if m.Set == 0 || m.Lack == 0 {
		return Spare{}, wire.ErrMalformed
	}
	return m, r.Close()
}

// AppendSetDef appends the encoding of m.
func AppendSetDef(b []byte, m *SetDef) []byte {
	b = wire.AppendUint(b, uint64(m.Set))
	b = wire.AppendString(b, m.App)
	b = appendLabels(b, m.Labels)
	b = wire.AppendString(b, m.User)
	return wire.AppendInt(b, int64(m.Priority))
}

// DecodeSetDef reads a SetDef.
func DecodeSetDef(body []byte) (SetDef, error) {
	r := wire.NewReader(body)
	m := SetDef{Set: r.Uint32(), App: r.String(task.MaxNameLen)}
	var good bool
	m.Labels, good = readLabels(&r, 2*task.MaxLabels)
	m.User = r.String(task.MaxUserLen)
	m.Priority = r.Int16()
	if !good || m.Set == 0 || !task.ValidApp(m.App) {
		return SetDef{}, wire.ErrMalformed
	}
	return m, r.Close()
}
