package placement

import (
	"maps"
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// Users share a scheduler as they share workers: one who floods it must not have the others' jobs refused, or found too
// late. Jobs of no user are not looked at here: a fleet that names no users is nobody's to share.

// account is what one user has here, or stands for a group of users. It lives as long as the user has a live job, or
// anybody in the group.
type account struct {
	name       string
	group      *account // nil: at the top
	weight     int      // beside others of its group
	members    int      // users and groups in it
	below      int      // weights of these
	jobs       int
	unfinished int   // tasks of them
	waiting    int   // of those
	wanted     int64 // what those take, in costs
	taken      int64 // what the others take

	part    float64       // what part it usually has of all that runs
	sampled time.Duration // when that was last looked at
}

const (
	// moreProbes is how many times as many reservations a job gets whose user is under its share while others wait.
	moreProbes = 8
	// partOver is about the time over which a user's part is averaged. Whoever is well under its share has bursts above
	// it, which are the jobs that need the reservations.
	partOver = 2 * time.Second
	// wantsMost is how many times its share of what runs may wait of a user under its share, the job included.
	wantsMost = 2
	// waitsMost is how many times its share of what waits may be its own, the job included.
	waitsMost = 0.5
	// costUnit is what a slot costs.
	costUnit = 1 << 10
)

// weigh takes over what weights users have at the workers.
func (c *Core) weigh(weights map[string]int) {
	if maps.Equal(c.weights, weights) {
		return
	}
	c.weights, c.atTop = weights, 0
	for _, a := range c.users {
		a.below = 0
	}
	for _, a := range c.users { // sums, in whatever order
		a.weight = c.weightOf(a.name)
		*c.beside(a.group) += a.weight
	}
}

// weightOf is that of a user or a group.
func (c *Core) weightOf(name string) int { return max(c.weights[name], 1) }

// beside returns where the weights of those in a group are added up; nil is the top.
func (c *Core) beside(group *account) *int {
	if group == nil {
		return &c.atTop
	}
	return &group.below
}

// costOf is what a task under a set takes: the largest share of anything that a worker has, in parts of its slots, as a
// fair worker charges it.
func (c *Core) costOf(s *set) int64 {
	if s.need == nil {
		return costUnit
	}
	cost := int64(s.need.Slots) * costUnit
	if len(s.eligible) == 0 {
		return cost
	}
	w := c.offer(c.worker(s.eligible[0]))
	for _, r := range s.need.Resources {
		if n := has(w, r.Name); n > 0 {
			cost = max(cost, int64(r.N)*int64(w.Slots)*costUnit/int64(n))
		}
	}
	return cost
}

// accountOf returns the account of a user who has live jobs, or nil.
func (c *Core) accountOf(user string) *account {
	if a := c.users[user]; user != "" && a != nil && a.jobs > 0 {
		return a
	}
	return nil
}

// enroll counts a job for its user.
func (c *Core) enroll(now time.Duration, j *job, user string) {
	if user == "" {
		return
	}
	a := c.open(user)
	if a.jobs == 0 {
		a.part, a.sampled = 0, now
	}
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
	a.name, a.weight = name, c.weightOf(name)
	c.users[name] = a
	if group := probe.UserGroup(name); group != "" {
		a.group = c.open(group)
		a.group.members++
	}
	*c.beside(a.group) += a.weight
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
	a.unfinished -= int(j.unfinished)
	c.enrolled--
	a.jobs--
	for a != nil && a.jobs+a.members == 0 {
		group := a.group
		*c.beside(group) -= a.weight
		delete(c.users, a.name)
		*a = account{}
		if len(c.accounts) < maxSpareAccounts {
			c.accounts = append(c.accounts, a)
		}
		if a = group; a != nil {
			a.members--
		}
	}
}

// parts is how many parts a user's share is one of, as workers share their slots at each level of users' paths: with
// jobs of its own beside those that are live. A user alone has 1. All jobs that belong to nobody are one user's.
func (c *Core) parts(user string) float64 {
	n := 1.0
	if a := c.users[user]; a != nil {
		n += float64(a.below) // its own jobs are beside those of its members, and have weight 1
	}
	for name, live := user, c.users[user] != nil; ; {
		group, weight := probe.UserGroup(name), c.weightOf(name)
		g := c.users[group]
		all := 0
		switch {
		case group == "":
			if all = c.atTop; c.load.Jobs > c.enrolled {
				all++
			}
		case g != nil:
			if all = g.below; g.jobs > 0 {
				all++
			}
		}
		if !live {
			all += weight
		}
		if n *= float64(all) / float64(weight); group == "" {
			return n
		}
		name, live = group, g != nil
	}
}

// fair reports whether all workers share their slots between users.
func (c *Core) fair() bool { return c.fairWorkers > 0 && c.fairWorkers == c.load.Workers }

// admitUser refuses a job of a user who has as much of a bound as all others together leave free, itself included
// (dynamic thresholds: Choudhury and Hahne, IEEE/ACM ToN 1998). So one who floods a scheduler stops at half of what
// there is, two at a third each, and there is always room for who comes next. A user's only job is not looked at, nor
// is one with an epoch: another scheduler had found room for it.
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

// ahead is how many of the tasks that wait under a set go before a job's own, and whether its user has waiting ones of
// its own among them. Where workers share their slots between users, each user's tasks wait for those of all others no
// longer than for its own.
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
	return int(min(float64(waiting), c.parts(s.User)*float64(own))), 0
}

// full reports whether a user's own tasks that wait take as long as is left of the longest queue that is admitted.
func full(own, waiting int, rate float64, most time.Duration) bool {
	return own > 0 && timeOf(waiting, rate) > most-min(timeOf(own, rate), most)
}

// ratioOf is how many reservations per task a job gets. A fair worker serves a user under its share next, and what such
// a job waits for is a slot that frees at one of the workers that it has reservations at. So it gets more of them,
// while others flood the fleet: as much waits of theirs as half of what runs. Below that a slot frees soon wherever it
// is waited for. Those whose turn is not next gain nothing by more, and get none; nor do those who wait about as much
// as others, for of users who want the same of a fleet that is just full one or other is always under its share.
func (c *Core) ratioOf(now time.Duration, s *Spec) float64 {
	if s.User == "" || !c.fair() {
		return s.ProbeRatio
	}
	n, part, wanted, all, waiting := c.parts(s.User), 0.0, int64(0), c.wanted, 0
	if a := c.accountOf(s.User); a != nil {
		part, wanted, waiting = a.usualPart(now, c.taken), a.wanted, a.waiting
	}
	for i := range c.plan {
		cost := int64(c.plan[i].tasks) * c.costOf(c.plan[i].set)
		wanted, all = wanted+cost, all+cost
	}
	flooded := 2*(c.load.Waiting-waiting) >= max(c.load.Running, 1)
	// Who has much waiting is no quiet user, whatever runs of it.
	most := min(float64(wantsMost*c.taken), waitsMost*float64(all))
	if !flooded || n <= 1 || part*n > 1 || float64(wanted)*n > most {
		return s.ProbeRatio
	}
	c.stats.UnderShare++
	return min(moreProbes*s.ProbeRatio, task.MaxProbeRatio)
}

// usualPart is what part of all that runs the user has had lately.
func (a *account) usualPart(now time.Duration, all int64) float64 {
	if all > 0 {
		d := max(now-a.sampled, 0).Seconds()
		a.part += float64((float64(a.taken)/float64(all) - a.part) * (d / (d + partOver.Seconds())))
	}
	a.sampled = now
	return a.part
}
