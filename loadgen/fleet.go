package loadgen

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dunnock/internal/api"
	"dunnock/loadgen/workload"
	"dunnock/probe"
	"dunnock/task"
)

// askTimeout bounds all that is asked of a fleet before a run.
const askTimeout = 2 * time.Second

// Fleet is what a run knows of the fleet that it drives.
type Fleet struct {
	Name       string
	Policy     string
	Schedulers int
	Workers    int // connected and active
	Slots      int // of them all
	Uniform    bool
	Discipline string   // of the workers' queues; of several, the first that is not fifo
	Apps       []string // that a worker has
	Nodes      []Node
}

// PerWorker returns the slots of a worker: the mean, rounded.
func (f *Fleet) PerWorker() int {
	if f.Workers == 0 {
		return 0
	}
	return int(math.Round(float64(f.Slots) / float64(f.Workers)))
}

// Largest returns the slots of the worker that has most; 0 if none is known.
func (f *Fleet) Largest() int {
	most := 0
	for _, n := range f.slotsByWorker() {
		most = max(most, n)
	}
	return most
}

func (f *Fleet) slotsByWorker() map[string]int {
	slots := make(map[string]int)
	for _, n := range f.Nodes {
		if n.Role == probe.RoleWorker.String() {
			slots[n.Name] = n.Slots
		}
	}
	return slots
}

// Has is what each worker has beside slots, in the order of Nodes; nil if that is not known.
func (f *Fleet) Has() []workload.Node {
	nodes := make([]workload.Node, 0, f.Workers)
	for i := range f.Nodes {
		if n := &f.Nodes[i]; n.Role == probe.RoleWorker.String() {
			nodes = append(nodes, workload.Node{Labels: n.Labels, Resources: n.Resources})
		}
	}
	if len(nodes) != f.Workers {
		return nil
	}
	return nodes
}

// simulated is what the workers of a simulation have: nil if that is nothing.
func (f *Fleet) simulated() []workload.Node {
	nodes := f.Has()
	if !slices.ContainsFunc(nodes, func(n workload.Node) bool { return len(n.Labels)+len(n.Resources) > 0 }) {
		return nil
	}
	return nodes
}

// Ask asks schedulers for their fleet, all at once and for two seconds at most. All have to answer, and to be of the
// same fleet: a run that is spread over some that do not exist, or over two fleets, measures neither.
func Ask(ctx context.Context, schedulers []string) (Fleet, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, fmt.Errorf("no answer within %v", askTimeout))
	defer cancel()
	type answer struct {
		fleet api.Fleet
		err   error
	}
	answers := make([]answer, len(schedulers))
	var calls sync.WaitGroup
	for i, s := range schedulers {
		calls.Go(func() {
			c, err := api.NewCaller(s)
			if err == nil {
				answers[i].fleet, err = c.Fleet(ctx)
			}
			answers[i].err = named(ctx, s, err)
		})
	}
	calls.Wait()
	faults := make([]error, len(answers))
	for i := range answers {
		faults[i] = answers[i].err
	}
	if err := errors.Join(faults...); err != nil {
		return Fleet{}, err
	}
	first := answers[0].fleet
	for i, s := range schedulers {
		if a := &answers[i]; a.fleet.Fleet != first.Fleet || a.fleet.Policy != first.Policy {
			return Fleet{}, fmt.Errorf("%s is of fleet %s with policy %s, and %s of fleet %s with policy %s: one run drives one fleet",
				schedulers[0], first.Fleet, first.Policy, s, a.fleet.Fleet, a.fleet.Policy)
		}
	}
	f := Fleet{Name: first.Fleet, Policy: first.Policy}
	return f, named(ctx, schedulers[0], f.askNodes(ctx, schedulers[0]))
}

// named says of which scheduler an error is, and in words that a call took too long.
func named(ctx context.Context, url string, err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("cannot reach %s: %w", url, context.Cause(ctx))
	case err == nil || strings.Contains(err.Error(), url):
		return err
	case errors.Is(err, task.CodeNotFound):
		return fmt.Errorf("%s is no scheduler: %w", url, err)
	}
	return fmt.Errorf("%s: %w", url, err)
}

// askNodes asks one scheduler for all nodes.
func (f *Fleet) askNodes(ctx context.Context, scheduler string) error {
	c, err := api.NewCaller(scheduler)
	if err != nil {
		return err
	}
	schedulers, err := c.Schedulers(ctx)
	if err != nil {
		return err
	}
	workers, err := c.Workers(ctx)
	if err != nil {
		return err
	}
	for _, s := range schedulers.Schedulers {
		f.Nodes = append(f.Nodes, Node{Role: probe.RoleScheduler.String(), Name: s.Name, Addr: s.Addr})
		f.Schedulers++
	}
	f.Uniform = true
	for _, w := range workers.Workers {
		if !w.Connected || w.State != "active" {
			continue
		}
		f.Nodes = append(f.Nodes, Node{Role: probe.RoleWorker.String(), Name: w.Name, Addr: w.Addr, Slots: w.Slots, Labels: w.Labels, Resources: w.Resources})
		f.Workers++
		f.Slots += w.Slots
		if f.Discipline == "" || f.Discipline == probe.DisciplineFIFO {
			f.Discipline = w.Discipline
		}
		f.Uniform = f.Uniform && w.Slots*f.Workers == f.Slots
		for _, app := range w.Apps {
			if !slices.Contains(f.Apps, app) {
				f.Apps = append(f.Apps, app)
			}
		}
	}
	slices.SortStableFunc(f.Nodes, func(a, b Node) int {
		if a.Role != b.Role {
			return strings.Compare(a.Role, b.Role)
		}
		return compareNames(a.Name, b.Name)
	})
	return nil
}

// maxMetrics bounds the metrics of one scheduler, in bytes.
const maxMetrics = 4 << 20

// messages returns what all schedulers together have said to workers and heard from them so far, as their metrics have
// it: reservations, calls, launches, refusals, results and cancellations.
func (f *Fleet) messages(ctx context.Context) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	total := 0.0
	hc := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, n := range f.Nodes {
		if n.Role != probe.RoleScheduler.String() {
			continue
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Addr+"/metrics", http.NoBody)
		if err != nil {
			return 0, err
		}
		resp, err := hc.Do(req)
		if err != nil {
			return 0, err
		}
		sum, err := sumMessages(io.LimitReader(resp.Body, maxMetrics))
		_ = resp.Body.Close() // it was read
		if err != nil {
			return 0, err
		}
		total += sum
	}
	return total, nil
}

// sumMessages adds up one scheduler's messages from its metrics.
func sumMessages(r io.Reader) (float64, error) {
	weights := map[string]float64{
		"dunnock_reserve_messages_total":     1,
		"dunnock_launches_total":             3, // the call or the offer, the launch, the result
		"dunnock_notask_total":               2, // the call, the answer
		"dunnock_cancel_messages_total":      1,
		"dunnock_refused_reservations_total": 1,
		"dunnock_declined_launches_total":    0, // the refusal takes the place of the result

		`dunnock_offers_total{result="received"}`:   1,
		`dunnock_offers_total{result="used"}`:       -1, // counted with its launch
		`dunnock_peer_messages_total{kind="set"}`:   1,
		`dunnock_peer_messages_total{kind="want"}`:  1,
		`dunnock_peer_messages_total{kind="hand"}`:  1,
		`dunnock_peer_messages_total{kind="spare"}`: 1,
	}
	sum, found := 0.0, 0
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		weight, known := weights[name]
		if !known {
			continue
		}
		x, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", name, err)
		}
		found++
		sum += weight * x
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	if found != len(weights) {
		return 0, fmt.Errorf("of %d metrics, %d are there", len(weights), found)
	}
	return sum, nil
}
