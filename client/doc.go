// Package client submits jobs to a fleet and gives back their results.
//
//	c, err := client.New(client.Config{Schedulers: []string{"127.0.0.1:7070"}})
//	…
//	h, err := c.Submit(ctx, task.Job{App: "grep", Tasks: tasks})
//	…
//	for r := range h.Results() {
//		fmt.Println(r.Task, r.Outcome, string(r.Value))
//	}
//
// A client keeps one connection to each scheduler that it uses and many jobs share it. It
// picks the scheduler of a job by rendezvous hashing of the job's id, so that everyone who
// submits one job asks the same scheduler. Closing the client, or losing it, ends its unfinished jobs.
package client
