package main

import (
	"context"
	"sync"
	"time"
)

// lanes are schedules that run at once. Faults of different lanes may overlap, but not on one node, and never on all
// schedulers.
type lanes struct {
	schedulers int // how many there are

	mu    sync.Mutex // guards what follows
	busy  map[string]bool
	freed chan struct{} // closed, and made anew, when some are free again
}

func newLanes(schedulers int) *lanes {
	return &lanes{schedulers: schedulers, busy: map[string]bool{}, freed: make(chan struct{})}
}

// enter waits until the fault may hit its targets, and takes them. leave gives them back. A fault that hits everybody
// in turn has all to itself; guests of one kind are not invited twice.
func (l *lanes) enter(ctx context.Context, p *planned, everybody bool) (leave func(), err error) {
	names := append([]string{"kind " + p.kind.name}, p.targets...)
	for {
		l.mu.Lock()
		if l.free(names, everybody) {
			for _, n := range names {
				l.busy[n] = true
			}
			l.mu.Unlock()
			return func() { l.leave(names) }, nil
		}
		freed := l.freed
		l.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// free says whether nothing speaks against it. The caller holds mu.
func (l *lanes) free(names []string, everybody bool) bool {
	if everybody {
		return len(l.busy) == 0
	}
	hit := 0
	for n := range l.busy {
		hit += isScheduler(n)
	}
	for _, n := range names {
		if l.busy[n] {
			return false
		}
		hit += isScheduler(n)
	}
	return hit < l.schedulers || len(l.busy) == 0
}

func isScheduler(name string) int {
	if name[0] == 's' {
		return 1
	}
	return 0
}

func (l *lanes) leave(names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range names {
		delete(l.busy, n)
	}
	close(l.freed)
	l.freed = make(chan struct{})
}

// faults runs the schedules of all lanes, and returns when all faults are healed.
func (r *run) faults(ctx context.Context, fleet shape) error {
	l := newLanes(fleet.schedulers)
	faults := make([]error, r.o.lanes)
	var wg sync.WaitGroup
	first := time.Now()
	for i := range r.o.lanes {
		plan := makePlan(r.o.seed, uint64(i), r.o.duration, r.o.kinds, fleet)
		wg.Go(func() { faults[i] = r.lane(ctx, l, plan, first) })
	}
	wg.Wait()
	for _, err := range faults {
		if err != nil {
			return err
		}
	}
	return nil
}

// lane runs one schedule.
func (r *run) lane(ctx context.Context, l *lanes, plan []planned, first time.Time) error {
	for i := range plan {
		pause(ctx, time.Until(first.Add(plan[i].at)))
		if time.Since(first) > r.o.duration+laneGrace {
			return nil // others were in the way for too long
		}
		leave, err := l.enter(ctx, &plan[i], plan[i].kind.name == "drain")
		if err != nil {
			return err
		}
		err = r.one(ctx, &plan[i])
		leave()
		if err != nil {
			return err
		}
	}
	return nil
}

// laneGrace is how late a fault may begin.
const laneGrace = 20 * time.Second
