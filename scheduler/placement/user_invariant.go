package placement

// users counts anew what each user has.
func (k *checker) users() {
	c := k.c
	counted, enrolled, fair := make(map[*account]account), 0, 0
	for j := c.oldest; j != nil; j = j.next {
		a := j.account
		if a == nil {
			continue
		}
		n := counted[a]
		n.jobs, n.unfinished, n.waiting = n.jobs+1, n.unfinished+j.unfinished, n.waiting+j.waiting()
		counted[a] = n
		enrolled++
	}
	for a, n := range counted {
		n.name = a.name
		k.expect(n == *a && c.users[a.name] == a, "user %q has %+v, counted %+v", a.name, *a, n)
	}
	for i := range c.workers {
		if w := &c.workers[i]; w.active && c.offer(w).Fair {
			fair++
		}
	}
	k.expect(len(c.users) == len(counted) && enrolled == c.enrolled && fair == c.fairWorkers,
		"%d users with %d jobs, %d fair workers; counted %d, %d and %d", len(c.users), c.enrolled, c.fairWorkers, len(counted), enrolled, fair)
}
