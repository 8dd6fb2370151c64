package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// shape is a fleet's: so many workers of so many slots.
type shape struct{ workers, slots int }

func (s shape) String() string { return fmt.Sprintf("%dx%d", s.workers, s.slots) }

// mostOfEach bounds a shape: more workers, or slots, do not fit a process of this machine.
const mostOfEach = 4096

// parseShapes reads shapes separated by commas.
func parseShapes(list string) (shapes []shape, err error) {
	for word := range strings.SplitSeq(list, ",") {
		workers, slots, _ := strings.Cut(word, "x")
		var s shape
		var errs [2]error
		s.workers, errs[0] = strconv.Atoi(workers)
		s.slots, errs[1] = strconv.Atoi(slots)
		if errors.Join(errs[:]...) != nil || min(s.workers, s.slots) < 1 || max(s.workers, s.slots) > mostOfEach {
			return nil, fmt.Errorf("%q: want WORKERSxSLOTS, such as 4x16, each from 1 to %d", word, mostOfEach)
		}
		shapes = append(shapes, s)
	}
	return shapes, nil
}

// measureShapes measures fleets of several shapes by turns: what one round takes beside what another takes says
// something only if the two were measured at the same time. Each turn starts a fleet, warms it up and ends it, so that
// no idle fleet lies beside the one that is measured.
func (o *options) measureShapes(ctx context.Context) error {
	fmt.Printf("jobs in flight: %d of %d no-op tasks; workers x slots of each fleet, in %d processes, or a worker a process; schedulers: 1; %s; %d CPUs, %s\n",
		o.inFlight, o.tasks, o.processes, o.policy, runtime.NumCPU(), runtime.Version())
	measured := make([][]round, len(o.shapes))
	for n := range o.rounds {
		for k := range o.shapes {
			i := (k + n) % len(o.shapes) // so that none is always behind the same one
			r, err := o.turn(ctx, o.shapes[i])
			if err != nil {
				return fmt.Errorf("%s: %w", o.shapes[i], err)
			}
			measured[i] = append(measured[i], r)
		}
	}
	return o.reportShapes(measured)
}

// turn measures one round of a fleet of its own.
func (o *options) turn(ctx context.Context, s shape) (round, error) {
	own := *o
	own.workers, own.slots, own.processes = s.workers, s.slots, min(o.processes, s.workers)
	f, err := own.start(ctx)
	if err != nil {
		return round{}, err
	}
	defer f.stop()
	if err := own.warmUp(ctx, f); err != nil {
		return round{}, err
	}
	return own.round(ctx, f)
}

func (o *options) reportShapes(measured [][]round) error {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "median of %d\ttasks/s\tCPU/task\tof %s's\tlowest\thighest\tclient\tscheduler\tworkers\tjob p50\tjob p99\t\n", o.rounds, o.shapes[0])
	for i, rounds := range measured {
		ratios := make([]float64, len(rounds))
		for k, r := range rounds {
			ratios[k] = float64(r.cpuOfAll()) / float64(max(measured[0][k].cpuOfAll(), 1))
		}
		slices.Sort(ratios)
		fmt.Fprintf(t, "%s\t%.0f\t%v\t%.2f\t%.2f\t%.2f\t", o.shapes[i], median(rounds, round.rate), median(rounds, round.cpuOfAll).Round(10*time.Nanosecond),
			ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
		for part := range parts {
			fmt.Fprintf(t, "%v\t", median(rounds, func(r round) time.Duration { return r.cpu(part) }).Round(10*time.Nanosecond))
		}
		fmt.Fprintf(t, "%v\t%v\t\n", median(rounds, func(r round) time.Duration { return r.p50 }).Round(time.Microsecond),
			median(rounds, func(r round) time.Duration { return r.p99 }).Round(time.Microsecond))
	}
	fmt.Fprintln(t, "\nin 100 tasks\treads, client\tscheduler\tworkers\twrites, client\tscheduler\tworkers\tswitches, client\tscheduler\tworkers\t")
	for i, rounds := range measured {
		fmt.Fprintf(t, "%s\t", o.shapes[i])
		for _, of := range []func(usage) uint64{readsOf, writesOf, switchesOf} {
			for part := range parts {
				fmt.Fprintf(t, "%.1f\t", per100(rounds, part, of))
			}
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}
