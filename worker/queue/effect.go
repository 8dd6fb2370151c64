package queue

import (
	"strconv"
	"time"

	"dunnock/probe"
)

// EffectKind says what an [Effect] asks the caller to do.
type EffectKind uint8

// The kinds of effects, and the fields that each of them fills besides Kind.
const (
	// EffectGetTask sends a GetTask: Scheduler, Slot, Call, Ref, Res.
	EffectGetTask EffectKind = iota + 1
	// EffectStart runs the handler of the Launch just passed in, or of the one held for this slot and call: Scheduler,
	// Slot, Call, Ref, Task, Attempt.
	EffectStart
	// EffectStop cancels the context of the attempt in a slot: Scheduler, Slot, Call, Ref, Task,
	// Attempt, and Status, which says why: StatusTimeout for the attempt's timeout, StatusKilled
	// for the rest.
	EffectStop
	// EffectFinished sends a Finished: Scheduler, Slot, Call, Ref, Task, Attempt, Service, Seq, Status.
	// Status 0 means that the handler's own outcome counts: the caller sets Status and Body from
	// it. Any other Status is final and the handler's outcome, if there is one, is thrown away.
	EffectFinished
	// EffectRefuse sends a Refuse: Scheduler, Ref, Res, Count, Reason.
	EffectRefuse
	// EffectDecline sends a Decline: Scheduler, Slot, Call, Ref, Task, Reason. Call 0: of a Claim. Ref 0: of an offer,
	// which is taken back.
	EffectDecline
	// EffectAdopt sends an Adopt: Scheduler, Slot, Call, Ref, Task, Attempt, Service (the time since its start).
	EffectAdopt
	// EffectFound sends a Found: Scheduler, Slot, Call, Ref, Task, Attempt, Service, Status, Seq, Holder. The body is
	// [Core.Body].
	EffectFound
	// EffectTold sends a Told, behind all that was said before: Scheduler, Ref, Seq (what is acknowledged), Dropped.
	EffectTold
	// EffectOffer sends an Offer: Scheduler, Slot, Call, Service (the time until the slot is free), Res (its Brief),
	// Count (its Renewed).
	EffectOffer
	// EffectHold keeps the Launch just passed in, with its payload, until an EffectStart of its slot and call runs it,
	// or an EffectDecline or EffectFinished of them or the SchedulerDown of its scheduler lets go of it: Scheduler,
	// Slot, Call, Ref, Task, Attempt.
	EffectHold
)

// String returns the kind's name.
func (k EffectKind) String() string {
	switch k {
	case EffectGetTask:
		return "GetTask"
	case EffectStart:
		return "Start"
	case EffectStop:
		return "Stop"
	case EffectFinished:
		return "Finished"
	case EffectRefuse:
		return "Refuse"
	case EffectDecline:
		return "Decline"
	case EffectAdopt:
		return "Adopt"
	case EffectFound:
		return "Found"
	case EffectTold:
		return "Told"
	case EffectOffer:
		return "Offer"
	case EffectHold:
		return "Hold"
	default:
		return "EffectKind(" + strconv.Itoa(int(k)) + ")"
	}
}

// Effect is one thing for the caller to do. Which fields are filled depends on Kind; the others are
// zero.
type Effect struct {
	Ref       probe.Ref
	Service   time.Duration     // launch to the end of the attempt, ≥ 0; of an offer: until its slot is free
	Seq       uint64            // of the result, for its holder
	Holder    probe.SchedulerID // for whom the result is kept: Scheduler, or who had the job before
	Scheduler probe.SchedulerID
	Call      uint32
	Res       uint32
	Count     uint32 // reservations given back, ≥ 1
	Task      uint32
	Slot      uint16
	Attempt   uint16
	Kind      EffectKind
	Status    probe.Status
	Reason    probe.Refusal
	Dropped   bool
}

// GetTask returns the message of an [EffectGetTask].
func (e *Effect) GetTask() probe.GetTask {
	return probe.GetTask{Slot: e.Slot, Call: e.Call, Ref: e.Ref, Res: e.Res}
}

// Finished returns the message of an [EffectFinished] or [EffectFound]; the caller adds Body, and Status where it is
// 0.
func (e *Effect) Finished() probe.Finished {
	seq := e.Seq
	if e.Holder != e.Scheduler {
		seq = 0 // a number of another's
	}
	return probe.Finished{
		Seq: seq, Slot: e.Slot, Call: e.Call, Ref: e.Ref, Task: e.Task, Attempt: e.Attempt,
		Status: e.Status, Service: e.Service,
	}
}

// Refuse returns the message of an [EffectRefuse].
func (e *Effect) Refuse() probe.Refuse {
	return probe.Refuse{Ref: e.Ref, Res: e.Res, Count: e.Count, Reason: e.Reason}
}

// Decline returns the message of an [EffectDecline].
func (e *Effect) Decline() probe.Decline {
	return probe.Decline{Slot: e.Slot, Call: e.Call, Ref: e.Ref, Task: e.Task, Reason: e.Reason}
}

// Adopt returns the message of an [EffectAdopt].
func (e *Effect) Adopt() probe.Adopt {
	return probe.Adopt{Slot: e.Slot, Call: e.Call, Ref: e.Ref, Task: e.Task, Attempt: e.Attempt, Elapsed: e.Service}
}

// Offer returns the message of an [EffectOffer].
func (e *Effect) Offer() probe.Offer {
	return probe.Offer{Slot: e.Slot, Call: e.Call, Ready: e.Service, Brief: uint16(e.Res), Renewed: uint8(e.Count)}
}

// Told returns the message of an [EffectTold].
func (e *Effect) Told() probe.Told {
	return probe.Told{Ref: e.Ref, Acked: e.Seq, Dropped: e.Dropped}
}
