package probe

import (
	"time"

	"dunnock/task"
)

// Version is the protocol version in every handshake and frame. Peers with
// another version are refused.
const Version = 5

// StreamPath is where a node's HTTP server takes fleet connections.
const StreamPath = "/v1/stream"

// Bounds of a message between scheduler and worker, in bytes. Every node can receive the largest, so
// that each may set its own lower limit on payloads and results.
const (
	MaxPayload = 16 << 20           // payload of a task, and result
	MaxMessage = MaxPayload + 4<<10 // with what describes it
)

// Ref is a job as its scheduler numbers it: unique while that scheduler
// process lives, compact on the wire. It says nothing to anyone else.
type Ref uint64

// WorkerID is the dense number a scheduler gives a connected worker. It may be
// used again once the connection has ended.
type WorkerID uint32

// SchedulerID is the dense number a worker gives a connected scheduler.
type SchedulerID uint32

// Kind says which message a frame holds.
type Kind uint8

// The messages between a scheduler and a worker. Values are on the wire: append only.
const (
	KindHello       Kind = iota + 1 // both ways, first on a connection
	KindReserve                     // to the worker
	KindCancel                      // to the worker
	KindGetTask                     // to the scheduler
	KindLaunch                      // to the worker
	KindNoTask                      // to the worker
	KindFinished                    // to the scheduler
	KindRefuse                      // to the scheduler
	KindDecline                     // to the scheduler
	KindKill                        // to the worker
	KindDrain                       // to the scheduler
	KindLoad                        // to the scheduler
	KindClaim                       // to the worker
	KindAdopt                       // to the scheduler
	KindFound                       // to the scheduler
	KindTold                        // to the scheduler
	KindAck                         // to the worker
	KindOffer                       // to the scheduler
	KindWant                        // between schedulers
	KindHand                        // between schedulers
	KindSpare                       // between schedulers
	KindSetDef                      // between schedulers
	KindReserveNeed                 // to the worker
	KindComing                      // to the worker
)

// Reserve leaves Count reservations for a job in a worker's queue.
type Reserve struct {
	Ref   Ref
	Res   uint32 // numbers the job's reservations at one worker; comes back in GetTask, Cancel and Refuse
	Count uint32 // ≥ 1
}

// Cancel takes back what is left of one reservation. A GetTask under way is answered all the same.
type Cancel struct {
	Ref Ref
	Res uint32
}

// GetTask asks for a task for a free slot, on the strength of a reservation,
// of which it uses up one. The slot is taken until the answer.
type GetTask struct {
	Slot uint16
	Call uint32 // counts up per slot over the worker's life, from 1; with the slot's offers
	Ref  Ref
	Res  uint32
}

// Launch answers a GetTask, or uses an Offer, with a task to run in its slot.
type Launch struct {
	Slot     uint16
	Call     uint32 // the GetTask that this answers, or the Offer that it uses
	Ref      Ref
	Job      task.JobID
	Task     uint32 // index into the job's tasks
	Attempt  uint16 // from 1
	Epoch    uint32
	App      uint16        // index into the worker's Hello.Apps
	Deadline time.Duration // time left for the job, > 0
	Timeout  time.Duration // of this attempt; 0: only the deadline
	Expect   time.Duration // what its service will be, as far as the scheduler can tell; 0: it cannot
	More     bool          // the scheduler has more that waits
	Payload  []byte
}

// Coming says that the Launch that uses an Offer is on its way, and so long that it goes in pieces: a payload may need
// longer than an offer is good for. Small as it is, it gets ahead of that payload and of those before it. From then on
// the slot is the launch's, as if it had asked.
type Coming struct {
	Slot uint16
	Call uint32 // the Offer
}

// NoTask answers a GetTask when no task is left for it.
type NoTask struct {
	Slot uint16
	Call uint32
}

// Status is how one attempt at a task ended on its worker.
type Status uint8

// Values are on the wire: append only.
const (
	StatusOK        Status = iota + 1 // Body is the result
	StatusFailed                      // Body is the error text; may be tried again
	StatusPermanent                   // Body is the error text; not to be tried again
	StatusTimeout                     // task_timeout passed
	StatusKilled                      // ended by Kill, or by the job's deadline
)

// Finished reports the end of an attempt. The slot is free again. The worker keeps it until it is acknowledged, and
// says it again, as a [KindFound], to whom it may concern: to the same life of the scheduler on its next connection, or
// to another that claims the job.
type Finished struct {
	Seq     uint64 // numbers what this life of the worker reports to this life of the scheduler, from 1; 0: another scheduler's, found by a Claim
	Slot    uint16
	Call    uint32 // of the Launch
	Ref     Ref
	Task    uint32
	Attempt uint16
	Status  Status
	Service time.Duration // launch to finish, on the worker's clock
	Body    []byte        // result or error text, ≤ MaxResult
}

// Refusal says why a worker did not take something.
type Refusal uint8

// Values are on the wire: append only.
const (
	RefusedFull     Refusal = iota + 1 // the queue is at its limit
	RefusedDraining                    // the worker is leaving
	RefusedStale                       // the call was answered before, or never made
	RefusedApp                         // the worker has no such app
	RefusedFenced                      // the job is another scheduler's now, or of a later epoch
	RefusedEarly                       // the slot that was offered was not free in time
)

// Refuse gives back reservations that the worker did not queue, or drops while
// draining.
type Refuse struct {
	Ref    Ref
	Res    uint32
	Count  uint32
	Reason Refusal
}

// Decline gives back a Launch that the worker did not start: neither an attempt nor a failure. With [RefusedFenced] it
// may also name an attempt that runs, which another scheduler has claimed. With Ref 0, which no job has, it takes back
// the offer of that slot and call.
type Decline struct {
	Slot   uint16
	Call   uint32
	Ref    Ref
	Task   uint32
	Reason Refusal
}

// Kill ends a running attempt; the worker answers with Finished.
type Kill struct {
	Slot uint16
	Call uint32 // of the Launch
}

// Drain announces that the worker is leaving: sample it no more. Running attempts finish. Left is the last word of one
// that is idle: it hangs up and will not be back, and what was launched and has no end has never started. A connection
// that ends without it has broken.
type Drain struct{ Left bool }

// Load tells how full the worker is, over all schedulers: for listings, never
// for placement. Sent when it changed, at most a few times a second.
type Load struct {
	Busy   uint32 // slots taken
	Queued uint32 // reservations in the queue
}

// Claim says that the speaker owns a job from now on, under an epoch that is higher than any before. The worker starts
// nothing of the job for others any more, hands over what it holds of it (Adopt, Found), and says when that was all
// (Told).
type Claim struct {
	Ref   Ref // the speaker's, for all that is said of the job from here on
	Job   task.JobID
	Epoch uint32 // > 0
}

// Adopt says that an attempt of the scheduler's runs: one it launched on an earlier connection, or one of a job that it
// claims. Its end is reported as if the scheduler had launched it by that call.
type Adopt struct {
	Slot    uint16
	Call    uint32
	Ref     Ref
	Task    uint32
	Attempt uint16
	Elapsed time.Duration // since its start, on the worker's clock
}

// Told ends what a worker says that it holds: of a claimed job, or, with Ref 0, of everything, once after each
// handshake. What it did not say of a job that it had been told to run never started, unless Dropped.
type Told struct {
	Ref     Ref
	Acked   uint64 // with Ref 0: results up to this number are not kept any more
	Dropped bool   // not all is said: results were dropped before anyone had acknowledged them, or another scheduler has claimed what ran
}

// Ack says that all results up to Seq have reached who owns them.
type Ack struct{ Seq uint64 }
