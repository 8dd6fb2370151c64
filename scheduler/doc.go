// Package scheduler is the live scheduler: it takes jobs over HTTP and over
// client streams, keeps one connection to every worker that membership knows,
// and answers users about jobs and workers.
//
//	err := scheduler.Run(ctx, scheduler.Config{HTTP: "127.0.0.1:7070", Join: []string{"127.0.0.1:7947"}})
//
// Where tasks go is decided by package scheduler/placement, which is pure; this
// package decodes, calls that core under one lock, and carries out what it says.
// A scheduler is stateless: losing it loses nothing that its clients do not still have.
package scheduler
