package sim

import (
	"context"
	"fmt"
	"time"

	"dunnock/loadgen/workload"
)

// Distribution is what a run showed beyond its [Result], for plots. It leaves the warm-up out.
type Distribution struct {
	// ResponseMS are quantiles of the response of jobs in milliseconds, as in [Response], one for each rank that was
	// asked for.
	ResponseMS []float64
	// WaitMS are those of the wait of tasks.
	WaitMS []float64
	// ServiceMS is the mean time that a task occupied its slot, in milliseconds. Attempts that a fault ended are not in
	// it.
	ServiceMS float64
}

// RunDistribution is [Run] that also returns quantiles at the given ranks, each above 0 and at most 1.
func RunDistribution(ctx context.Context, cfg Config, source *workload.Source, ranks []float64) (*Result, *Distribution, error) {
	for _, q := range ranks {
		if !(q > 0 && q <= 1) {
			return nil, nil, fmt.Errorf("sim: rank: want more than 0 and at most 1, got %g", q)
		}
	}
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, nil, fmt.Errorf("sim: %w", err)
	}
	var e *Engine
	r, err := run(ctx, cfg, source, func(engine *Engine) Policy {
		e = engine
		return makers()[cfg.Policy](engine)
	})
	if err != nil {
		return nil, nil, err
	}
	t := &e.tally
	d := &Distribution{ResponseMS: t.responses.quantiles(ranks), WaitMS: t.waits.quantiles(ranks)}
	if t.waits.count > 0 {
		d.ServiceMS = t.demand.float() / float64(t.waits.count) / float64(time.Millisecond)
	}
	return r, d, nil
}

func (h *histogram) quantiles(ranks []float64) []float64 {
	out := make([]float64, len(ranks))
	for i, q := range ranks {
		out[i] = inMS(float64(h.quantile(q)))
	}
	return out
}
