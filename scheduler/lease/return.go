package lease

// Return is a job that is submitted under an id that is known here.
type Return struct {
	Epoch  uint32
	Other  bool // its specification is another one
	Covers bool // all tasks that this scheduler was not to run have finished, by this submission
	Lacks  bool // results of tasks that have ended here are not held any more, and this submission does not have them
}

// Answer is what becomes of it.
type Answer uint8

// The answers. All but the first two refuse it.
const (
	Join      Answer = iota + 1 // it is the job that is here
	Anew                        // it is accepted as if it were not: somebody else may have had it since
	OtherSpec                   // another job has its id
	Narrower                    // the job here runs without tasks that this one has not finished
	Elsewhere                   // the job is another scheduler's, or a later submission's
	Delivered                   // the job has delivered its results
	Crowded                     // it has too many owners
)

// Rejoin answers a job id that is known here: another job is a conflict, the same one is joined. It is not joined, and
// may be accepted anew, if it comes under a later epoch and this scheduler cannot go on with it: somebody else may have
// had it since, or it is over here and the results that its owner lacks are gone. Workers may have them still.
func (b *Book) Rejoin(j *Job, r Return) Answer {
	later := r.Epoch > j.Epoch
	var refusal Answer
	switch {
	case r.Other:
		return OtherSpec
	case later && (r.Epoch > j.Epoch+1 || j.Elsewhere()):
		return Anew
	case !r.Covers:
		refusal = Narrower
	case j.Elsewhere():
		refusal = Elsewhere
	case j.abandoned && j.over && later, r.Lacks:
		refusal = Delivered
	case j.owners >= b.cfg.MaxOwners:
		return Crowded
	default:
		return Join
	}
	if later {
		return Anew
	}
	return refusal
}

// Joined notes that a job was submitted again, and joined by who then owns it: who submits it owns it, and there is
// nothing to be asked.
func (b *Book) Joined(j *Job, epoch uint32) Do {
	j.Epoch, j.abandoned = max(j.Epoch, epoch), false
	if !j.isOwned() {
		return 0
	}
	return b.Release(j, NoOwner|Asked)
}
