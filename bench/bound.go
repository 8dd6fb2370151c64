package main

import (
	"container/heap"
	"time"
)

// omniscient returns the responses of jobs under one queue over all slots, first come first served and without delays:
// nothing that runs the tasks of a job in order and does not know how long they take is faster on the whole. Jobs
// arrive in order.
func omniscient(slots int, jobs []jobRecord) []time.Duration {
	free := make(freeSlots, slots) // when each slot is free, since the start
	responses := make([]time.Duration, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		var last time.Duration
		for _, served := range j.served {
			free[0] = max(free[0], j.due) + served
			last = max(last, free[0])
			heap.Fix(&free, 0)
		}
		responses[i] = last - j.due
	}
	return responses
}

// freeSlots has the slot that is free first in front. All zeros are a heap.
type freeSlots []time.Duration

func (f freeSlots) Len() int           { return len(f) }
func (f freeSlots) Less(i, j int) bool { return f[i] < f[j] }
func (f freeSlots) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *freeSlots) Push(any)          { panic("slots are not added") }
func (f *freeSlots) Pop() any          { panic("slots are not taken away") }
