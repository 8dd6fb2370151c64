package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"dunnock/scheduler/placement"
	"dunnock/sim/storm"
)

// maxSeeds bounds one check to what a machine does in some days.
const maxSeeds = 100_000_000

// stormReport is the JSON of a check with faults.
type stormReport struct {
	storm.Summary
	WallS    float64       `json:"wall_s"`
	SeedsPS  float64       `json:"seeds_per_s"`
	Failures []stormFailed `json:"failures"`
}

// stormFailed is a seed that has broken a promise.
type stormFailed struct {
	Seed   uint64 `json:"seed"`
	Error  string `json:"error"`
	Replay string `json:"replay"`
}

// storm breaks fleets, one for each seed.
func (c *simCheckCmd) storm(p *process) error {
	switch {
	case c.Seeds < 1 || c.Seeds > maxSeeds:
		return usagef("--seeds: want 1 to %d, got %d", maxSeeds, c.Seeds)
	case uint64(c.Seeds-1) > math.MaxUint64-c.Seed:
		return usagef("--seed: %d seeds from %d on are more than there are", c.Seeds, c.Seed)
	case c.Trace && c.Seeds != 1:
		return usagef("--trace: want --seeds 1, got %d", c.Seeds)
	case c.Trace && c.Format == "json":
		return usagef("--trace: want --format table, got json")
	}
	var policy placement.Policy // of each fleet its own
	replay := "dunnock sim check --faults --seed %d --seeds 1"
	if c.Policy != "" {
		var err error
		if policy, err = placement.ParsePolicy(c.Policy); err != nil {
			return usagef("--%v", err)
		}
		replay += " --policy " + c.Policy
	}
	if c.Trace {
		if r := storm.Run(c.Seed, policy, p.stdout); r.Err != nil {
			return fmt.Errorf("seed %d: %w", c.Seed, r.Err)
		}
		return nil
	}
	report := stormReport{Failures: []stormFailed{}}
	started := time.Now()
	sum, err := storm.Check(p.ctx, storm.Config{First: c.Seed, Seeds: c.Seeds, Policy: policy, Failed: func(r *storm.Result) {
		f := stormFailed{r.Plan.Seed, r.Err.Error(), fmt.Sprintf(replay, r.Plan.Seed)}
		report.Failures = append(report.Failures, f)
		if c.Format != "json" {
			_, _ = fmt.Fprintf(p.stdout, "seed %d: %s\n    %s\n", f.Seed, f.Error, f.Replay) // what cannot be written shows at the end
		}
	}})
	if err != nil {
		return interrupted()
	}
	report.Summary = *sum
	report.WallS = time.Since(started).Seconds()
	report.SeedsPS = float64(sum.Seeds) / report.WallS
	if err := c.print(p.stdout, report, func(w *tabwriter.Writer) { stormTable(w, &report) }); err != nil {
		return err
	}
	if sum.Failed > 0 {
		return fmt.Errorf("%s of %d broke a promise", count(sum.Failed, "seed"), sum.Seeds)
	}
	return nil
}

// stormTable prints a summary for people.
func stormTable(w *tabwriter.Writer, r *stormReport) {
	row(w, "seeds", fmt.Sprintf("%d to %d: %d broke a promise", r.First, r.First+uint64(r.Seeds)-1, r.Failed))
	row(w, "speed", fmt.Sprintf("%.3g seeds/s, %s events/s", r.SeedsPS, thousands(int64(float64(r.Events)/r.WallS))))
	row(w, "work", fmt.Sprintf("%s, %s; %s refused", count(int(r.Jobs), "job"), count(int(r.Tasks), "task"), count(int(r.Refused), "job")))
	row(w, "starts", fmt.Sprintf("%s, of which %s again, each after a failure or a fault", thousands(int64(r.Starts)), thousands(int64(r.Again))))
	row(w, "outcomes", tallied(r.Outcomes))
	row(w, "faults", tallied(r.Faults))
	if len(r.NeverHit) > 0 {
		row(w, "never hit", strings.Join(r.NeverHit, ", "))
	}
}

// tallied lists what was counted, the most frequent first.
func tallied(counts map[string]uint64) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			if counts[a] > counts[b] {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, counts[name])
	}
	return strings.Join(names, ", ")
}
