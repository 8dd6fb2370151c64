package placement

import "dunnock/probe"

// users counts anew what each user has, and who is in which group.
func (k *checker) users() {
	c := k.c
	counted, enrolled, fair, top, taken, wanted := make(map[*account]account), 0, 0, 0, int64(0), int64(0)
	for j := c.oldest; j != nil; j = j.next {
		a := j.account
		n := counted[a]
		for i := range j.groups() {
			cost := int64(j.at(i).waiting()) * j.at(i).cost
			n.wanted, wanted = n.wanted+cost, wanted+cost
		}
		for t := range j.tasks {
			if j.tasks[t].state == stateRunning {
				n.taken += j.of(uint32(t)).cost
				taken += j.of(uint32(t)).cost
			}
		}
		if a == nil {
			continue
		}
		n.jobs, n.unfinished, n.waiting = n.jobs+1, n.unfinished+int(j.unfinished), n.waiting+j.waiting()
		counted[a] = n
		enrolled++
	}
	for name, a := range c.users { // none but these, and each group of theirs
		group := ""
		n := counted[a]
		counted[a] = n // a group may have no jobs
		if a.group == nil {
			top += a.weight
		} else {
			g := counted[a.group]
			g.members++
			g.below += a.weight
			counted[a.group], group = g, a.group.name
		}
		k.expect(a.name == name && group == probe.UserGroup(name), "user %q is %q in %q", name, a.name, group)
	}
	for a, n := range counted {
		n.name, n.group, n.weight, n.part, n.sampled = a.name, a.group, c.weightOf(a.name), a.part, a.sampled
		k.expect(n == *a && c.users[a.name] == a && n.jobs+n.members > 0, "user %q has %+v, counted %+v", a.name, *a, n)
	}
	for i := range c.workers {
		if w := &c.workers[i]; w.active && c.offer(w).Fair {
			fair++
		}
	}
	k.expect(len(c.users) == len(counted) && top == c.atTop && enrolled == c.enrolled && fair == c.fairWorkers && taken == c.taken && wanted == c.wanted,
		"%d users, %d at the top, with %d jobs, %d fair workers, %d taken, %d wanted; counted %d, %d, %d, %d, %d and %d",
		len(c.users), c.atTop, c.enrolled, c.fairWorkers, c.taken, c.wanted, len(counted), top, enrolled, fair, taken, wanted)
}
