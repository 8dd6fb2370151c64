package owner

import (
	"errors"
	"fmt"
	"math/bits"
)

// CheckInvariants walks the whole state and returns what is wrong with it, or nil. It takes time in proportion to all
// jobs and is meant for tests and simulations.
//
// The one invariant that is more than bookkeeping is liveness: a job that waits will be looked at at a set time, or
// some scheduler is being connected to or will be. And none waits while a scheduler is there that it could go to.
func (c *Core) CheckInvariants() error {
	k := checker{c: c}
	k.records()
	k.list(&c.waiting, None)
	connected, dialled := 0, 0
	for i := range c.schedulers {
		s := &c.schedulers[i]
		k.list(&s.jobs, Scheduler(i))
		k.expect(s.state == up || s.jobs.first == nil, "scheduler %d has jobs and is not connected", i)
		switch s.state {
		case up:
			connected++
		case dialling:
			dialled++
		case closed:
		}
	}
	k.expect(connected == c.connected && dialled == c.dialled, "%d connected and %d dialled, counted %d and %d", c.connected, c.dialled, connected, dialled)
	k.expect(k.live == c.load.Jobs && k.waiting == c.load.Waiting, "load %+v, counted %d jobs, %d waiting", c.load, k.live, k.waiting)
	k.expect(len(c.timers) == k.live, "%d timers for %d jobs", len(c.timers), k.live)
	k.expect(len(c.bySeq) == k.live-k.waiting, "%d numbers for %d submissions", len(c.bySeq), k.live-k.waiting)
	k.expect(c.stats.Jobs == c.stats.Done+c.stats.Refused+uint64(k.live), "%d jobs came in; %d done, %d refused, %d live", c.stats.Jobs, c.stats.Done, c.stats.Refused, k.live)
	if err := c.timers.Check((*job).wake); err != nil {
		k.errs = append(k.errs, err)
	}
	return errors.Join(k.errs...)
}

type checker struct {
	c             *Core
	errs          []error
	live, waiting int
}

func (k *checker) expect(ok bool, format string, args ...any) {
	if !ok && len(k.errs) < 20 {
		k.errs = append(k.errs, fmt.Errorf(format, args...))
	}
}

func (k *checker) records() {
	free := make(map[uint32]bool)
	for _, i := range k.c.free {
		k.expect(!free[i], "record %d is free twice", i)
		free[i] = true
	}
	for i, j := range k.c.jobs {
		k.expect(j.ref.Index() == i, "record %d has Ref %#x", i, uint64(j.ref))
		k.expect((j.state == 0) == free[uint32(i)], "record %d: state %d, free %v", i, j.state, free[uint32(i)])
	}
}

// list checks the jobs at one place.
func (k *checker) list(l *list, place Scheduler) {
	var prev *job
	for j := l.first; j != nil; j = j.next {
		if k.live++; k.live > len(k.c.jobs) {
			k.expect(false, "the jobs at %d are a ring", place)
			return
		}
		k.expect(j.prev == prev && j.place == place, "job %#x: wrong predecessor or place", uint64(j.ref))
		k.job(j)
		prev = j
	}
	k.expect(l.last == prev, "the list of %d does not end with its last job", place)
}

func (k *checker) job(j *job) {
	c := k.c
	k.expect(c.find(j.ref) == j, "job %#x is not where its Ref says", uint64(j.ref))
	unfinished := j.tasks
	for _, b := range j.finished {
		unfinished -= bits.OnesCount8(b)
	}
	k.expect(unfinished == j.unfinished && j.notOK <= j.tasks-unfinished, "job %#x: %d unfinished, counted %d; %d not ok", uint64(j.ref), j.unfinished, unfinished, j.notOK)
	k.expect(j.timer.Set(), "job %#x is not in the heap", uint64(j.ref))
	if j.state != waits {
		k.expect(c.bySeq[j.seq] == j, "job %#x is not found by its number", uint64(j.ref))
		k.expect(j.raise && j.lookAt == never && !j.backsOff, "job %#x is submitted and waits", uint64(j.ref))
		k.expect(j.state == submitted || j.owned, "job %#x is accepted and not owned", uint64(j.ref))
		return
	}
	k.waiting++
	k.expect(!j.cancels, "job %#x is cancelled and waits", uint64(j.ref))
	k.expect(!j.backsOff || j.lookAt != never, "job %#x backs off for ever", uint64(j.ref))
	comes := j.lookAt != never
	for i := range c.schedulers {
		s := &c.schedulers[i]
		comes = comes || s.state == dialling || c.wants(s)
		k.expect(s.state != up || j.refused&(1<<i) != 0 || j.lookAt != never, "job %#x waits and scheduler %d is there", uint64(j.ref), i)
	}
	k.expect(comes, "nothing will come of job %#x", uint64(j.ref))
}
