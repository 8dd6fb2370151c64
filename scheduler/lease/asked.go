package lease

// Ask notes that one owner of a job is asked whether it is one. Until that is answered nothing of the job is started.
func (b *Book) Ask(j *Job) Do {
	if j.over {
		return 0
	}
	j.asked++
	return b.Hold(j, Asked)
}

// Answered notes that an owner says that it is one, who may have been asked. One is enough.
func (b *Book) Answered(j *Job, asked bool) Do {
	if asked {
		j.asked = max(j.asked-1, 0)
	}
	return b.Release(j, Asked)
}

// Unanswered notes that an owner who was asked is gone, or has given the job up. When no owner is left that could
// answer, the others may own it: those who have come since.
func (b *Book) Unanswered(j *Job) Do {
	if j.asked = max(j.asked-1, 0); j.asked > 0 {
		return 0
	}
	return b.Release(j, Asked)
}
