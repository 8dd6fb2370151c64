package sweep

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"dunnock/sim"
)

// Options say how to run a sweep.
type Options struct {
	// Dir is where the state file is, made if it is not there.
	Dir string
	// Parallel is how many cells run at a time; 0 stands for one a core. Each takes the memory of one simulation.
	Parallel int
	// Progress is told at the start and after each cell, by one goroutine at a time. It may be nil.
	Progress func(Progress)
}

// Progress is how far a sweep has come.
type Progress struct {
	Cells    int           // with a result of their own
	Done     int           // of them, those from an earlier run of the sweep included
	Found    int           // of Done, those from an earlier run
	Left     time.Duration // estimated from what each policy has taken for a task; -1: nothing is known yet
	Elapsed  time.Duration // since this run of the sweep began
	Finished *Outcome      // the cell that has just ended; nil at the start
}

// Run runs the cells that the state file in the directory does not have yet, and returns the outcomes of all of them, by key. Cells with the
// same key run once. At the end of the context it returns its cause; what has finished by then is in the state file, and the
// same call goes on from there.
func Run(ctx context.Context, cells []Cell, opt Options) (map[string]*Outcome, error) {
	wanted := make(map[string]bool, len(cells))
	unique := make([]*Cell, 0, len(cells))
	for i := range cells {
		if !wanted[cells[i].Key] {
			wanted[cells[i].Key] = true
			unique = append(unique, &cells[i])
		}
	}
	state, err := openStore(opt.Dir, wanted)
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
	err = errors.Join(c.work(ctx), state.close())
	if err != nil {
		return nil, err
	}
	return state.outcomes, nil
}

// crew runs cells. Each goroutine takes the next cell until none is left or one has failed.
type crew struct {
	mu    sync.Mutex // guards what follows, and the state
	state *store
	todo  []*Cell // not begun, the next one first
	doing []*Cell
	ended map[string]cost // of this run, by policy
	err   error

	started  time.Time
	parallel int
	cells    int
	found    int
	tell     func(Progress)
}

// cost is what simulations have taken.
type cost struct {
	tasks   float64
	seconds float64
}

func (c *crew) work(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	for range min(c.parallel, len(c.todo)) {
		wg.Go(func() {
			for cell := c.next(ctx); cell != nil; cell = c.next(ctx) {
				o, err := cell.simulate(ctx)
				c.end(cell, o, err, stop)
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
func (c *crew) next(ctx context.Context) *Cell {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil || len(c.todo) == 0 {
		return nil
	}
	cell := c.todo[0]
	c.todo = c.todo[1:]
	c.doing = append(c.doing, cell)
	return cell
}

// end takes a cell's outcome. The first error stops the others.
func (c *crew) end(cell *Cell, o *Outcome, err error, stop context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, d := range c.doing {
		if d == cell {
			c.doing = append(c.doing[:i], c.doing[i+1:]...)
			break
		}
	}
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
	e := c.ended[cell.run.config.Policy]
	e.tasks += float64(o.Result.Tasks)
	e.seconds += o.Result.WallS
	c.ended[cell.run.config.Policy] = e
	c.report(o)
}

func (c *crew) report(finished *Outcome) {
	if c.tell == nil {
		return
	}
	c.tell(Progress{
		Cells: c.cells, Done: c.cells - len(c.todo) - len(c.doing), Found: c.found, Left: c.left(), Elapsed: time.Since(c.started), Finished: finished,
	})
}

// left estimates how long the rest takes. A cell under way counts half.
func (c *crew) left() time.Duration {
	var all cost
	for _, e := range c.ended {
		all.tasks += e.tasks
		all.seconds += e.seconds
	}
	if all.tasks == 0 {
		return -1
	}
	seconds := 0.0
	add := func(cells []*Cell, share float64) {
		for _, cell := range cells {
			e := c.ended[cell.run.config.Policy]
			if e.tasks == 0 {
				e = all
			}
			n := cell.tasks()
			if n == 0 { // a file says how many there are; take the mean of the others
				n = all.tasks / float64(max(1, c.cells-c.found-len(c.todo)-len(c.doing)))
			}
			seconds += share * n * e.seconds / e.tasks
		}
	}
	add(c.todo, 1)
	add(c.doing, 0.5)
	return time.Duration(seconds / float64(c.parallel) * float64(time.Second))
}

// tasks estimates how many a cell has; 0: only its file knows.
func (c *Cell) tasks() float64 {
	r := &c.run
	if r.file != "" {
		return 0
	}
	jobs := float64(r.window.Jobs)
	if byTime := r.spec.JobRate() * r.window.Duration.Seconds(); r.window.Duration > 0 && (jobs == 0 || byTime < jobs) {
		jobs = byTime
	}
	return jobs * r.spec.Tasks.Mean()
}

// simulate runs a cell.
func (c *Cell) simulate(ctx context.Context) (*Outcome, error) {
	source, closeSource, err := c.run.open()
	if err != nil {
		return nil, err
	}
	defer closeSource()
	r, d, err := sim.RunDistribution(ctx, c.run.config, source, Ranks())
	if err != nil {
		if c.run.file != "" && ctx.Err() == nil {
			err = fmt.Errorf("%s: %w", c.run.file, err)
		}
		return nil, err
	}
	return &Outcome{Key: c.Key, Result: r, ServiceMS: d.ServiceMS, ResponseMS: d.ResponseMS, WaitMS: d.WaitMS}, nil
}
