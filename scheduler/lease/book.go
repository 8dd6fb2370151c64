package lease

import (
	"cmp"
	"time"
)

// Defaults of [Config].
const (
	DefaultGrace     = time.Second
	DefaultPartedFor = 20 * time.Second
	DefaultMaxParted = 1 << 16
	DefaultMaxOwners = 1000
)

// Config tunes a [Book]. Zero fields take their defaults.
type Config struct {
	// Grace is how long a job without an owner waits for one to come back. Default 1 s.
	Grace time.Duration
	// PartedFor is how long what comes in of a job that has parted is somebody's: it was on its way, or its worker was
	// not connected. Default 20 s, as long as results are kept.
	PartedFor time.Duration
	// MaxParted bounds the jobs that have parted and are remembered; the oldest go. Default 65,536.
	MaxParted int
	// MaxOwners bounds the owners of one job: each is told of every task. Default 1000.
	MaxOwners int
}

// Book is what a scheduler knows of whose its jobs are.
type Book struct {
	cfg      Config
	held     Counts
	orphans  []orphan // in the order of their times
	draining []*Job   // abandoned, and something of them runs
	parted   parted
}

// Counts are unfinished jobs that start nothing for now, by reason; one may be counted for several.
type Counts struct{ NoOwner, Asked, Unread int }

func (n *Counts) add(why Hold, by int) {
	if why&NoOwner != 0 {
		n.NoOwner += by
	}
	if why&Asked != 0 {
		n.Asked += by
	}
	if why&Unread != 0 {
		n.Unread += by
	}
}

// orphan is a job that had no owner any more at some time.
type orphan struct {
	job *Job
	at  time.Duration
}

// New returns a book without jobs.
func New(cfg Config) *Book {
	cfg.Grace = cmp.Or(cfg.Grace, DefaultGrace)
	cfg.PartedFor = cmp.Or(cfg.PartedFor, DefaultPartedFor)
	cfg.MaxParted = cmp.Or(cfg.MaxParted, DefaultMaxParted)
	cfg.MaxOwners = cmp.Or(cfg.MaxOwners, DefaultMaxOwners)
	return &Book{cfg: cfg}
}

// Held counts the jobs that start nothing for now.
func (b *Book) Held() Counts { return b.held }

// Hold keeps a job from starting anything for a reason.
func (b *Book) Hold(j *Job, why Hold) Do {
	if j.over {
		return 0
	}
	before := j.hold
	b.held.add(why&^before, 1)
	j.hold |= why
	if before == 0 {
		return Suspend
	}
	return 0
}

// Release takes a reason back.
func (b *Book) Release(j *Job, why Hold) Do {
	if j.hold&why == 0 {
		return 0
	}
	b.held.add(j.hold&why, -1)
	j.hold &^= why
	if j.hold == 0 && !j.over {
		return Resume
	}
	return 0
}

// Own gives a job one owner more.
func (b *Book) Own(j *Job) { j.owners++ }

// Disown takes one owner from a job, whose connection has ended. Without any it waits for one to come back.
func (b *Book) Disown(now time.Duration, j *Job) Do {
	j.owners--
	if j.isOwned() || j.over {
		return 0
	}
	return b.orphan(now, j)
}

func (b *Book) orphan(now time.Duration, j *Job) Do {
	j.orphaned = now
	b.orphans = append(b.orphans, orphan{j, now})
	return b.Hold(j, NoOwner)
}

// GiveUp takes one owner from a job that its owner has given up by its own word: nobody will come back for it. So many
// tasks of it run.
func (b *Book) GiveUp(j *Job, running int) Do {
	j.owners--
	if j.isOwned() || j.over {
		return 0
	}
	return b.Hold(j, NoOwner) | b.Abandon(j, running)
}

// Abandon ends a job without an owner, of which so many tasks run: at once, or when they have ended if it drains. Then
// it is among [Book.Draining] until that is so.
func (b *Book) Abandon(j *Job, running int) Do {
	j.abandoned = true
	if running > 0 && j.Drains {
		b.draining = append(b.draining, j)
		return 0
	}
	return Cancel
}

// Draining returns, and forgets, the jobs that were abandoned while something of them ran, and that are neither over
// nor owned again. The caller abandons each of them once more.
func (b *Book) Draining() []*Job {
	var list []*Job
	for _, j := range b.draining {
		if !j.over && j.abandoned {
			list = append(list, j)
		}
	}
	b.draining = nil
	return list
}

// Drains reports whether there are such jobs. Then they are to be looked at after each event by which something may run
// no more: an end, and also a launch that is given back or has never arrived.
func (b *Book) Drains() bool { return len(b.draining) > 0 }

// Due returns the next job whose grace is over and that nobody owns, for the caller to abandon; false if there is none.
func (b *Book) Due(now time.Duration) (*Job, bool) {
	for len(b.orphans) > 0 && b.orphans[0].at+b.cfg.Grace <= now {
		o := b.orphans[0]
		b.orphans[0] = orphan{}
		b.orphans = b.orphans[1:]
		j := o.job
		if !j.over && j.orphaned == o.at && !j.isOwned() {
			return j, true
		}
	}
	if len(b.orphans) == 0 {
		b.orphans = nil
	}
	return nil, false
}

// NextDue is when [Book.Due] may have something next; false: not before another job loses its owner.
func (b *Book) NextDue() (time.Duration, bool) {
	if len(b.orphans) == 0 {
		return 0, false
	}
	return b.orphans[0].at + b.cfg.Grace, true
}

// GivenUpAt is when a job without an owner is given up.
func (b *Book) GivenUpAt(j *Job) time.Duration { return j.orphaned + b.cfg.Grace }

// Superseded notes that a job is another scheduler's, under a later epoch, or a later submission's here.
func (b *Book) Superseded(j *Job) { j.superseded = true }

// Replace lets go of a job that its owner submits under so late an epoch that somebody else may have had it in between.
// The new submission claims what runs of it. That is taken from the old one at once: if its attempts were still bound
// to it when their workers give them to the new one, they would look lost. So many of its owners follow it as clients:
// they are owners no more.
func (b *Book) Replace(j *Job, followers int) Do {
	if j.over {
		return 0
	}
	j.owners -= followers
	j.superseded = true
	return Supersede
}

// Over notes that all tasks of a job have ended: nobody owns it any more.
func (b *Book) Over(now time.Duration, j *Job) {
	b.held.add(j.hold, -1)
	j.over, j.hold, j.owners, j.asked = true, 0, 0, 0
	if j.abandoned || j.superseded {
		b.parted.add(now, j.Ref, b.cfg.MaxParted)
	}
}
