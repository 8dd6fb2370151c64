// Package probe is the contract between schedulers and workers: the messages they exchange, their binary encoding, and
// the samplers that choose which workers a job probes.
//
// A scheduler leaves reservations at workers ([Reserve]); a reservation is the right to ask for a task of a job and
// holds no payload. A worker with a free slot asks ([GetTask]), and the scheduler answers with a task ([Launch]) or
// with
// [NoTask]: late binding. The worker reports the end of an attempt with [Finished]. When all tasks of a job are bound,
// the scheduler takes back what reservations are left ([Cancel]): proactive cancellation.
//
// Under idle offers a slot that frees offers itself ([Offer]) to a scheduler, which launches on that without being
// asked. Schedulers tell each other what waits ([Want]) and hand offers on ([Hand]).
//
// Every GetTask and offer carries a call number, counted per lane: without idle offers a lane is a slot. A Launch or
// NoTask names the call that it answers; each call is consumed once, so a repeated or late message changes nothing.
//
// Workers are chosen by [Sample], uniformly at random, or by [Seats] and [Ranker], for tasks with an affinity key.
//
// The package is pure: no I/O, no clock, no goroutine. Encoders append to the caller's buffer; decoded byte slices
// alias the frame that they came from. Neither allocates for the messages of a task; handshakes and [SetDef] do.
package probe
