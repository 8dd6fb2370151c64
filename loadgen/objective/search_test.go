package objective_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"dunnock/loadgen/objective"
)

// system is a fleet with its generator, made up: it holds an objective up to a capacity, more or less.
type system struct {
	capacity float64
	noise    float64 // standard deviation of the logarithm of what a run shows
	spikes   float64 // probability that a run is spoiled by something else
	limit    float64 // rate beyond which the generator lags; 0: none
	rng      *rand.Rand
	probed   []float64
}

// probe reads one run: the closer to the capacity, the worse.
func (s *system) probe(_ context.Context, rate float64, n int) (objective.Reading, error) {
	if n != len(s.probed) {
		return 0, errors.New("probes are not counted")
	}
	s.probed = append(s.probed, rate)
	shown := rate / s.capacity * math.Exp(s.noise*s.rng.NormFloat64())
	switch {
	case s.limit > 0 && rate > s.limit:
		return objective.Unusable, nil
	case s.rng.Float64() < s.spikes || shown > 1:
		return objective.Broken, nil
	case shown < 0.8:
		return objective.Clear, nil
	}
	return objective.Holds, nil
}

func config() objective.SearchConfig {
	return objective.SearchConfig{Start: 1, Least: 1.0 / 1024, Most: 1 << 20, Precision: 0.05, Votes: 3, MaxProbes: 200}
}

func search(t rapid.TB, cfg objective.SearchConfig, s *system) *objective.Found {
	t.Helper()
	found, err := objective.Search(context.Background(), cfg, s.probe)
	if err != nil {
		t.Fatal(err)
	}
	check(t, cfg, s, found)
	return found
}

// check holds what is true of every search, however noisy.
func check(t rapid.TB, cfg objective.SearchConfig, s *system, f *objective.Found) {
	t.Helper()
	if f.Probes != len(s.probed) || f.Probes > cfg.MaxProbes {
		t.Errorf("%d probes, said to be %d, at most %d allowed", len(s.probed), f.Probes, cfg.MaxProbes)
	}
	runs := 0
	for _, step := range f.Steps {
		runs += step.Holds + step.Broken + step.Unusable
		if step.Rate < cfg.Least || step.Rate > cfg.Most {
			t.Errorf("tried %v, outside %v to %v", step.Rate, cfg.Least, cfg.Most)
		}
		if step.Rate <= f.Rate && step.Verdict != objective.VerdictHolds {
			t.Errorf("found %v, but %+v", f.Rate, step)
		}
		if step.Verdict == objective.VerdictHolds && step.Holds <= step.Broken+step.Unusable {
			t.Errorf("%+v has no majority", step)
		}
	}
	if runs != f.Probes {
		t.Errorf("%d runs in the steps, %d probes", runs, f.Probes)
	}
	if f.End == objective.EndFound && (f.Above > f.Rate*(1+cfg.Precision) || f.Above <= f.Rate || !f.Confirmed) {
		t.Errorf("found %+v", f)
	}
}

// Without noise, the capacity lies between the ends.
func TestSearchExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := config()
		cfg.Votes = rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "votes")
		cfg.Precision = rapid.Float64Range(0.001, 1).Draw(t, "precision")
		s := &system{capacity: math.Exp(rapid.Float64Range(-6, 13).Draw(t, "log capacity")), rng: rand.New(rand.NewPCG(1, 1))}
		f := search(t, cfg, s)
		if f.End != objective.EndFound || !(f.Rate <= s.capacity && s.capacity < f.Above) {
			t.Fatalf("capacity %v: found %+v", s.capacity, f)
		}
	})
}

// With noise and runs spoiled at random, what holds for every search still does, and it ends.
func TestSearchNoisy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := config()
		cfg.MaxProbes = rapid.IntRange(3, 60).Draw(t, "probes")
		cfg.Most = rapid.SampledFrom([]float64{1, 50, 1e6}).Draw(t, "most")
		s := &system{
			capacity: math.Exp(rapid.Float64Range(-8, 12).Draw(t, "log capacity")), noise: rapid.Float64Range(0, 1).Draw(t, "noise"),
			spikes: rapid.Float64Range(0, 0.6).Draw(t, "spikes"), limit: rapid.SampledFrom([]float64{0, 0.5, 100}).Draw(t, "limit"),
			rng: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)),
		}
		search(t, cfg, s)
	})
}

// One run in ten is spoiled and each is off by 5 %: the answer is still near the capacity, nearly always.
func TestSearchNear(t *testing.T) {
	const searches = 400
	far, probes := 0, 0
	for seed := range uint64(searches) {
		s := &system{capacity: 1000, noise: 0.05, spikes: 0.1, rng: rand.New(rand.NewPCG(seed, 7))}
		cfg := config()
		cfg.Start = 100
		f := search(t, cfg, s)
		probes += f.Probes
		if f.Rate < 850 || f.Rate > 1100 {
			far++
		}
	}
	t.Logf("%d of %d far off, %.1f probes each", far, searches, float64(probes)/searches)
	if far > searches/40 {
		t.Errorf("%d of %d far off", far, searches)
	}
	if probes > 30*searches {
		t.Errorf("%.1f probes a search", float64(probes)/searches)
	}
}

// A run in which the generator lags is none that holds, and what it ends is told apart.
func TestSearchGenerator(t *testing.T) {
	s := &system{capacity: 1000, limit: 300, rng: rand.New(rand.NewPCG(1, 1))}
	f := search(t, config(), s)
	if f.End != objective.EndGenerator || f.Rate > 300 || f.Above <= 300 {
		t.Errorf("got %+v", f)
	}
	cfg := config()
	cfg.Start, cfg.Least = 400, 350
	f = search(t, cfg, &system{capacity: 1000, limit: 300, rng: rand.New(rand.NewPCG(1, 1))})
	if f.End != objective.EndGenerator || f.Rate != 0 || f.Above != 350 {
		t.Errorf("got %+v", f)
	}
}

func TestSearchEnds(t *testing.T) {
	exact := func(capacity float64) *system {
		return &system{capacity: capacity, rng: rand.New(rand.NewPCG(1, 1))}
	}
	cfg := config()
	cfg.Most = 100
	if f := search(t, cfg, exact(1e9)); f.End != objective.EndMost || f.Rate != 100 || f.Above != 0 || !f.Confirmed {
		t.Errorf("most: got %+v", f)
	}
	cfg.Least = 0.5
	if f := search(t, cfg, exact(0.1)); f.End != objective.EndLeast || f.Rate != 0 || f.Above != 0.5 {
		t.Errorf("least: got %+v", f)
	}
	cfg.MaxProbes = 4
	if f := search(t, cfg, exact(50)); f.End != objective.EndProbes || f.Rate != 8 || f.Confirmed || f.Probes != 4 {
		t.Errorf("probes: got %+v", f)
	}
}

// The end of its time cuts a run short; that run says nothing.
func TestSearchTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &system{capacity: 1e9, rng: rand.New(rand.NewPCG(1, 1))}
	f, err := objective.Search(ctx, config(), func(ctx context.Context, rate float64, n int) (objective.Reading, error) {
		if n == 3 {
			cancel()
		}
		return s.probe(ctx, rate, n)
	})
	if err != nil || f.End != objective.EndTime || f.Probes != 3 || f.Rate != 4 {
		t.Errorf("got %+v, %v", f, err)
	}
	if last := f.Steps[len(f.Steps)-1]; last.Rate != 8 || last.Verdict != objective.VerdictOpen || last.Holds != 0 {
		t.Errorf("the last step is %+v", last)
	}
}

// A probe that fails ends the search with its error, and what was known.
func TestSearchError(t *testing.T) {
	lost := errors.New("the fleet is gone")
	f, err := objective.Search(t.Context(), config(), func(_ context.Context, _ float64, n int) (objective.Reading, error) {
		if n == 2 {
			return 0, lost
		}
		return objective.Clear, nil
	})
	if !errors.Is(err, lost) || f.Rate != 2 || f.End != "" {
		t.Errorf("got %+v, %v", f, err)
	}
}

// One bad vote at a low rate does not decide the search: a rate that it would name is asked again.
func TestSearchTurns(t *testing.T) {
	bad := map[int]bool{2: true, 3: true} // both at rate 4
	f, err := objective.Search(t.Context(), config(), func(_ context.Context, rate float64, n int) (objective.Reading, error) {
		if bad[n] || rate > 100 {
			return objective.Broken, nil
		}
		return objective.Clear, nil
	})
	if err != nil || f.Rate < 90 || f.Rate > 100 || f.End != objective.EndFound {
		t.Errorf("got %+v, %v", f, err)
	}
}

// A rate that one clear run has decided is not found if the vote at the end, cut short, stands against it.
func TestSearchCut(t *testing.T) {
	cfg := config()
	cfg.Most, cfg.MaxProbes = 1, 3
	f, err := objective.Search(t.Context(), cfg, func(_ context.Context, _ float64, n int) (objective.Reading, error) {
		if n == 0 {
			return objective.Clear, nil
		}
		return objective.Broken, nil
	})
	if err != nil || f.End != objective.EndProbes || f.Rate != 0 || f.Steps[0].Verdict != objective.VerdictOpen {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestSearchConfig(t *testing.T) {
	for _, change := range []func(*objective.SearchConfig){
		func(c *objective.SearchConfig) { c.Start = 0 },
		func(c *objective.SearchConfig) { c.Least = 2 },
		func(c *objective.SearchConfig) { c.Most = 0.5 },
		func(c *objective.SearchConfig) { c.Most = math.Inf(1) },
		func(c *objective.SearchConfig) { c.Start = math.NaN() },
		func(c *objective.SearchConfig) { c.Precision = 0 },
		func(c *objective.SearchConfig) { c.Votes = 2 },
		func(c *objective.SearchConfig) { c.Votes = 0 },
		func(c *objective.SearchConfig) { c.MaxProbes = 2 },
	} {
		cfg := config()
		change(&cfg)
		if _, err := objective.Search(t.Context(), cfg, nil); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
}
