// Package submission is the contract between the Go client and a scheduler:
// the messages of the client hop and their binary encoding. They travel on the
// same kind of connection as package probe's, and say what the HTTP interface
// says in JSON.
//
// The client numbers its jobs on a connection ([Submit.Seq]); the scheduler answers [Rejected], or [Accepted] and then
// one [TaskDone] per task as it finishes, a [TaskRetry] for each attempt that was in vain, and one [JobDone]. A job is
// the client's: when the connection ends, the client hands what is left of it to this or another scheduler under the
// next epoch, and a scheduler that hears of no owner for a while gives the job up.
package submission

// Kind says which message a frame holds.
type Kind uint8

// The messages between a client and a scheduler. Values are on the wire: append only. They do not overlap with package
// probe's, so that a frame sent to the wrong kind of peer is seen as unknown.
const (
	KindSubmit    Kind = iota + 64 // to the scheduler
	KindCancel                     // to the scheduler
	KindAccepted                   // to the client
	KindRejected                   // to the client
	KindTaskDone                   // to the client
	KindJobDone                    // to the client
	KindLimits                     // to the client, once, behind the Hello
	KindTaskRetry                  // to the client
	KindAsk                        // to the client
	KindStill                      // to the scheduler
	KindLeave                      // to the client, the last
)
