// Package worker is the live worker and the executor SDK: it runs the tasks of
// its apps in its slots, for every scheduler of the fleet that connects.
//
//	err := worker.Run(ctx, worker.Config{
//		Slots: 8,
//		Apps:  map[string]worker.Handler{"grep": grep},
//		Join:  []string{"127.0.0.1:7946"},
//	})
//
// What the slots do next is decided by package worker/queue, which is pure; this package decodes,
// calls that core under one lock, and carries out what it says. User code runs on one goroutine per
// attempt under way, or, if it has been seen to return within microseconds, in the reader of the connection
// that its launch came by; everything else happens in the readers.
package worker
