package placement

import (
	"strconv"
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// EffectKind says what an [Effect] asks of the caller or tells it.
type EffectKind uint8

// The kinds of effects, and the fields that each of them fills besides Kind.
const (
	// EffectReserve sends a Reserve: Worker, Ref, Res, Count, and Task, what its tasks take: see [Core.Need]; 0 is one
	// slot.
	EffectReserve EffectKind = iota + 1
	// EffectCancel sends a Cancel: Worker, Ref, Res, and Count, how many reservations that takes back.
	EffectCancel
	// EffectLaunch sends a Launch: Worker, Slot, Call, Ref, Task, Attempt, Deadline, and Wait, from submit to now;
	// under IdleOffer also Service, what that is expected to be, and More, whether more waits. The answer to a repeated
	// GetTask is the same effect with less time left in Deadline.
	EffectLaunch
	// EffectNoTask sends a NoTask: Worker, Slot, Call.
	EffectNoTask
	// EffectKill sends a Kill for an attempt that no longer counts: Worker, Slot, Call, Ref, Task, Attempt.
	EffectKill
	// EffectRetry tells that an attempt failed or was lost and its task waits again: Ref, Task, Attempt, Worker, Code,
	// Wait, Service. For logs and metrics.
	EffectRetry
	// EffectTaskDone tells that a task has ended: Ref, Task, Outcome, Code, Attempt, Worker with HasWorker, Wait,
	// Service. There is exactly one for every task that was to run.
	EffectTaskDone
	// EffectClaim sends a Claim: Worker, Ref. The caller adds the job's id and epoch.
	EffectClaim
	// EffectJobDone tells that all tasks of a job have ended: Ref, Outcome, and Count, how many of them did not end OK.
	// The Ref is unknown from here on.
	EffectJobDone
	// EffectQuarantine tells that a worker fails everything and is out of sampling (Count 1), or that it is taken back
	// on trial (Count 0): Worker, Count. For logs and metrics.
	EffectQuarantine
	// EffectSetDef tells a peer what the number of a constraint set stands for, before it is used: Peer, Task (the
	// number); see [Core.Set].
	EffectSetDef
	// EffectWant sends a Want to a peer: Peer, Task (the set's number), Wait (the age), Count (the quota), Res (of that
	// at once).
	EffectWant
	// EffectHand hands an offer on to a peer: Peer, Worker with HasWorker, Slot, Call, Wait (until the slot is free),
	// Deadline (what is left of the offer's life), Attempt (hops), Res (its Brief). Without HasWorker it sends back the
	// Hand that it answers, with a hop more.
	EffectHand
	// EffectSpare sends a Spare to a peer: Peer, Task (the set's number), Count (the lack), Res (the floor).
	EffectSpare
)

// String returns the kind's name.
func (k EffectKind) String() string {
	switch k {
	case EffectReserve:
		return "Reserve"
	case EffectCancel:
		return "Cancel"
	case EffectLaunch:
		return "Launch"
	case EffectNoTask:
		return "NoTask"
	case EffectKill:
		return "Kill"
	case EffectRetry:
		return "Retry"
	case EffectTaskDone:
		return "TaskDone"
	case EffectClaim:
		return "Claim"
	case EffectJobDone:
		return "JobDone"
	case EffectQuarantine:
		return "Quarantine"
	case EffectSetDef:
		return "SetDef"
	case EffectWant:
		return "Want"
	case EffectHand:
		return "Hand"
	case EffectSpare:
		return "Spare"
	default:
		return "EffectKind(" + strconv.Itoa(int(k)) + ")"
	}
}

// Effect is one thing for the caller to do or to know. Which fields are filled
// depends on Kind; the others are zero.
type Effect struct {
	Ref      probe.Ref
	Code     task.Code     // why, for EffectRetry and for an EffectTaskDone that is not OK
	Deadline time.Duration // left until the job's deadline, > 0
	// Wait is from submit to the launch of the attempt that Attempt numbers; for
	// a task that ends without any attempt, from submit to that end.
	Wait      time.Duration
	Service   time.Duration // of that attempt, by the worker's clock; 0 if the worker did not say
	Worker    probe.WorkerID
	Call      uint32
	Res       uint32
	Count     uint32
	Task      uint32 // index into the job's tasks, or a number of something else
	Peer      PeerID
	Slot      uint16
	Attempt   uint16 // from 1; 0 if none started
	Kind      EffectKind
	Outcome   task.Outcome
	More      bool // EffectLaunch: more waits
	HasWorker bool // Worker is who had the last attempt; false if none started, or the last launch was declined
}

// cause is why an attempt or a task ended, in one byte per task.
type cause uint8

const (
	causeNone cause = iota
	causeAppFailed
	causePermanent
	causeTaskTimeout
	causeDeadline
	causeCancelled
	causeWorkerLost
	causeDoubt
	causeSuperseded
)

func (c cause) code() task.Code {
	switch c {
	case causeNone:
		return ""
	case causeAppFailed:
		return task.CodeAppFailed
	case causePermanent:
		return task.CodePermanent
	case causeTaskTimeout:
		return task.CodeTaskTimeout
	case causeDeadline:
		return task.CodeDeadline
	case causeCancelled:
		return task.CodeCancelled
	case causeWorkerLost:
		return task.CodeWorkerLost
	case causeDoubt:
		return task.CodeSchedulerLost
	case causeSuperseded:
		return task.CodeSuperseded
	default:
		return task.CodeInternal
	}
}

// outcome is how a task ends whose last allowed attempt ended this way.
func (c cause) outcome() task.Outcome {
	switch c {
	case causeNone:
		return task.OK
	case causeTaskTimeout, causeDeadline:
		return task.Timeout
	case causeCancelled:
		return task.Cancelled
	case causeAppFailed, causePermanent, causeWorkerLost:
		return task.Failed
	case causeDoubt, causeSuperseded:
		return task.Unknown
	default:
		return task.Unknown
	}
}
