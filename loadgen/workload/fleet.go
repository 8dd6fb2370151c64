package workload

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"dunnock/task"
)

// Bounds of a [Fleet].
const (
	MaxFleetLabels = 16
	MaxZones       = 1000
)

const zoneLabel = "zone"

// Share says how many of something have a label, or ask for it: each with that probability.
type Share struct {
	Key, Value string
	Of         float64 // 0 to 1
}

// String returns the form that [Share.UnmarshalText] reads.
func (s Share) String() string { return s.label() + "=" + formatFloat(s.Of) }

// label is KEY=VALUE, or KEY if the value is the one that it has where none is given.
func (s Share) label() string {
	if s.Value == labelled {
		return s.Key
	}
	return s.Key + "=" + s.Value
}

// labelled is the value of a label of which only the key is given.
const labelled = "yes"

// UnmarshalText reads KEY=SHARE, where the label's value is "yes", or KEY=VALUE=SHARE.
func (s *Share) UnmarshalText(b []byte) error {
	label, of, found := cutLast(string(b), "=")
	v, err := strconv.ParseFloat(of, 64)
	if !found || err != nil {
		return fmt.Errorf("want LABEL=SHARE, such as gpu=0.1 or gpu=a100=0.1, got %s", quote(string(b)))
	}
	key, value, given := strings.Cut(label, "=")
	if !given {
		value = labelled
	}
	*s = Share{key, value, v}
	return nil
}

// validate returns what is out of bounds, or nil.
func (s *Share) validate() error {
	switch {
	case !task.ValidApp(s.Key):
		return fmt.Errorf("want a label of 1 to %d characters of a-z 0-9 . _ -, got %s", task.MaxNameLen, quote(s.Key))
	case len(s.Value) > task.MaxNameLen:
		return fmt.Errorf("%s: want a value of at most %d bytes, got %s", s.Key, task.MaxNameLen, quote(s.Value))
	case !within(s.Of, 0, 1):
		return fmt.Errorf("%s: want a share of 0 to 1, got %g", s.label(), s.Of)
	}
	return nil
}

// Stock is how much of a resource workers have, and how many of them have it: each with that probability.
type Stock struct {
	Name string
	N    uint32
	Of   float64 // 0 to 1
}

// String returns the form that [Stock.UnmarshalText] reads.
func (s Stock) String() string {
	text := s.Name + "=" + strconv.FormatUint(uint64(s.N), 10)
	if s.Of != 1 {
		text += "@" + formatFloat(s.Of)
	}
	return text
}

// UnmarshalText reads NAME=N, which all workers have, or NAME=N@SHARE.
func (s *Stock) UnmarshalText(b []byte) error {
	text, share, given := strings.Cut(string(b), "@")
	name, n, err := amount(text)
	if err != nil {
		return err
	}
	of := 1.0
	if given {
		if of, err = strconv.ParseFloat(share, 64); err != nil || !within(of, 0, 1) {
			return fmt.Errorf("%s: want a share of 0 to 1, got %s", name, quote(share))
		}
	}
	*s = Stock{name, n, of}
	return nil
}

// amount reads NAME=N.
func amount(text string) (string, uint32, error) {
	name, number, found := strings.Cut(strings.TrimSpace(text), "=")
	if !found || !task.ValidApp(name) {
		return "", 0, fmt.Errorf("want NAME=N, such as gpu=2, got %s", quote(text))
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return "", 0, fmt.Errorf("%s: want a whole number from 0 to %d, got %s", name, uint32(math.MaxUint32), quote(number))
	}
	return name, uint32(n), nil
}

// Fleet says what workers have beside slots. The zero Fleet is nothing. Who has what depends on the seed and the
// worker's number alone.
type Fleet struct {
	Labels []Share // each key once; one worker at least has each
	Stocks []Stock // likewise
	Zones  int     // workers are in zones z1, z2 …, one after the other: 0…MaxZones; 0: in none
	Seed   uint64
}

// None reports whether workers have nothing.
func (f *Fleet) None() bool { return len(f.Labels)+len(f.Stocks) == 0 && f.Zones == 0 }

// Validate reports all faults at once.
func (f *Fleet) Validate() error {
	var faults []error
	if len(f.Labels) > MaxFleetLabels {
		faults = append(faults, fmt.Errorf("label: at most %d, got %d", MaxFleetLabels, len(f.Labels)))
	}
	for i := range f.Labels {
		s := &f.Labels[i]
		if err := s.validate(); err != nil {
			faults = append(faults, fmt.Errorf("label: %w", err))
		}
		if slices.ContainsFunc(f.Labels[:i], func(o Share) bool { return o.Key == s.Key }) {
			faults = append(faults, fmt.Errorf("label: %s is there twice", s.Key))
		}
		if s.Key == zoneLabel && f.Zones > 0 {
			faults = append(faults, errors.New("label: zone is what zones give"))
		}
		if s.Key == task.WorkerLabel {
			faults = append(faults, fmt.Errorf("label: %s is a worker's name", s.Key))
		}
	}
	if len(f.Stocks) > task.MaxResources {
		faults = append(faults, fmt.Errorf("resource: at most %d, got %d", task.MaxResources, len(f.Stocks)))
	}
	for i, s := range f.Stocks {
		switch {
		case s.Name == task.SlotsName:
			faults = append(faults, errors.New("resource: slots are given apart"))
		case s.N == 0:
			faults = append(faults, fmt.Errorf("resource: %s: want 1 to %d, got 0", s.Name, uint32(math.MaxUint32)))
		case slices.ContainsFunc(f.Stocks[:i], func(o Stock) bool { return o.Name == s.Name }):
			faults = append(faults, fmt.Errorf("resource: %s is there twice", s.Name))
		}
	}
	if f.Zones < 0 || f.Zones > MaxZones {
		faults = append(faults, fmt.Errorf("zones: want 0 to %d, got %d", MaxZones, f.Zones))
	}
	return errors.Join(faults...)
}

// Node is what one worker has beside slots. Its maps are shared with other workers, and nobody changes them.
type Node struct {
	Labels    map[string]string
	Resources map[string]uint32
}

// Has reports whether a worker has a label.
func (n *Node) Has(key, value string) bool {
	v, there := n.Labels[key]
	return there && v == value
}

// Nodes returns what each of so many workers has; nil if it is nothing.
func (f *Fleet) Nodes(workers int) []Node {
	if f.None() || workers < 1 {
		return nil
	}
	draws := make([]draw, 0, len(f.Labels)+len(f.Stocks))
	for i := range f.Labels {
		draws = append(draws, newDraw(f.Seed, "worker-label-"+f.Labels[i].label(), f.Labels[i].Of))
	}
	for _, s := range f.Stocks {
		draws = append(draws, newDraw(f.Seed, "worker-resource-"+s.Name, s.Of))
	}
	has := make([]uint64, workers)
	for i := range draws {
		draws[i].deal(has, 1<<i)
	}
	nodes := make([]Node, workers)
	type kind struct {
		has  uint64
		zone int
	}
	known := make(map[kind]Node)
	for w := range nodes {
		k := kind{has: has[w]}
		if f.Zones > 0 {
			k.zone = 1 + w%f.Zones
		}
		n, made := known[k]
		if !made {
			n = f.node(k.has, k.zone)
			known[k] = n
		}
		nodes[w] = n
	}
	return nodes
}

// node is what a worker has that drew so.
func (f *Fleet) node(has uint64, zone int) Node {
	n := Node{Labels: make(map[string]string), Resources: make(map[string]uint32)}
	for i := range f.Labels {
		if has>>i&1 == 1 {
			n.Labels[f.Labels[i].Key] = f.Labels[i].Value
		}
	}
	for i, s := range f.Stocks {
		if has>>(len(f.Labels)+i)&1 == 1 {
			n.Resources[s.Name] = s.N
		}
	}
	if zone > 0 {
		n.Labels[zoneLabel] = "z" + strconv.Itoa(zone)
	}
	return n
}

// draw says with which probability something is there.
type draw struct {
	below uint64 // of 2⁶³
	from  stream
}

func newDraw(seed uint64, name string, of float64) draw {
	return draw{below: uint64(float64(of * (1 << 63))), from: namedStream(seed, name)}
}

// at reports whether it is there at place i.
func (d *draw) at(i uint64) bool { return d.from.at(i)>>1 < d.below }

// deal sets a bit for each worker that draws it, or for one if none does: somebody has to.
func (d *draw) deal(has []uint64, bit uint64) {
	some := false
	for w := range has {
		if d.at(uint64(w)) {
			has[w] |= bit
			some = true
		}
	}
	if !some {
		has[d.from.at(math.MaxUint32)%uint64(len(has))] |= bit
	}
}
