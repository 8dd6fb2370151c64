package storm

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"dunnock/scheduler/placement"
)

// Config says which seeds to run.
type Config struct {
	First    uint64           // the first seed; the others follow it
	Seeds    int              // how many, at least 1
	Policy   placement.Policy // of all fleets; 0: of each its own
	Parallel int              // at a time; 0: as many as there are processors
	// Failed is told of each seed that has broken a promise, in the order of the seeds. It may be nil.
	Failed func(*Result)
}

// Summary is what many runs were like together.
type Summary struct {
	First    uint64            `json:"first"`
	Seeds    int               `json:"seeds"` // that were run
	Failed   int               `json:"failed"`
	Events   uint64            `json:"events"`
	Messages uint64            `json:"messages"`
	Jobs     uint64            `json:"jobs"`
	Refused  uint64            `json:"refused"` // of them, that no scheduler took
	Tasks    uint64            `json:"tasks"`
	Starts   uint64            `json:"starts"`
	Again    uint64            `json:"again"` // starts of a task that had started before, each explained by a failure or a fault
	Virtual  time.Duration     `json:"-"`     // time that passed in the fleets while things went wrong
	Outcomes map[string]uint64 `json:"outcomes"`
	Faults   map[string]uint64 `json:"faults"`    // by kind
	Counts   map[string]uint64 `json:"counts"`    // what the cores have counted, and what happened beside
	NeverHit []string          `json:"never_hit"` // faults that never struck, and protections that were never needed
}

// Check runs seeds, several at a time. The error is that of the context.
func Check(ctx context.Context, cfg Config) (*Summary, error) {
	sum := &Summary{First: cfg.First, Outcomes: make(map[string]uint64), Faults: make(map[string]uint64), Counts: make(map[string]uint64)}
	workers := cfg.Parallel
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var mu sync.Mutex // guards next, done and sum
	next, told := 0, 0
	done := make(map[int]*Result) // that wait for those before them
	var wg sync.WaitGroup
	for range min(workers, cfg.Seeds) {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= cfg.Seeds || ctx.Err() != nil {
					return
				}
				r := Run(cfg.First+uint64(i), cfg.Policy, nil)
				mu.Lock()
				done[i] = r
				for ; done[told] != nil; told++ {
					sum.add(done[told], cfg.Failed)
					delete(done, told)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	sum.NeverHit = sum.missing(cfg.Policy == 0 || cfg.Policy == placement.IdleOffer)
	return sum, context.Cause(ctx)
}

func (s *Summary) add(r *Result, failed func(*Result)) {
	s.Seeds++
	s.Events += r.Events
	s.Messages += r.Messages
	s.Jobs += uint64(r.Jobs)
	s.Refused += uint64(r.Refused)
	s.Tasks += uint64(r.Tasks)
	s.Starts += uint64(r.Starts)
	s.Again += uint64(r.Again)
	s.Virtual += r.Plan.Storm
	for o, n := range r.Outcomes {
		s.Outcomes[o.String()] += uint64(n)
	}
	for what, n := range r.Counts {
		if slices.Contains(faultNames(), what) {
			s.Faults[what] += n
		} else {
			s.Counts[what] += n
		}
	}
	if r.Err != nil {
		s.Failed++
		if failed != nil {
			failed(r)
		}
	}
}

// faultNames are the kinds of faults, those of single messages included.
func faultNames() []string {
	names := make([]string, 0, faults+4)
	names = append(names, delayedMessage, duplicatedMessage, reorderedMessage, poisonedWorker)
	for f := range faults {
		names = append(names, f.String())
	}
	return names
}

// protections is what keeps promises, by what the cores and shells count when it is needed.
func protections() []string {
	return []string{
		"owner.Stats.HandedOn", "owner.Stats.Superseded", "owner.Stats.Refusals", "owner.Stats.Ended", "owner.Stats.Stale",
		"placement.Stats.Severed", "placement.Stats.Unlaunched", "placement.Stats.Claims", "placement.Stats.Adopted", "placement.Stats.Found",
		"placement.Stats.Superseded", "placement.Stats.Repeated", "placement.Stats.Lost", "placement.Stats.Declined", "placement.Stats.Overloaded",
		"placement.Stats.Stale", "placement.Stats.Retries", "placement.Stats.Quarantined",
		"queue.Stats.Orphans", "queue.Stats.Unreported", "queue.Stats.Adopted", "queue.Stats.Claims", "queue.Stats.FencedClaims",
		"queue.Stats.DeclinedFenced", "queue.Stats.ResultsDropped", "queue.Stats.StaleLaunches", "queue.Stats.Stuck",
		"queue.Stats.Kills", "queue.Stats.Timeouts", "queue.Stats.Deadlines", "queue.Stats.RefusedFull", "queue.Stats.RefusedDraining",
		"lease over", "replaced connection", "resumed connection", "void worker", "paused beyond a lease", "asked client", "rejoined job", "replaced job",
		"abandoned job", "held for credit", "kept result", "worker left", "awaited a scheduler", "scheduler left",
		"submission crossed a last word", "drain timeout",
	}
}

// ofOffers are the protections of idle offers.
func ofOffers() []string {
	return []string{
		"placement.Stats.OffersUsed", "placement.Stats.OffersDropped", "placement.Stats.HandsTaken", "placement.Stats.Spares", "placement.Stats.Nets", "placement.Stats.Told", "placement.Stats.Untrue",
		"queue.OfferStats.Renewed", "queue.OfferStats.Voided", "queue.OfferStats.Held", "queue.OfferStats.Early", "queue.OfferStats.Overruns", "queue.OfferStats.Coming",
		"queue.OfferStats.Brief", "queue.OfferStats.Retreats",
		"lost peer connection", "replaced peer connection", "offer sent back",
	}
}

// missing lists what was never hit, with what there is for idle offers or without.
func (s *Summary) missing(offers bool) []string {
	names := []string{}
	for i, f := range faultNames() {
		if s.Faults[f] == 0 && (offers || i < len(faultNames())-int(faults-firstPeerFault)) {
			names = append(names, f)
		}
	}
	needed := protections()
	if offers {
		needed = append(needed, ofOffers()...)
	}
	for _, p := range needed {
		if s.Counts[p] == 0 {
			names = append(names, p)
		}
	}
	return names
}
