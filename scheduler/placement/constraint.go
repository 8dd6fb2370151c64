package placement

import (
	"fmt"
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// Group is tasks of a [Spec] with constraints of their own. Those of the job are not added to them.
type Group struct {
	Tasks   []uint32 // indices; a task is in one group at most
	Require []probe.Label
	Prefer  []probe.Label
	Exclude []probe.Label
	Need    Need
}

// MaxGroups bounds how many groups of tasks a job has, one for each zone that a group is spread over.
const MaxGroups = 1000

// planned is one group that a job will have.
type planned struct {
	set   *set
	wider [2]*set
	tasks int // about that many: finished ones count
	zones int // it is the first of so many groups over which tasks are dealt out
	dealt int // tasks

	prefers bool // set is of those that are preferred
}

// makePlan finds the constraint sets of all groups that a job will have, and pins them. If there is an error nothing is
// pinned.
func (c *Core) makePlan(now time.Duration, s *Spec, out []Effect) ([]Effect, *task.Error) {
	c.plan, c.heads = c.plan[:0], c.heads[:0]
	rest := s.Tasks
	for i := range s.Groups {
		rest -= len(s.Groups[i].Tasks)
	}
	zones := MaxGroups / (len(s.Groups) + 1)
	var err *task.Error
	if rest > 0 && s.restUnfinished() {
		own := Group{Require: s.Require, Prefer: s.Prefer, Exclude: s.Exclude, Need: s.Need}
		if out, err = c.planGroup(now, s, &own, rest, zones, "", out); err != nil {
			return c.dropPlan(out), err
		}
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		c.heads = append(c.heads, uint32(len(c.plan)))
		first := g.unfinished(s)
		if first < 0 {
			continue // nobody needs to be there for it
		}
		if out, err = c.planGroup(now, s, g, len(g.Tasks), zones, fmt.Sprintf("tasks[%d].", first), out); err != nil {
			return c.dropPlan(out), err
		}
	}
	if len(c.plan) == 0 { // all tasks are finished
		if out, err = c.planGroup(now, s, &Group{}, s.Tasks, 1, "", out); err != nil {
			return c.dropPlan(out), err
		}
	}
	for i := range c.plan {
		if err := c.admitByTime(now, &c.plan[i], s); err != nil {
			return c.dropPlan(out), err
		}
	}
	return out, nil
}

// restUnfinished reports whether a task in none of the groups is to be run.
func (s *Spec) restUnfinished() bool {
	if len(s.Finished) == 0 {
		return true
	}
	n := 0
	for i := range s.Tasks {
		if !s.finished(i) {
			n++
		}
	}
	for i := range s.Groups {
		for _, t := range s.Groups[i].Tasks {
			if !s.finished(int(t)) {
				n--
			}
		}
	}
	return n > 0
}

// unfinished returns the first task of a group that is to be run, or -1.
func (g *Group) unfinished(s *Spec) int {
	for _, t := range g.Tasks {
		if !s.finished(int(t)) {
			return int(t)
		}
	}
	return -1
}

// dropPlan lets go of what was pinned.
func (c *Core) dropPlan(out []Effect) []Effect {
	for i := range c.plan {
		p := &c.plan[i]
		c.unpin(p.set)
		c.unpin(p.wider[0])
		c.unpin(p.wider[1])
	}
	c.plan = c.plan[:0]
	return out
}

// planGroup plans one group, or one for each zone that its tasks are to be spread over.
func (c *Core) planGroup(now time.Duration, s *Spec, g *Group, tasks, zones int, where string, out []Effect) ([]Effect, *task.Error) {
	base := c.setFor(s.App, g.Require, g.Exclude, &g.Need)
	if len(base.eligible) == 0 && len(c.quarantine) > 0 {
		// Better a worker that fails than none.
		out = c.enlist(now, base, out)
		base = c.setFor(s.App, g.Require, g.Exclude, &g.Need)
	}
	if len(base.eligible) == 0 {
		// A job that was accepted once has been satisfiable. It waits for that to be so again.
		if err := c.refusal(base, where); err.Code != task.CodeUnsatisfiable || s.Epoch == 0 {
			return out, err
		}
	}
	base.base = true
	c.pin(base) // while it is planned for
	defer c.unpin(base)
	head := len(c.plan)
	if s.Spread != "" {
		c.planZones(s, g, base, min(tasks, zones))
	}
	c.makeRoom(0, 0)
	if c.listed > c.cfg.MaxListed && len(g.Require)+len(g.Exclude)+len(s.Spread) > 0 {
		c.stats.Overloaded++
		err := task.Errorf(task.CodeOverloaded, "%sthe lists of workers for the constraints of all jobs pass the limit of %d", where, c.cfg.MaxListed)
		err.RetryAfterMS = retryAfterMS
		return out, err
	}
	if n := len(c.plan) - head; n > 1 {
		c.plan[head].zones = n
		for i := head; i < len(c.plan); i++ {
			c.plan[i].tasks = (tasks + n - 1) / n
			c.planPreference(s, g, &c.plan[i])
		}
		return out, nil
	}
	c.plan = append(c.plan, planned{set: base, tasks: tasks, zones: 1})
	c.pin(base)
	if len(g.Prefer) > 0 {
		c.planPreference(s, g, &c.plan[head])
	}
	return out, nil
}

// planZones plans one group for each of up to most values of the label that tasks are spread by, those of workers that
// may run them. The values are drawn, so that small jobs use all zones alike. A single value is no spread.
func (c *Core) planZones(s *Spec, g *Group, base *set, most int) {
	head := len(c.plan)
	values := c.index.values[s.Spread]
	for i := 0; i < len(values) && len(c.plan)-head < most; i++ {
		c.index.draw(c.rng, values, i)
		c.zone = append(append(c.zone[:0], g.Require...), values[i].label)
		in := c.setFor(s.App, c.zone, g.Exclude, &g.Need)
		if len(in.eligible) == 0 {
			continue
		}
		c.plan = append(c.plan, planned{set: in, wider: [2]*set{base}})
		c.pin(in)
		c.pin(base)
	}
	if len(c.plan)-head == 1 {
		c.unpin(c.plan[head].set)
		c.unpin(base)
		c.plan = c.plan[:head]
	}
}

// planPreference has a group begin with the workers that have all that its tasks prefer, if there are any.
func (c *Core) planPreference(s *Spec, g *Group, p *planned) {
	if len(g.Prefer) == 0 {
		return
	}
	c.zone = append(append(c.zone[:0], p.set.require...), g.Prefer...)
	preferred := c.setFor(s.App, c.zone, g.Exclude, &g.Need)
	if len(preferred.eligible) == 0 || preferred == p.set {
		return
	}
	c.pin(preferred)
	p.set, p.wider = preferred, [2]*set{p.set, p.wider[0]}
	p.prefers = true
}

// form makes the groups of a job as they are planned; its tasks are all in the first one until they are dealt out.
func (c *Core) form(j *job, s *Spec) {
	n, sole := len(c.plan), probe.Key(0)
	if s.Keys != nil {
		sole, n = c.split(s)
		c.divide(j)
		j.nears = c.nearPool.get(n * probes(s.ProbeRatio, 1))
	}
	if n > 1 {
		c.divide(j)
		j.more = c.groupPool.get(n - 1)[:n-1]
	}
	for i := range c.plan {
		c.newGroup(j, i, &c.plan[i], 0)
		g := j.at(i)
		j.needs = j.needs || g.set.need != nil
		j.unlike = j.unlike || !g.set.need.equal(j.first.set.need)
	}
	switch {
	case sole != 0:
		j.first.key, j.first.near = sole, true
	case s.Keys != nil:
		c.part(j)
	}
}

// deal puts the tasks of a job with several groups where they belong, those of groups that are spread in turn.
func (c *Core) deal(j *job, s *Spec) {
	if s.Keys == nil {
		for i := range s.Groups {
			for _, t := range s.Groups[i].Tasks {
				j.tasks[t].group = c.heads[i]
			}
		}
	}
	for t := range j.tasks {
		r := &j.tasks[t]
		if r.state != stateFresh {
			r.group = 0
			continue
		}
		if s.Keys != nil {
			r.group = c.affinity.homes[t]
		} else if p := &c.plan[r.group]; p.zones > 1 {
			r.group += uint32(p.dealt % p.zones)
			p.dealt++
		}
		g := j.at(int(r.group))
		g.fresh++
		g.unbound.push(j.tasks, uint32(t))
	}
}
