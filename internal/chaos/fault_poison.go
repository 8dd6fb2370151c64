package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"dunnock/internal/chaos/ledger"
)

// poison is a job whose first task kills its worker. The fleet must give that task up after its attempts, and the rest
// must live.
type poison struct {
	guest
	r *run

	mu     sync.Mutex // guards what follows
	deaths int
	again  sync.WaitGroup // workers that are started anew
	fault  error
}

func newPoison(r *run, _ []string) fault { return &poison{r: r} }

func (p *poison) inject(ctx context.Context) (err error) {
	// Commands kill themselves, not their worker.
	for _, w := range p.r.fleet.workers {
		w.mu.Lock()
		w.died = func(w *process) { p.again.Go(func() { p.revive(ctx, w) }) }
		w.mu.Unlock()
	}
	l := p.r.o.load
	l.once = 0
	p.guest, err = p.r.invite("poisoner", func(name string) *process {
		return p.r.fleet.newClient(name, l, "--poison", "--kind", "poison")
	})
	if err != nil {
		return err
	}
	err = startAll(ctx, []*process{p.process})
	p.plan() // it ends by itself
	return err
}

// revive starts a worker that the task has killed, as whoever watches over it would. Its death explains what it cost.
func (p *poison) revive(ctx context.Context, w *process) {
	w.mu.Lock()
	number := diedFault + w.life // the worker has written down that it begins
	w.mu.Unlock()
	pause(ctx, 300*time.Millisecond)
	err := startAll(ctx, []*process{w})
	p.r.write(ledger.Record{Event: ledger.Heal, Fault: number, Kind: "poison-death"})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaths++
	p.fault = errors.Join(p.fault, err)
}

func (p *poison) heal(ctx context.Context) error {
	if p.process == nil {
		return nil
	}
	err := p.awaitEnd(ctx, p.r.o.load.deadline+10*time.Second) // it submits one job and leaves
	if err != nil {
		err = errors.Join(err, p.kill())
	}
	for _, w := range p.r.fleet.workers {
		w.mu.Lock()
		w.died = nil
		w.mu.Unlock()
	}
	p.again.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.r.notes.count("poison.deaths", p.deaths)
	return errors.Join(err, p.fault)
}
