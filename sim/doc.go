// Package sim is a discrete-event simulator of the fleet: the production cores of its schedulers and workers under
// virtual time, and rival placement policies beside them on the very same jobs. It answers what no laboratory is large
// enough to measure, and what no fleet can repeat.
//
// # What is real and what is modelled
//
// Policies late-binding and late-binding-nocancel run package placement once for each scheduler and package queue once
// for each worker, unchanged: sampling, reservations, calls, cancellation, retries, timers. The package models what
// surrounds them: a network in which a message takes one delay, handlers that run for their service time, connections,
// crashes and clients. There are no bytes: messages are structs, nothing is encoded, and CPU time costs nothing. The
// other policies are models of their own, one file each.
//
// # Vocabulary
//
//   - The response of a job counts from its arrival at its scheduler to the arrival of its last result there, and two
//     client delays.
//   - The wait of a task counts from its job's arrival to its launch, as a scheduler sees it: without the hop that
//     takes it to its slot.
//   - A hop is one network delay. Every message takes one, in whatever direction.
//   - The warm-up is the jobs that statistics leave out, since a run begins with an empty fleet.
//
// # Order and randomness
//
// Time is integer nanoseconds. What happens at one time happens in the order in which it was planned. All randomness
// comes from the seed, by streams that are told apart by labels: the scheduler of job j, the sampling of each
// scheduler, faults. So a run is a function of its [Config] and its workload, and its digest, over every task's worker
// and every job's response, is the same on every machine and with every release of Go.
//
// Jobs go to schedulers by a stream of its own, uniformly and independently, as clients of a fleet choose them; the
// choice for a job depends on its place in the workload only.
//
// # What it refuses to do
//
// It has no sockets and no goroutines, and reads the clock only to say how fast it was. It does not model the CPU of
// schedulers (but for policy central), admission, gossip, or payloads; with [Faults], it models leases by their outcome
// and not beat by beat.
package sim
