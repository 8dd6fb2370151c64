package sweep

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"sync/atomic"
	"time"

	"dunnock/loadgen/workload"
	"dunnock/sim"
)

// attempt is a cell under way. It is also the context that the simulation runs in: a simulation looks every few
// thousand events whether it is to end, from the goroutine that takes jobs from the source, and at that moment an
// attempt can see how many those are. So progress needs no hook in the engine, no lock around the source, and no
// goroutine of its own.
type attempt struct {
	context.Context //nolint:containedctx // it is one

	cell    *Cell
	started time.Time
	looked  func() // told after the simulation has looked

	source *workload.Source
	read   *counter      // of the bytes of the cell's file; nil: it has none
	done   atomic.Uint64 // bits of the share that is done
}

// Err is asked by the simulation.
func (a *attempt) Err() error {
	if a.source != nil {
		a.note()
		a.looked()
	}
	return a.Context.Err()
}

// note sees how far the simulation has come: by the jobs that have arrived, or what was read of their file, whichever
// is further.
func (a *attempt) note() {
	share := 0.0
	if jobs := a.cell.run.jobs(); jobs > 0 {
		share = float64(a.source.Jobs()) / jobs
	}
	if a.read != nil && a.cell.run.size > 0 {
		share = max(share, float64(a.read.bytes)/float64(a.cell.run.size))
	}
	a.done.Store(math.Float64bits(min(share, 1)))
}

// share returns how far the simulation has come, 0 to 1.
func (a *attempt) share() float64 { return math.Float64frombits(a.done.Load()) }

func (a *attempt) policy() string { return a.cell.run.config.Policy }

// simulate runs the cell.
func (a *attempt) simulate() (*Outcome, error) {
	c := a.cell
	source, closeSource, err := a.open()
	if err != nil {
		return nil, err
	}
	defer closeSource()
	a.source = source
	cfg := c.run.config
	cfg.Nodes = c.run.fleet.Nodes(cfg.Workers)
	if err := source.Wish(c.run.wishes, known(cfg.Nodes)); err != nil {
		return nil, err
	}
	r, d, err := sim.RunDistribution(a, cfg, source, Ranks())
	if err != nil {
		if c.run.file != "" && a.Context.Err() == nil {
			err = fmt.Errorf("%s: %w", c.run.file, err)
		}
		return nil, err
	}
	return &Outcome{Key: c.Key, Result: r, ServiceMS: d.ServiceMS, ResponseMS: d.ResponseMS, WaitMS: d.WaitMS}, nil
}

// open returns the jobs of the cell.
func (a *attempt) open() (*workload.Source, func(), error) {
	r := &a.cell.run
	if r.file == "" {
		source, err := workload.Generate(r.spec, r.window)
		return source, func() {}, err
	}
	f, err := os.Open(r.file)
	if err != nil {
		return nil, nil, err
	}
	a.read = &counter{in: f}
	source, err := workload.Read(a.read, r.window)
	if err != nil {
		_ = f.Close() // it was only read
		return nil, nil, fmt.Errorf("%s: %w", r.file, err)
	}
	return source, func() { _ = f.Close() }, nil
}

// counter counts the bytes that are read.
type counter struct {
	in    io.Reader
	bytes int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	c.bytes += int64(n)
	return n, err
}
