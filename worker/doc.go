// Package worker is the live worker and the executor SDK: it runs the tasks of its apps in its slots, for every
// scheduler of the fleet that connects.
//
//	err := worker.Run(ctx, worker.Config{
//		Slots: 8,
//		Apps:  map[string]worker.Handler{"grep": grep},
//		Join:  []string{"127.0.0.1:7946"},
//	})
//
// What users of the SDK need is in handler.go and config.go: a [Handler] gets a [Task] and returns its result, an error
// that another attempt may get over, or one marked by [Permanent].
//
// What the slots do next is decided by package worker/queue, which is pure. This package is the shell around it: it
// decodes a message, takes its one lock, calls the core, carries out what that says in its order, and lets go. User
// code runs on one goroutine per attempt under way, or, if it has been seen to return within microseconds, in the
// reader of the connection that its launch came by; everything else happens in the readers.
//
// # Where to find what
//
//	worker.go, turn.go              the process from start to drain; the lock, and what is done under it
//	peer.go, large.go, pause.go     connections of schedulers, and what must not overtake what on them
//	slot.go, attempt.go, held.go    one attempt: its task, its context, its end; launches that wait for a slot
//	runner.go, leader.go, brief.go  the goroutines that handlers run on, and which handlers run in a reader
//
// The handlers that a worker can have without Go code of its user are in package worker/app.
package worker
