package sim

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"dunnock/loadgen/workload"
	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// fleet is what workers have beside slots, and what of it jobs ask for.
type fleet struct {
	resources []string // sorted: the order in which all workers have them
	kinds     []kind
	of        []uint32 // by worker, its kind; nil: all are of the first
	eligible  map[string][]uint32
}

// kind is workers that have the same.
type kind struct {
	node   *workload.Node
	worker placement.Worker // what they say of themselves, but for their name
	amount []uint32         // of each resource
}

// nodeFaults says what is wrong with what workers have.
func (c *Config) nodeFaults() (faults []error) {
	if c.Nodes == nil {
		return nil
	}
	if len(c.Nodes) != c.Workers {
		return []error{fmt.Errorf("nodes: want one a worker, which are %d, got %d", c.Workers, len(c.Nodes))}
	}
	names := make(map[string]bool)
	for i := range c.Nodes {
		for name := range c.Nodes[i].Resources {
			names[name] = true
		}
	}
	if len(names) > probe.MaxResources {
		faults = append(faults, fmt.Errorf("nodes: at most %d resources in the whole fleet, got %d", probe.MaxResources, len(names)))
	}
	return faults
}

// newFleet sorts workers by what they have. Each says what plain says of itself beside that.
func newFleet(nodes []workload.Node, plain placement.Worker) *fleet {
	f := &fleet{eligible: make(map[string][]uint32)}
	if nodes == nil {
		f.kinds = []kind{{node: &workload.Node{}, worker: plain}}
		return f
	}
	for i := range nodes {
		for name := range nodes[i].Resources {
			if at, known := slices.BinarySearch(f.resources, name); !known {
				f.resources = slices.Insert(f.resources, at, name)
			}
		}
	}
	f.of = make([]uint32, len(nodes))
	known := make(map[string]uint32)
	var key []byte
	for i := range nodes {
		key = appendNode(key[:0], &nodes[i])
		k, made := known[string(key)]
		if !made {
			k = uint32(len(f.kinds))
			known[string(key)] = k
			f.kinds = append(f.kinds, f.kind(&nodes[i], plain))
		}
		f.of[i] = k
	}
	return f
}

// appendNode appends what a worker has, the same whenever two have the same.
func appendNode(b []byte, n *workload.Node) []byte {
	for _, k := range slices.Sorted(maps.Keys(n.Labels)) {
		b = append(append(append(append(b, k...), '='), n.Labels[k]...), 0)
	}
	for _, k := range slices.Sorted(maps.Keys(n.Resources)) {
		b = append(strconv.AppendUint(append(append(b, k...), 1), uint64(n.Resources[k]), 10), 0)
	}
	return b
}

func (f *fleet) kind(n *workload.Node, plain placement.Worker) kind {
	k := kind{node: n, worker: plain, amount: make([]uint32, len(f.resources))}
	for _, key := range slices.Sorted(maps.Keys(n.Labels)) {
		k.worker.Labels = append(k.worker.Labels, probe.Label{Key: key, Value: n.Labels[key]})
	}
	for i, name := range f.resources {
		k.amount[i] = n.Resources[name]
		k.worker.Resources = append(k.worker.Resources, probe.Amount{Name: name, N: k.amount[i]})
	}
	return k
}

// kindOf returns that of a worker.
func (f *fleet) kindOf(worker uint32) *kind {
	if f.of == nil {
		return &f.kinds[0]
	}
	return &f.kinds[f.of[worker]]
}

// need is what a task takes, in the order of all workers' resources.
func (f *fleet) need(n *placement.Need) (out probe.Need) {
	if n.Slots <= 1 && len(n.Resources) == 0 {
		return out
	}
	out.Slots = uint16(max(n.Slots, 1))
	for _, r := range n.Resources {
		if i, known := slices.BinarySearch(f.resources, r.Name); known {
			out.Resources[i] = r.N
		}
	}
	return out
}

// who returns the workers that have all labels that a group requires, and none that it excludes.
func (f *fleet) who(g *placement.Group) []uint32 {
	var key []byte
	for _, l := range g.Require {
		key = append(append(append(append(key, l.Key...), '='), l.Value...), 0)
	}
	key = append(key, 1)
	for _, l := range g.Exclude {
		key = append(append(append(append(key, l.Key...), '='), l.Value...), 0)
	}
	list, known := f.eligible[string(key)]
	if !known {
		for w := range f.of {
			n := f.kindOf(uint32(w)).node
			fits := func(l probe.Label) bool { return n.Has(l.Key, l.Value) }
			lacks := func(l probe.Label) bool { return !fits(l) }
			if !slices.ContainsFunc(g.Require, lacks) && !slices.ContainsFunc(g.Exclude, fits) {
				list = append(list, uint32(w))
			}
		}
		f.eligible[string(key)] = list
	}
	return list
}

// asks is what a job's tasks say about workers.
type asks struct {
	groups []placement.Group // the job's own, which holds for tasks in no other; then the others
	needs  []uint16          // of each group, by number
	of     []uint16          // by task, its group
	spread string
}

// demanding returns what a job asks of workers; nil if that is nothing.
func (e *Engine) demanding(w *workload.Job, index uint64) *asks {
	if w.Plain() {
		return nil
	}
	if err := cmp.Or(e.cfg.Models(w), nameless(w)); err != nil {
		e.fail(fmt.Errorf("job %d: %w", index, err))
		return nil
	}
	j := task.Job{Slots: w.Slots, Resources: w.Resources, Require: w.Require, Prefer: w.Prefer, Exclude: w.Exclude}
	a := &asks{of: make([]uint16, len(w.Service)), spread: w.Spread, groups: make([]placement.Group, 1, 1+len(w.Groups))}
	a.groups[0] = placement.Demand(&j, nil)
	for i := range w.Groups {
		t := w.Groups[i].Described()
		g := placement.Demand(&j, &t)
		g.Tasks = slices.Clone(w.Groups[i].Tasks)
		for _, t := range g.Tasks {
			a.of[t] = uint16(i + 1)
		}
		a.groups = append(a.groups, g)
	}
	for i := range a.groups {
		a.needs = append(a.needs, e.numbered(e.fleet.need(&a.groups[i].Need)))
	}
	return a
}

// ErrNotModelled says that a policy that is a model does not know what jobs ask of their workers.
var ErrNotModelled = errors.New("not modelled")

// Models says what a policy does not know of what a job asks of its workers; nil if it knows all of it, as those do
// that run the fleet's own code.
func (c *Config) Models(w *workload.Job) error {
	if usesCores(c.WithDefaults().Policy) {
		return nil
	}
	slots, resources, labels, other := w.Slots, len(w.Resources), len(w.Require)+len(w.Exclude), len(w.Prefer)+len(w.Spread)
	for i := range w.Groups {
		g := &w.Groups[i]
		slots, resources, labels, other = max(slots, g.Slots), resources+len(g.Resources), labels+len(g.Require)+len(g.Exclude), other+len(g.Prefer)
	}
	switch {
	case slots > 1 || resources > 0:
		return fmt.Errorf("%w: policy %s is a model of tasks of one slot; those that run the fleet's own code know others", ErrNotModelled, c.Policy)
	case labels+other > 0 && c.Policy != perTaskName:
		return fmt.Errorf("%w: policy %s does not know labels; %s and those that run the fleet's own code do", ErrNotModelled, c.Policy, perTaskName)
	case other > 0:
		return fmt.Errorf("%w: policy %s knows labels that are required or excluded, and no others; those that run the fleet's own code do", ErrNotModelled, perTaskName)
	}
	return nil
}

// nameless refuses a job that asks for workers by their names, which those of a simulation do not have: it would ask
// for nobody, or exclude nobody.
func nameless(w *workload.Job) error {
	named := namedIn(&w.Demand)
	for i := range w.Groups {
		named = cmp.Or(named, namedIn(&w.Groups[i].Demand))
	}
	if w.Spread == task.WorkerLabel {
		named = cmp.Or(named, "spread")
	}
	if named == "" {
		return nil
	}
	return fmt.Errorf("%w: %s: simulated workers have no names", ErrNotModelled, named)
}

// namedIn returns the field of a demand that names a worker; empty if none does.
func namedIn(d *workload.Demand) string {
	names := func(entry string) bool { key, _ := task.Excluded(entry); return key == task.WorkerLabel }
	switch {
	case d.Require[task.WorkerLabel] != "":
		return "require"
	case d.Prefer[task.WorkerLabel] != "":
		return "prefer"
	case slices.ContainsFunc(d.Exclude, names):
		return "exclude"
	}
	return ""
}

// numbered returns the number of a need: 0 is the plain one.
func (e *Engine) numbered(n probe.Need) uint16 {
	if n == (probe.Need{}) {
		return 0
	}
	i, known := e.needNumbers[n]
	if !known {
		if len(e.needs) > maxNeeds {
			e.fail(fmt.Errorf("tasks take %d different things; at most %d are simulated", len(e.needs), maxNeeds))
			return 0
		}
		i = uint16(len(e.needs))
		e.needs = append(e.needs, n)
		e.needNumbers[n] = i
	}
	return i
}

// maxNeeds bounds how many different needs a run knows.
const maxNeeds = 1 << 15

// needOf returns the number of what a task of a live job takes.
func (e *Engine) needOf(id JobID, t uint32) uint16 {
	j := &e.jobs[id]
	if j.asks == nil {
		return j.need
	}
	return j.asks.needs[j.asks.of[t]]
}
