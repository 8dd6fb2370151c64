package placement

import (
	"math"
	"time"

	"dunnock/probe"
)

// reservation is what one Reserve left at a worker. A job's reservations are numbered by their index, and an element is
// used again when nothing is left of it; the upper bits of the number tell such uses apart, so that a late message
// about the earlier one misses.
type reservation struct {
	worker probe.WorkerID
	left   uint32 // outstanding; 0: this element is unused
	owner  uint32 // of a displaced task's own: its index + 1, else 0. In an unused element the next unused one, index + 1
	round  uint16 // of the owner, when it was given
	use    uint16 // below 2^useBits
}

const (
	indexBits = 22 // Reserves of one job that can be outstanding at a time
	useBits   = 32 - indexBits
	indexMask = 1<<indexBits - 1
)

// probes is ⌈ratio·tasks⌉, forgiving what floating point adds: 1.1·10 is 11 though its product is a hair more. The
// conversion keeps compilers from fusing the two operations, which would round differently from machine to machine.
func probes(ratio float64, tasks int) int {
	return int(math.Ceil(float64(ratio*float64(tasks)) - 1e-6))
}

// resLink says of an element of a job of several groups whose it is, and links the group's.
type resLink struct{ group, next, prev uint32 } // next and prev: index + 1

// reserve gives a worker reservations of a group, for the displaced task that owner numbers from 1,
// or for any with owner 0. At the bound of outstanding ones it gives none.
func (c *Core) reserve(j *job, g *group, w probe.WorkerID, count int, owner uint32, out []Effect) []Effect {
	i := j.resFree
	if i != 0 {
		j.resFree = j.res[i-1].owner
	} else {
		if len(j.res) > indexMask {
			return out
		}
		j.res = append(c.resPool.grow(j.res), reservation{})
		if j.several() {
			j.links = append(c.linkPool.grow(j.links), resLink{})
		}
		i = uint32(len(j.res))
	}
	if j.several() {
		j.link(g, i)
	}
	r := &j.res[i-1]
	r.worker, r.left, r.owner, r.round = w, uint32(count), owner, 0
	if owner != 0 {
		t := &j.tasks[owner-1]
		r.round = t.round
		if t.probes == 0 {
			g.bare--
		}
		t.probes += uint16(count)
		g.owned += int32(count)
	}
	g.left += int32(count)
	j.outstanding += int32(count)
	c.load.Reservations += count
	c.stats.Reservations += uint64(count)
	return append(out, Effect{
		Kind: EffectReserve, Worker: w, Ref: j.ref, Res: uint32(r.use)<<indexBits | (i - 1), Count: uint32(count), Task: g.set.number(),
	})
}

// link puts element i, from 1, among a group's.
func (j *job) link(g *group, i uint32) {
	j.links[i-1] = resLink{group: g.timer.index, next: g.resHead}
	if g.resHead != 0 {
		j.links[g.resHead-1].prev = i
	}
	g.resHead = i
}

// unlink takes element i, from 1, out of its group's.
func (j *job) unlink(i uint32) {
	l := j.links[i-1]
	if l.prev == 0 {
		j.at(int(l.group)).resHead = l.next
	} else {
		j.links[l.prev-1].next = l.next
	}
	if l.next != 0 {
		j.links[l.next-1].prev = l.prev
	}
}

// firstRes and nextRes go through a group's elements, numbered from 1, and end with 0. Of a job of one group they are
// all that there are, the unused ones too. The next one must be known before an element is put among the unused.
func (j *job) firstRes(g *group) uint32 {
	if j.several() {
		return g.resHead
	}
	return uint32(min(len(j.res), 1))
}

func (j *job) nextRes(i uint32) uint32 {
	if j.several() {
		return j.links[i-1].next
	}
	if int(i) == len(j.res) {
		return 0
	}
	return i + 1
}

// holder returns the group of element i.
func (j *job) holder(i uint32) *group {
	if !j.several() {
		return &j.first
	}
	return j.at(int(j.links[i].group))
}

// spend uses up to n of the reservations that res numbers, if the worker holds any. It returns how many, whose they
// were, whether none is left, and the displaced task that they belong to (index + 1).
func (c *Core) spend(j *job, w probe.WorkerID, res, n uint32) (spent uint32, g *group, last bool, owner uint32) {
	i := res & indexMask
	if int64(i) >= int64(len(j.res)) {
		return 0, &j.first, false, 0
	}
	r := &j.res[i]
	if r.left == 0 || r.worker != w || uint32(r.use) != res>>indexBits {
		return 0, &j.first, false, 0
	}
	g = j.holder(i)
	spent = min(n, r.left)
	owner = c.deduct(j, g, r, spent)
	last = r.left == 0
	if last {
		j.reuse(i)
	}
	return spent, g, last, owner
}

// deduct takes n from what is left of a reservation and returns its owner, if that still waits for it.
func (c *Core) deduct(j *job, g *group, r *reservation, n uint32) (owner uint32) {
	r.left -= n
	g.left -= int32(n)
	j.outstanding -= int32(n)
	c.load.Reservations -= int(n)
	if r.owner == 0 {
		return 0
	}
	t := &j.tasks[r.owner-1]
	if t.state != stateDisplaced || t.round != r.round {
		return 0
	}
	t.probes -= uint16(n)
	g.owned -= int32(n)
	if t.probes == 0 {
		g.bare++
	}
	return r.owner
}

// reuse puts element i, of which nothing is left, among the unused.
func (j *job) reuse(i uint32) {
	if j.several() {
		j.unlink(i + 1)
	}
	r := &j.res[i]
	r.use = (r.use + 1) & (1<<useBits - 1)
	r.owner = j.resFree
	j.resFree = i + 1
}

// cancelAll takes back all outstanding reservations of a job.
func (c *Core) cancelAll(j *job, out []Effect) []Effect {
	for i := range j.groups() {
		out = c.cancelGroup(j, j.at(i), out)
	}
	return out
}

// cancelGroup takes back all outstanding reservations of a group.
func (c *Core) cancelGroup(j *job, g *group, out []Effect) []Effect {
	if g.left == 0 {
		return out
	}
	for i := j.firstRes(g); i != 0; {
		at := i - 1
		i = j.nextRes(i)
		if j.res[at].left > 0 {
			out = append(out, c.cancel(j, g, at))
		}
	}
	return out
}

// cancel takes back what is left of a group's reservation i.
func (c *Core) cancel(j *job, g *group, i uint32) Effect {
	r := &j.res[i]
	e := Effect{Kind: EffectCancel, Worker: r.worker, Ref: j.ref, Res: uint32(r.use)<<indexBits | i, Count: r.left}
	c.stats.Cancelled += uint64(r.left)
	c.deduct(j, g, r, r.left)
	j.reuse(i)
	return e
}

// sample draws ⌈ratio·tasks⌉ reservations for tasks that any eligible worker may run: one each for distinct workers, or
// when there are fewer workers than that, the same count for each and one more for a sample of them (batch sampling:
// Ousterhout et al., SOSP 2013, §3). Either way they go out in random order: the first worker to hear of a job is often
// the first to ask, and in a small fleet it would be the same one for every job.
func (c *Core) sample(j *job, g *group, tasks int, out []Effect) []Effect {
	eligible := c.pool(g)
	if len(eligible) == 0 || j.onOffers(g) {
		return out
	}
	// One worker has no use for more reservations than there are tasks: the rest could only be answered with NoTask.
	k := min(probes(j.ratio, tasks), tasks*len(eligible))
	each, more := k/len(eligible), k%len(eligible)
	probe.Sample(c.rng, eligible, min(k, len(eligible)))
	if each == 0 {
		eligible = eligible[:more]
	}
	for i, w := range eligible {
		count := each
		if i < more {
			count++
		}
		out = c.reserve(j, g, w, count, 0, out)
	}
	return out
}

// place samples a displaced task as a job of one task would be, among the workers that it has not failed on. Where
// there is none it may run anywhere again.
func (c *Core) place(j *job, g *group, t uint32, out []Effect) []Effect {
	r := &j.tasks[t]
	if j.halted() {
		return out
	}
	if !c.hasElsewhere(g, r) {
		c.unlink(j, g, t)
		r.state = stateReturned
		c.own(g).returned.push(j.tasks, t)
		return out
	}
	if j.onOffers(g) {
		return out
	}
	eligible, k := c.pool(g), probes(j.ratio, 1)
	// Those that it has failed on are drawn and put aside, at most once each.
	for i := 0; i < len(eligible) && k > 0; i++ {
		w := probe.SampleNext(c.rng, eligible, i)
		if c.avoided(r, &c.workers[w]) {
			continue
		}
		out = c.reserve(j, g, w, 1, t+1, out)
		k--
	}
	return out
}

// resample gives a group the reservations that it lacks.
func (c *Core) resample(now time.Duration, j *job, g *group, out []Effect) []Effect {
	if j.halted() {
		return out
	}
	if g.near && len(c.pool(g)) == 0 {
		g.asked = g.nears
	}
	switch {
	case g.near && (g.backoff > 0 || len(c.pool(g)) == 0): // full ones are not asked twice
		return c.spill(now, j, g, out)
	case g.gives():
		return c.relax(now, j, g, out)
	}
	for i := g.displaced.head; i != 0 && g.bare > 0; {
		t := i - 1
		i = j.tasks[t].next
		if j.tasks[t].probes == 0 {
			out = c.place(j, g, t, out)
		}
	}
	if lack := g.lack(); lack > 0 {
		out = c.sample(j, g, lack, out)
	}
	// What is lacking still is so because of the bound on outstanding reservations, or because nobody is eligible; a
	// worker that connects ends the latter.
	if j.deficit(g) > 0 && len(g.set.eligible) > 0 {
		c.putOff(now, j, g)
	}
	return out
}

// replenish is resample, unless the group is to wait for its backoff.
func (c *Core) replenish(now time.Duration, j *job, g *group, out []Effect) []Effect {
	if g.resampleAt != never || j.deficit(g) == 0 {
		return out
	}
	return c.resample(now, j, g, out)
}
