package queue

import (
	"slices"

	"dunnock/probe"
)

// nearSchedulers is how many schedulers a word of bits knows. Their numbers are dense, so that it is nearly always all
// of them, and looking one up costs no cache line of its own.
const nearSchedulers = 64

func (c *Core) connected(s probe.SchedulerID) bool {
	if s < nearSchedulers {
		return c.near>>s&1 == 1
	}
	_, found := slices.BinarySearch(c.far, s)
	return found
}

func (c *Core) connect(s probe.SchedulerID) {
	if s < nearSchedulers {
		c.near |= 1 << s
		return
	}
	if i, found := slices.BinarySearch(c.far, s); !found {
		c.far = slices.Insert(c.far, i, s)
	}
}

func (c *Core) disconnect(s probe.SchedulerID) {
	if s < nearSchedulers {
		c.near &^= 1 << s
		return
	}
	if i, found := slices.BinarySearch(c.far, s); found {
		c.far = slices.Delete(c.far, i, i+1)
	}
}
