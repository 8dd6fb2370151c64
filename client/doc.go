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
// Who has nothing to do until all tasks have ended calls [Client.Do], which returns all results, and costs less than to
// submit and to wait.
//
// Attempts in vain, which are followed by others, are told of by [Handle.Events].
//
// A client keeps one connection to each scheduler that it uses and many jobs share it. It
// picks the scheduler of a job by rendezvous hashing of the job's id, so that everyone who
// submits one job asks the same scheduler.
//
// # What is promised
//
// The client owns its jobs. Once Submit has returned, every task gets one outcome, by the job's deadline at the latest,
// for as long as the client lives:
//
//   - A scheduler that is lost, and one that drains or refuses for now, is replaced by the next in Config.Schedulers,
//     within milliseconds if the connection to that is there (one is kept in reserve). What has finished is not done
//     again, what runs goes on, and max_attempts holds over all schedulers. With all of them gone the client waits for
//     one, until the deadline.
//   - A connection that breaks is made anew, and the job goes on where it was.
//   - Each outcome is told once, also if two schedulers say it.
//   - A task of a job that may run at most once never starts twice. After the loss of a scheduler those that no worker
//     has started by then end unknown.
//
// Jobs are in the client's memory only: closing the client, or losing it, ends the unfinished ones. Tasks may start
// again after a fault, so that what they do outside should bear it.
package client
