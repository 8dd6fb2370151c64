package placement

import (
	"time"

	"dunnock/task"
)

// Users share a scheduler as they share workers: one who floods it must not have the others' jobs refused, or found too late. Jobs of no user
// are not looked at here: a fleet that names no users is nobody's to share.

// account is what one user has here. It lives as long as the user has a live job.
type account struct {
	name       string
	jobs       int
	unfinished int // tasks of them
	waiting    int // of those
}

// moreProbes is how many times as many reservations a job gets whose user is under its share while others wait.
const moreProbes = 8

// accountOf returns the account of a user who has live jobs, or nil.
func (c *Core) accountOf(user string) *account {
	if user == "" {
		return nil
	}
	return c.users[user]
}

// enroll counts a job for its user.
func (c *Core) enroll(j *job, user string) {
	if user == "" {
		return
	}
	a := c.users[user]
	if a == nil {
		if c.users == nil {
			c.users = make(map[string]*account)
		}
		if n := len(c.accounts); n > 0 { // so that a user who comes and goes costs no memory each time
			a, c.accounts = c.accounts[n-1], c.accounts[:n-1]
		} else {
			a = &account{}
		}
		a.name = user
		c.users[user] = a
	}
	a.jobs++
	c.enrolled++
	j.account = a
}

// maxSpareAccounts bounds the accounts that are kept for users to come.
const maxSpareAccounts = 64

// resign is the end of a job for its user.
func (c *Core) resign(j *job) {
	a := j.account
	if a == nil {
		return
	}
	a.unfinished -= j.unfinished
	c.enrolled--
	if a.jobs--; a.jobs > 0 {
		return
	}
	delete(c.users, a.name)
	*a = account{}
	if len(c.accounts) < maxSpareAccounts {
		c.accounts = append(c.accounts, a)
	}
}

// sharers counts the users with live jobs, all that belong to nobody being one's.
func (c *Core) sharers() int {
	n := len(c.users)
	if c.load.Jobs > c.enrolled {
		n++
	}
	return n
}

// fair reports whether all workers share their slots between users.
func (c *Core) fair() bool { return c.fairWorkers > 0 && c.fairWorkers == c.load.Workers }

// admitUser refuses a job of a user who has as much of a bound as all others together leave free, itself included (dynamic thresholds: Choudhury
// and Hahne, IEEE/ACM ToN 1998). So one who floods a scheduler stops at half of what there is, two at a third each, and
// there is always room for who comes next. A user's only job is not looked at, nor is one with an epoch: another scheduler had found room for it.
func (c *Core) admitUser(s *Spec) *task.Error {
	a := c.accountOf(s.User)
	if a == nil || s.Epoch > 0 {
		return nil
	}
	unfinished := c.load.Waiting + c.load.Running
	switch {
	case a.jobs+1 > c.cfg.MaxJobs-c.load.Jobs:
		return task.Errorf(task.CodeOverloaded, "user %s has %d of %d live jobs, and %d is the limit: the rest is kept for others", s.User, a.jobs, c.load.Jobs, c.cfg.MaxJobs)
	case a.unfinished+s.Tasks > c.cfg.MaxTasks-unfinished:
		return task.Errorf(task.CodeOverloaded, "user %s has %d of %d unfinished tasks, and %d is the limit: the rest is kept for others", s.User, a.unfinished, unfinished, c.cfg.MaxTasks)
	case a.waiting+s.Tasks > c.cfg.MaxWaiting-c.load.Waiting:
		return task.Errorf(task.CodeOverloaded, "user %s has %d of %d waiting tasks, and %d is the limit: the rest is kept for others", s.User, a.waiting, c.load.Waiting, c.cfg.MaxWaiting)
	}
	return nil
}

// ahead is how many of the tasks that wait under a set go before a job's own, and whether its user has waiting ones of its own among them. Where workers share
// their slots between users, each user's tasks wait for those of all others no longer than for its own.
func (c *Core) ahead(s *Spec, waiting int) (tasks, own int) {
	if s.User == "" {
		return waiting, 0
	}
	if a := c.accountOf(s.User); a != nil {
		own = min(a.waiting, waiting)
	}
	if !c.fair() {
		return waiting, own
	}
	n := c.sharers()
	if own == 0 {
		n++
	}
	return min(waiting, n*own), 0
}

// full reports whether a user's own tasks that wait take as long as is left of the longest queue that is admitted.
func full(own, waiting int, rate float64, most time.Duration) bool {
	return own > 0 && timeOf(waiting, rate) > most-min(timeOf(own, rate), most)
}

// ratioOf is how many reservations per task a job gets. A fair worker serves a user under its share next, and what such a job waits for is a slot that frees at one of the
// workers that it has reservations at. So it gets more of them, while others wait and the fleet is full. Those whose turn is not next gain nothing
// by more, and get none.
func (c *Core) ratioOf(s *Spec) float64 {
	if s.User == "" || !c.fair() {
		return s.ProbeRatio
	}
	running, waiting, n := 0, 0, c.sharers()
	if a := c.accountOf(s.User); a != nil {
		running, waiting = a.unfinished-a.waiting, a.waiting
	} else {
		n++
	}
	// Who has much waiting is no quiet user, whatever runs of it.
	if n < 2 || c.load.Waiting == waiting || max(running, waiting+s.Tasks)*n > c.load.Running {
		return s.ProbeRatio
	}
	c.stats.UnderShare++
	return min(moreProbes*s.ProbeRatio, task.MaxProbeRatio)
}
