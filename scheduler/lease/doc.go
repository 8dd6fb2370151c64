// Package lease decides whose a job is at a scheduler, and what becomes of one that nobody owns.
//
// A job belongs to those who submitted it, for as long as they are connected. Without an owner it starts nothing, and
// after a grace in which an owner may come back it is given up: cancelled at once, or when what runs of it has ended if
// it asked for that. What is not certain is asked: after a pause of the scheduler's process, in which its clients may
// have taken it for dead and handed their jobs to others, nothing starts until each has said what it still owns here.
//
// # Vocabulary
//
//   - An owner is a client that follows a job, or a request that waits for it. A detached job lives without.
//   - A job is held while there is a reason for which it starts nothing ([Hold]).
//   - It is an orphan from the loss of its last owner until another comes, and abandoned when none has come within the
//     grace.
//   - It is superseded when a worker has obeyed another scheduler under a later epoch, and when it was submitted here
//     again under so late an epoch that somebody else may have had it in between.
//   - A job that was abandoned or superseded has parted when it ends: it may go on elsewhere, and what comes in of it
//     is somebody's.
//
// # The caller's part
//
// A [Book] has no lock and no clock. Its caller calls one method at a time, with times that do not run backwards, and
// does what a method returns ([Do]) to the job at once. It keeps one [Job] for each job, and one [Client] for each
// connection of a client:
//
//	for _, o := range client.Leave() { // its connection has ended
//		if o.Asked {
//			do(o.Job, book.Unanswered(&o.Job.lease))
//		}
//		do(o.Job, book.Disown(now, &o.Job.lease))
//	}
//	…
//	for job, ok := book.Due(now); ok; job, ok = book.Due(now) { // the grace is over
//		do(job, book.Abandon(job, running))
//	}
//
// The package does not know payloads, results, workers or connections, and does not compare specifications.
package lease
