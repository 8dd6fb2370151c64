// Package scheduler is the live scheduler: it takes jobs over HTTP and over client streams, keeps one connection to
// every worker that membership knows, and answers users about jobs and workers.
//
//	err := scheduler.Run(ctx, scheduler.Config{HTTP: "127.0.0.1:7070", Join: []string{"127.0.0.1:7947"}})
//
// It decides nothing. Where tasks go is decided by package scheduler/placement, whose a job is by scheduler/lease, and
// when a worker may forget a result by scheduler/ack; all three are pure. This package is the shell around them: it
// decodes a message, takes its one lock, calls a core, carries out what that says in its order, and lets go. Nothing
// that can wait is done under the lock. A scheduler is stateless: losing it loses nothing that its clients do not still
// have.
//
// # Words
//
//   - A link is the connection to one life of a worker, a peer that to another scheduler, and a client that of a
//     program which uses the Go package. A stranger is a connection whose other end has not said yet which of them it
//     is.
//   - A turn is what a goroutine needs for one call of the core: room for effects, and the connections that they were
//     written to, which are flushed when the lock is free again.
//   - A record is what is known of one task of a job for those who ask.
//   - A receipt names a result that its worker keeps. It is settled when the result has reached whom it is for.
//
// # Where to find what
//
//	scheduler.go, config.go, turn.go           the process from start to drain; the lock, and what is done under it
//	stranger.go, follow.go                     handshakes; whom membership says to dial
//	link.go                                    workers
//	peers.go, peer.go                          other schedulers: who dials whom, and what is said there
//	client.go, client_send.go                  jobs of the Go client: what it says, and what it is told
//	http.go, events.go, waiting.go             jobs over HTTP, and requests that wait for them
//	submit.go, job.go, constraint.go           accepting a job, its life, and what it asks of workers
//	ownership.go                               what package lease says is done
//	receipt.go, credit.go, late.go, retries.go results and failed attempts on their way to those who want them
//	payload.go, record.go, digest.go           what a job takes while it lives
//	retention.go, archive.go, places.go        what stays of a job, and for how long
//	listing.go, why.go                         what users see of jobs, and why a task still waits
package scheduler
