// Package storm breaks whole fleets, one for each seed, and demands that they keep what they promise. A fleet is the
// cores of production code, those of client/owner, scheduler/placement, scheduler/lease, scheduler/ack and
// worker/queue, in shells of virtual time, on a network where anything may go wrong. For a while jobs come and faults
// strike; then all is well, and the fleet has to finish what it has accepted, within a bound, and come to rest with
// nothing left behind.
//
// # What a seed decides
//
// A [Plan]: how large the fleet is, how much it has to do, and which faults strike how often. One seed in ten has none,
// others a few kinds, others all. The same seed is the same run on every machine, so that a number is all that a
// failure needs.
//
// # What is production code and what is modelled
//
// The cores decide. What carries out their decisions is modelled, as small as it can be, after the live shells:
//
//   - Connections are ordered both ways and lose nothing but themselves. When one ends, its ends learn it each in its
//     own time, or never; then the lease tells. Beats are not sent: an end that hears nothing for a lease gives up, as
//     it would. What is sent into a cut path arrives when it heals.
//   - Between schedulers and workers, and among schedulers, messages may also come twice or be overtaken, which TCP
//     does not do; all but a Told, which ends what was said before it.
//   - A process that is stopped finds what has come in when it is continued, in any order among its connections and
//     timers. A worker that stood still for longer than a lease first closes its connections; a scheduler that missed a
//     beat first asks its clients what they still own.
//   - When results are acknowledged, and when a job waits because its client has too much to read, is decided by
//     scheduler/ack, as in the fleet. Results have sizes and no content.
//   - What is large goes out in pieces, and small messages overtake it: results both ways, and what a client answers
//     while it sends a large job. A lane's next call and a job's end wait for their own large results.
//   - A client that reads slowly, or not at all, lives and says so; what it is sent waits at its end of the connection.
//   - Who owns which job at a scheduler (rejoined, held, given up, replaced) is decided by scheduler/lease, as in the
//     fleet.
//   - A scheduler's link to a worker and a worker's connections follow the packages scheduler and worker, and so do the
//     connections between schedulers of policy idle-offer. HTTP, payloads, and limits by count and size are left out.
//   - A scheduler that leaves tells its clients that this is its last word, and waits for a while until they have hung
//     up. In some fleets it leaves with jobs that run, when that has taken too long.
//   - In some fleets tasks take several slots or resources, have affinity keys, or meet workers with a discipline other
//     than first in, first out, which make no offers.
//   - Gossip is late, and lies.
//
// # What is checked
//
// The books see handlers begin and end, messages of claims, and what clients are told; they ask no core. Every accepted
// task has one outcome at its owner. No task starts again unless it has failed, or a fault has touched its worker, its
// scheduler, its client or a connection between them since. What may start once starts once, and ends unknown only if a
// fault has touched somebody who knows. A job is submitted under a later epoch only if the scheduler before has taken
// it, or a fault kept it from saying that it has not. Starts are within max_attempts, but for those whose end a fault
// kept from being counted. Nothing of a job is launched while its clients have too much to read. What runs on a worker
// takes no more slots and resources than it has. While plain tasks keep coming a wide one starts before those that came
// long after it. Nothing starts behind a fence. Nothing is stopped because of a rumour. An outcome is what happened. At
// rest nothing is left: no job, reservation, attempt or result; with idle offers each free slot is on offer, whom it
// was offered to holds just that, and nobody wants any. And every core checks its invariants, every few steps or at
// each.
package storm
