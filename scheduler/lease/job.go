package lease

import (
	"time"

	"dunnock/probe"
)

// Hold says why a job starts nothing for now. There may be several reasons.
type Hold uint8

// The reasons.
const (
	NoOwner Hold = 1 << iota // it has no owner
	Asked                    // its owner has been asked whether it is one
	Unread                   // its owner has too much to read
)

// Do says what is to be done with a job, in the order of the constants; 0: nothing.
type Do uint8

// What may be done.
const (
	Suspend   Do = 1 << iota // it starts nothing more for now
	Resume                   // it goes on
	Cancel                   // it ends
	Supersede                // it ends here, and what runs of it runs on
)

// Job is whose a job is. Its exported fields are set when it is accepted.
type Job struct {
	Ref      probe.Ref
	Epoch    uint32 // under which it was submitted last
	Drains   bool   // when it is abandoned, what runs of it ends by itself
	Detached bool   // it lives without owners

	owners     int
	asked      int // of them, that were asked and have not answered
	hold       Hold
	orphaned   time.Duration // when it lost its last owner
	abandoned  bool
	superseded bool
	over       bool
}

// Owners is how many clients and requests own the job.
func (j *Job) Owners() int { return j.owners }

// Held returns why the job starts nothing for now; 0: it may start.
func (j *Job) Held() Hold { return j.hold }

// Orphaned is when the job lost its last owner; 0: it never did.
func (j *Job) Orphaned() time.Duration { return j.orphaned }

// Abandoned reports whether the job was given up because no owner came back, or by its owner's word.
func (j *Job) Abandoned() bool { return j.abandoned }

// Elsewhere reports whether another scheduler has the job under a later epoch, or a later submission here.
func (j *Job) Elsewhere() bool { return j.superseded }

// Keeps reports whether what ends of the job now is to be kept for an owner who may come: none of its clients follows
// it, and nobody owns it.
func (j *Job) Keeps(followers int) bool { return followers == 0 && j.hold&NoOwner != 0 }

// isOwned reports whether the job has all that it needs of owners.
func (j *Job) isOwned() bool { return j.owners > 0 || j.Detached }
