package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shape is the fleet that a plan is for.
type shape struct{ schedulers, workers, clients int }

// targets draws whom a fault hits.
type targets func(rng *rand.Rand, s shape) []string

// planned is one fault of a schedule.
type planned struct {
	kind    kind
	at      time.Duration // since the first could come; later if the one before took longer
	hold    time.Duration // from injecting to healing
	targets []string      // nodes, by the kind's own meaning
}

func (p *planned) String() string {
	return fmt.Sprintf("%s %s for %v", p.kind.name, strings.Join(p.targets, " "), p.hold)
}

// makePlan draws the faults of a run: as many as fit, every kind once before any comes again, each when the one before
// has settled. The same arguments give the same plan.
func makePlan(seed, lane uint64, duration time.Duration, of []kind, fleet shape) []planned {
	rng := rand.New(rand.NewPCG(seed, lane))
	var plan []planned
	at := time.Duration(0)
	for {
		round := slices.Clone(of)
		rng.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
		fits := false
		for _, k := range round {
			p := planned{kind: k, at: at, hold: between(rng, k.least, k.most), targets: k.targets(rng, fleet)}
			pause := settle + between(rng, 0, time.Second)
			if at+p.hold > duration && len(plan) > 0 {
				continue // a shorter one may still fit
			}
			fits = true
			plan = append(plan, p)
			at += p.hold + pause
		}
		if !fits || at > duration {
			return plan
		}
	}
}

// between draws a time, in whole milliseconds.
func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return (least + time.Duration(rng.Int64N(int64(most-least)))).Round(time.Millisecond)
}

func nodeNames(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = prefix + strconv.Itoa(i+1)
	}
	return names
}

// some draws from 1 to most of the names, in order.
func some(rng *rand.Rand, names []string, most int) []string {
	n := 1 + rng.IntN(max(1, most))
	drawn := make([]string, 0, n)
	for _, i := range rng.Perm(len(names))[:min(n, len(names))] {
		drawn = append(drawn, names[i])
	}
	slices.Sort(drawn)
	return drawn
}

// Whom a fault hits. Something always stays whole: one more scheduler if there is one, and most of the workers.

func someWorkers(rng *rand.Rand, s shape) []string {
	return some(rng, nodeNames("w", s.workers), s.workers/3)
}

func oneWorker(rng *rand.Rand, s shape) []string { return some(rng, nodeNames("w", s.workers), 1) }

func oneScheduler(rng *rand.Rand, s shape) []string {
	return some(rng, nodeNames("s", s.schedulers), 1)
}

// twoSchedulers draws a pair, or the only one there is.
func twoSchedulers(rng *rand.Rand, s shape) []string {
	names := nodeNames("s", s.schedulers)
	rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:min(2, len(names))]
}

// oneOfTheSchedulers draws one, and names all others behind it.
func oneOfTheSchedulers(rng *rand.Rand, s shape) []string {
	names := nodeNames("s", s.schedulers)
	i := rng.IntN(len(names))
	names[0], names[i] = names[i], names[0]
	return names
}

func oneClient(rng *rand.Rand, s shape) []string { return some(rng, nodeNames("c", s.clients), 1) }

// schedulerAndWorkers draws a scheduler, and up to half of the workers.
func schedulerAndWorkers(rng *rand.Rand, s shape) []string {
	return append(oneScheduler(rng, s), some(rng, nodeNames("w", s.workers), s.workers/2)...)
}

func schedulerAndClient(rng *rand.Rand, s shape) []string {
	return append(oneScheduler(rng, s), oneClient(rng, s)...)
}

func anyNode(rng *rand.Rand, s shape) []string {
	return some(rng, append(nodeNames("s", s.schedulers), nodeNames("w", s.workers)...), 1)
}

func everybody(_ *rand.Rand, s shape) []string {
	return append(nodeNames("s", s.schedulers), nodeNames("w", s.workers)...)
}

func nobody(*rand.Rand, shape) []string { return nil }
