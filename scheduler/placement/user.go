package placement

import (
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// Users share a scheduler as they share workers: one who floods it must not have the others' jobs refused, or found too late. Jobs of no user
// are not looked at here: a fleet that names no users is nobody's to share.

// account is what one user has here, or stands for a group of users. It lives as long as the user has a live job, or anybody in the group.
type account struct {
	name       string
	group      *account // nil: at the top
	members    int      // users and groups in it
	jobs       int
	unfinished int // tasks of them
	waiting    int // of those
}

// moreProbes is how many times as many reservations a job gets whose user is under its share while others wait.
const moreProbes = 8

// accountOf returns the account of a user who has live jobs, or nil.
func (c *Core) accountOf(user string) *account {
	if a := c.users[user]; user != "" && a != nil && a.jobs > 0 {
		return a
	}
	return nil
}

// enroll counts a job for its user.
func (c *Core) enroll(j *job, user string) {
	if user == "" {
		return
	}
	a := c.open(user)
	a.jobs++
	c.enrolled++
	j.account = a
}

// open returns the account of a user or a group, which may be new.
func (c *Core) open(name string) *account {
	a := c.users[name]
	if a != nil {
		return a
	}
	if c.users == nil {
		c.users = make(map[string]*account)
	}
	if n := len(c.accounts); n > 0 { // so that a user who comes and goes costs no memory each time
		a, c.accounts = c.accounts[n-1], c.accounts[:n-1]
	} else {
		a = &account{}
	}
	a.name = name
	c.users[name] = a
	if group := probe.UserGroup(name); group != "" {
		a.group = c.open(group)
		a.group.members++
	} else {
		c.atTop++
	}
	return a
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
	a.jobs--
	for a != nil && a.jobs+a.members == 0 {
		group := a.group
		delete(c.users, a.name)
		*a = account{}
		if len(c.accounts) < maxSpareAccounts {
			c.accounts = append(c.accounts, a)
		}
		if a = group; a != nil {
			a.members--
		} else {
			c.atTop--
		}
	}
}

// parts is how many parts a user's share is one of, as workers share their slots at each level of users' paths: with jobs of its own beside those that are live.
// A user alone has 1. All jobs that belong to nobody are one user's.
func (c *Core) parts(user string) int {
	n := 1
	if a := c.users[user]; a != nil {
		n += a.members // its own jobs are beside those of its members
	}
	for name, live := user, c.users[user] != nil; ; {
		group := probe.UserGroup(name)
		var beside int
		var g *account
		if group == "" {
			if beside = c.atTop; c.load.Jobs > c.enrolled {
				beside++
			}
		} else if g = c.users[group]; g != nil {
			if beside = g.members; g.jobs > 0 {
				beside++
			}
		}
		if !live {
			beside++
		}
		if n = min(n*beside, c.cfg.MaxTasks); group == "" {
			return n
		}
		name, live = group, g != nil
	}
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
	return min(waiting, c.parts(s.User)*own), 0
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
	running, waiting, n := 0, 0, c.parts(s.User)
	if a := c.accountOf(s.User); a != nil {
		running, waiting = a.unfinished-a.waiting, a.waiting
	}
	// Who has much waiting is no quiet user, whatever runs of it.
	if n < 2 || c.load.Waiting == waiting || max(running, waiting+s.Tasks)*n > c.load.Running {
		return s.ProbeRatio
	}
	c.stats.UnderShare++
	return min(moreProbes*s.ProbeRatio, task.MaxProbeRatio)
}
