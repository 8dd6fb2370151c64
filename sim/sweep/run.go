package sweep

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Options say how to run a sweep.
type Options struct {
	// Parallel is how many cells run at a time; 0 stands for one a core. Each takes the memory of one simulation.
	Parallel int
	// Progress is told at the start, after each cell, and several times a second while cells are under way, by one
	// goroutine at a time. It may be nil.
	Progress func(Progress)
}

// Progress is how far a sweep has come.
type Progress struct {
	Cells    int           // with a result of their own
	Done     int           // of them, those from an earlier run of the sweep included
	Found    int           // of Done, those from an earlier run
	Stale    int           // of the others, those that another build of the program has run: they run anew
	Share    float64       // of the cells that were missing, 0 to 1: cells under way count as far as they have come
	Left     time.Duration // estimated from what each policy has taken for a task; -1: nothing is known yet
	Elapsed  time.Duration // since this run of the sweep began
	Finished *Outcome      // the cell that has just ended; nil at other times
}

// Run runs the cells that the state file in the directory does not have yet, and returns the outcomes of all of them,
// by key. Cells with the same key run once. At the end of the context it returns its cause; what has finished by then
// is in the state file, and the same call goes on from there.
func Run(ctx context.Context, cells []Cell, dir *Directory, opt Options) (map[string]*Outcome, error) {
	wanted := make(map[string]bool, len(cells))
	unique := make([]*Cell, 0, len(cells))
	for i := range cells {
		if !wanted[cells[i].Key] {
			wanted[cells[i].Key] = true
			unique = append(unique, &cells[i])
		}
	}
	state, err := dir.read(wanted)
	if err != nil {
		return nil, err
	}
	parallel := opt.Parallel
	if parallel <= 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	c := &crew{state: state, started: time.Now(), parallel: parallel, cells: len(unique), tell: opt.Progress, ended: make(map[string]cost)}
	for _, cell := range unique {
		if state.outcomes[cell.Key] == nil {
			c.todo = append(c.todo, cell)
		}
	}
	c.found = len(unique) - len(c.todo)
	c.report(nil)
	if err := c.work(ctx); err != nil {
		return nil, err
	}
	return state.outcomes, nil
}

// crew runs cells. Each goroutine takes the next cell until none is left or one has failed.
type crew struct {
	mu    sync.Mutex // guards what follows, and the state
	state *state
	todo  []*Cell // not begun, the next one first
	doing []*attempt
	ended map[string]cost // of this run, by policy
	err   error
	told  time.Time // when progress was told last

	started  time.Time
	parallel int
	cells    int
	found    int
	tell     func(Progress)
}

// cost is what simulations have taken.
type cost struct {
	work    float64 // of cells
	seconds float64
}

func (c cost) plus(d cost) cost { return cost{c.work + d.work, c.seconds + d.seconds} }

func (c *crew) work(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	for range min(c.parallel, len(c.todo)) {
		wg.Go(func() {
			for a := c.next(ctx); a != nil; a = c.next(ctx) {
				o, err := a.simulate()
				c.end(a, o, err, stop)
			}
		})
	}
	wg.Wait()
	if c.err != nil {
		return c.err
	}
	return context.Cause(ctx)
}

// next hands out a cell; nil: there is nothing left to do.
func (c *crew) next(ctx context.Context) *attempt {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil || len(c.todo) == 0 {
		return nil
	}
	a := &attempt{Context: ctx, cell: c.todo[0], started: time.Now(), looked: c.tick}
	c.todo = c.todo[1:]
	c.doing = append(c.doing, a)
	return a
}

// end takes a cell's outcome. The first error stops the others.
func (c *crew) end(a *attempt, o *Outcome, err error, stop context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doing = slices.DeleteFunc(c.doing, func(other *attempt) bool { return other == a })
	if err == nil {
		err = c.state.add(o)
	}
	if err != nil {
		if c.err == nil {
			c.err = err
		}
		stop(err)
		return
	}
	c.ended[a.policy()] = c.ended[a.policy()].plus(cost{work: a.cell.work(), seconds: o.Result.WallS})
	c.report(o)
}

// tickInterval is how often progress is told at most while no cell ends.
const tickInterval = 250 * time.Millisecond

// tick tells how far the cells under way have come, if it was not told just now.
func (c *crew) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.told) >= tickInterval {
		c.report(nil)
	}
}

func (c *crew) report(finished *Outcome) {
	if c.tell == nil {
		return
	}
	c.told = time.Now()
	c.tell(Progress{
		Cells: c.cells, Done: c.cells - len(c.todo) - len(c.doing), Found: c.found, Stale: len(c.state.stale), Share: c.share(), Left: c.left(),
		Elapsed: time.Since(c.started), Finished: finished,
	})
}

// share returns which part of the cells that were missing is done.
func (c *crew) share() float64 {
	missing := c.cells - c.found
	if missing == 0 {
		return 1
	}
	done := float64(missing - len(c.todo) - len(c.doing))
	for _, a := range c.doing {
		done += a.share()
	}
	return done / float64(missing)
}

// left estimates how long the rest takes, from the cells that have ended and from how far those under way have come.
func (c *crew) left() time.Duration {
	costs := maps.Clone(c.ended)
	for _, a := range c.doing {
		costs[a.policy()] = costs[a.policy()].plus(cost{work: a.share() * a.cell.work(), seconds: time.Since(a.started).Seconds()})
	}
	var all cost
	for _, e := range costs {
		all = all.plus(e)
	}
	if all.work == 0 {
		return -1
	}
	seconds := 0.0
	add := func(cell *Cell, share float64) {
		e := costs[cell.run.config.Policy]
		if e.work == 0 {
			e = all
		}
		seconds += share * cell.work() * e.seconds / e.work
	}
	for _, cell := range c.todo {
		add(cell, 1)
	}
	for _, a := range c.doing {
		add(a.cell, 1-a.share())
	}
	return time.Duration(seconds / float64(c.parallel) * float64(time.Second))
}

// work estimates how much there is to do in a cell: the number of its tasks, or the size of its file, which all cells
// of a sweep have or none.
func (c *Cell) work() float64 {
	if c.run.file != "" {
		return float64(c.run.size)
	}
	return c.run.jobs() * c.run.spec.Tasks.Mean()
}

// jobs estimates how many there are; 0: only the file knows.
func (r *run) jobs() float64 {
	jobs := float64(r.window.Jobs)
	if r.file == "" && r.window.Duration > 0 {
		if byTime := r.spec.JobRate() * r.window.Duration.Seconds(); jobs == 0 || byTime < jobs {
			jobs = byTime
		}
	}
	return jobs
}
