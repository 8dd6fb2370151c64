package lease

import (
	"cmp"
	"slices"
)

// Client is one connection of a client: the jobs that it follows, each by a number of its own. The zero Client follows
// none.
type Client[J any] struct {
	jobs  map[uint32]followed[J]
	asked uint32 // how often it was asked
	heard uint32 // how often it has answered that
}

type followed[J any] struct {
	job   J
	asked uint32 // by which question first, since it was last certain whose it is; 0: by none, it was submitted since
}

// Owned is a job that a client follows.
type Owned[J any] struct {
	Seq   uint32
	Job   J
	Asked bool // the client was asked before whether it is still its own, and that is not certain yet
}

// Follow has a client follow a job by a number that it does not use.
func (c *Client[J]) Follow(seq uint32, job J) {
	if c.jobs == nil {
		c.jobs = make(map[uint32]followed[J])
	}
	c.jobs[seq] = followed[J]{job: job}
}

// Forget lets go of a number.
func (c *Client[J]) Forget(seq uint32) { delete(c.jobs, seq) }

// Job returns the job that a client follows by a number.
func (c *Client[J]) Job(seq uint32) (J, bool) {
	f, ok := c.jobs[seq]
	return f.job, ok
}

// Len is how many jobs a client follows.
func (c *Client[J]) Len() int { return len(c.jobs) }

// Asked reports whether a client was asked what it still owns, and has not answered.
func (c *Client[J]) Asked() bool { return c.asked != c.heard }

// Ask returns the jobs about which a client is to be asked; none if there are none. What it has answered to an earlier
// question it may have said before what is in doubt now, so that it is asked again, and everything is certain when it
// has answered all.
func (c *Client[J]) Ask() []Owned[J] {
	if len(c.jobs) == 0 {
		return nil
	}
	c.asked++
	list := c.list()
	for _, o := range list {
		if !o.Asked {
			c.jobs[o.Seq] = followed[J]{o.Job, c.asked}
		}
	}
	return list
}

// Still takes a client's word on which of its jobs it still owns; one that closes names none. It returns those that are
// its own for certain, and those that it has given up and follows no more. What it has submitted since it was asked may
// have overtaken the answer, which does not know of it then, and is its own in any case.
func (c *Client[J]) Still(seqs []uint32) (kept, lost []Owned[J]) {
	asked := c.Asked()
	if asked {
		c.heard++
	}
	owned := make(map[uint32]bool, len(seqs))
	for _, seq := range seqs {
		owned[seq] = true
	}
	for _, o := range c.list() {
		first := c.jobs[o.Seq].asked
		since := asked && (first == 0 || first > c.heard)
		switch {
		case !owned[o.Seq] && !since:
			lost = append(lost, o)
			c.Forget(o.Seq)
		case !c.Asked():
			kept = append(kept, o)
			c.jobs[o.Seq] = followed[J]{job: o.Job}
		}
	}
	if !c.Asked() {
		c.asked, c.heard = 0, 0
	}
	return kept, lost
}

// Leave returns the jobs that a client still follows when its connection ends, and forgets them.
func (c *Client[J]) Leave() []Owned[J] {
	list := c.list()
	c.jobs, c.asked, c.heard = nil, 0, 0
	return list
}

// list returns what the client follows, by number.
func (c *Client[J]) list() []Owned[J] {
	list := make([]Owned[J], 0, len(c.jobs))
	for seq, f := range c.jobs {
		list = append(list, Owned[J]{seq, f.job, f.asked != 0})
	}
	slices.SortFunc(list, func(a, b Owned[J]) int { return cmp.Compare(a.Seq, b.Seq) })
	return list
}
