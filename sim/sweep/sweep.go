package sweep

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"dunnock/loadgen/workload"
	"dunnock/sim"
)

// Bounds of a [Sweep].
const (
	MaxCells = 20_000
	MaxSeeds = 10_000
)

// Sweep says which simulations to run: the product of its parameters' values and its seeds. The zero Sweep is one run
// with the defaults of `dunnock sim run`.
type Sweep struct {
	// Title is shown above the results.
	Title string
	// Command is what repeats the sweep, shown below the results.
	Command string
	// Seeds is how many seeds each combination runs with: 1 to MaxSeeds; 0 stands for 1. Intervals need at least 2.
	Seeds int
	// FirstSeed is the first of them; the others follow it. 0 stands for 1.
	FirstSeed uint64
	// X is the axis that plots are drawn along. Empty: load, if it has several values, else the first number that has.
	X string
	// Series is the axis that tells curves apart. Empty: policy, if it has several values, else the first axis that is
	// not X.
	Series string

	values map[string][]value
}

// Names returns the names of all parameters: those of the flags of `dunnock sim run`.
func Names() []string {
	ps := params()
	names := make([]string, 0, len(ps))
	for _, p := range ps {
		names = append(names, p.name)
	}
	return names
}

// Set gives a parameter its values, in place of those it had. Each string is a value, several between commas, or, of
// numbers and durations, a range first:last:step.
func (s *Sweep) Set(name string, lists ...string) error {
	ps := params()
	i := slices.IndexFunc(ps, func(p param) bool { return p.name == name })
	if i < 0 {
		return fmt.Errorf("unknown parameter %q: want one of %s", name, strings.Join(Names(), ", "))
	}
	p := ps[i]
	var values []value
	for _, text := range lists {
		more, err := p.kind.list(text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		values = append(values, more...)
	}
	for _, v := range values {
		if p.positive && v.number <= 0 && v.duration <= 0 {
			return fmt.Errorf("%s: want more than 0, got %s", name, v.text)
		}
		if name == "policy" && !slices.Contains(sim.Policies(), v.text) {
			return fmt.Errorf("policy: want one of %s, got %q", strings.Join(sim.Policies(), ", "), v.text)
		}
	}
	if len(values) == 0 || len(values) > maxValues {
		return fmt.Errorf("%s: want 1 to %d values, got %d", name, maxValues, len(values))
	}
	if err := distinct(values); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if s.values == nil {
		s.values = make(map[string][]value)
	}
	s.values[name] = values
	return nil
}

// Cell is one run of a sweep. [Sweep.Cells] makes it.
type Cell struct {
	Seed   uint64
	Key    string // of all that decides the outcome, 32 hexadecimal digits: cells with the same key have the same result
	values []value
	run    run
}

// Cells returns all cells, those of the first seed first. The error says what is wrong with the sweep.
func (s *Sweep) Cells() ([]Cell, error) {
	seeds, first := max(s.Seeds, 1), max(s.FirstSeed, 1)
	if s.Seeds < 0 || seeds > MaxSeeds {
		return nil, fmt.Errorf("seeds: want 1 to %d, got %d", MaxSeeds, s.Seeds)
	}
	if first+uint64(seeds-1) < first {
		return nil, fmt.Errorf("seed: %d seeds from %d on are more than there are", seeds, first)
	}
	if _, err := s.layout(); err != nil {
		return nil, err
	}
	for _, name := range generated() {
		if s.values["workload"] != nil && s.values[name] != nil {
			return nil, fmt.Errorf("workload: a file says which jobs come and when; %s has no place beside it", name)
		}
	}
	axes := s.axes()
	combinations := 1
	for _, a := range axes {
		if combinations *= len(a.values); combinations > MaxCells {
			break
		}
	}
	if combinations*seeds > MaxCells {
		return nil, fmt.Errorf("more than %d runs", MaxCells)
	}
	files := make(map[string]content)
	cells := make([]Cell, 0, combinations*seeds)
	chosen := make([]value, len(axes))
	for seed := first; len(cells) < combinations*seeds; seed++ {
		for c := range combinations {
			for i, a := range slices.Backward(axes) {
				chosen[i] = a.values[c%len(a.values)]
				c /= len(a.values)
			}
			cell, err := newCell(axes, slices.Clone(chosen), seed, files)
			if err != nil {
				return nil, err
			}
			cells = append(cells, cell)
		}
	}
	return cells, nil
}

// generated returns the parameters of jobs that are generated. A file says all that they do.
func generated() []string {
	return []string{"tasks", "service", "arrival", "load", "rate", "task-slots", "keys", "estimates", "users", "priority", "deadlines", "need"}
}

// axis is a parameter with its values; of one that is not set they are a value without text.
type axis struct {
	param
	values []value
}

// axes returns all parameters with their values.
func (s *Sweep) axes() []axis {
	ps := params()
	axes := make([]axis, 0, len(ps))
	for _, p := range ps {
		values := s.values[p.name]
		if values == nil {
			standard := p.standard
			switch {
			case s.values["workload"] != nil:
				if slices.Contains(generated(), p.name) {
					standard = ""
				}
			case p.name == "load" && s.values["rate"] == nil:
				standard = "0.9"
			case p.name == "jobs" && s.values["duration"] == nil:
				standard = "4000"
			}
			values = []value{{}}
			if standard != "" {
				v, err := p.kind.parse(standard)
				if err != nil {
					panic("sweep: default of " + p.name + ": " + err.Error())
				}
				values[0] = v
			}
		}
		axes = append(axes, axis{p, values})
	}
	return axes
}

// newCell makes a cell and checks it. files holds what is known of workload files.
func newCell(axes []axis, values []value, seed uint64, files map[string]content) (Cell, error) {
	c := Cell{Seed: seed, values: values}
	c.run.config.Seed, c.run.spec.Seed = seed, seed
	for i, v := range values {
		if v.text != "" {
			axes[i].set(&c.run, v)
		}
	}
	r := &c.run
	r.spec.Slots = r.config.Workers * r.config.Slots
	if r.config.Cache.Keys > 0 {
		r.config.Cache.MissCost = r.missCost
	}
	r.fleet.Seed, r.wishes.Seed = seed, seed
	err := errors.Join(r.config.Validate(), r.window.Validate(), r.demandFaults())
	switch {
	case r.file == "":
		err = errors.Join(err, r.spec.Validate())
		if r.spec.Keys == (workload.Keys{}) && (r.config.Cache.Keys > 0 || r.config.NoAffinity) {
			err = errors.Join(err, errors.New("cache, affinity: no task has a key without keys"))
		}
		if err == nil {
			r.config.Load = r.spec.OfferedLoad()
		}
	case r.file == "-":
		err = errors.Join(err, errors.New("workload: standard input can be read only once; name a file"))
	case files[r.file].digest == "":
		read, ferr := readContent(r.file)
		files[r.file], err = read, errors.Join(err, ferr)
	}
	if err != nil {
		return Cell{}, fmt.Errorf("%s: %w", c.describe(axes), err)
	}
	r.size = files[r.file].size
	c.Key = c.key(axes, files[r.file].digest)
	return c, nil
}

// demandFaults says what jobs ask for that workers do not have, or that the policy does not know.
func (r *run) demandFaults() error {
	if err := r.fleet.Validate(); err != nil || r.config.Workers > sim.MaxWorkers {
		return err
	}
	nodes := known(r.fleet.Nodes(r.config.Workers))
	asks := r.spec.Asks(&r.wishes)
	return errors.Join(r.spec.Fits(r.config.Slots, nodes), r.wishes.Validate(nodes), r.config.Models(&asks))
}

// known is what workers have where that is known: workers without anything are not some of which nothing is known.
func known(nodes []workload.Node) []workload.Node {
	if nodes == nil {
		return []workload.Node{}
	}
	return nodes
}

// describe names a cell by the values that are not the only ones.
func (c *Cell) describe(axes []axis) string {
	parts := make([]string, 0, 4)
	for i, a := range axes {
		if len(a.values) > 1 {
			parts = append(parts, a.name+" "+c.values[i].text)
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("seed %d", c.Seed)), ", ")
}

// keyVersion changes when what a parameter means does, or what is kept of a cell. What a build simulates is told apart
// by [Outcome].Program.
const keyVersion = "dunnock sweep 2"

// key hashes what decides the outcome. Of a workload file that is its content, not its name.
func (c *Cell) key(axes []axis, file string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nseed=%d\n", keyVersion, c.Seed)
	for i, v := range c.values {
		text := v.text
		switch {
		case axes[i].name == "workload":
			text = file
		case ignored(c.run.config.Policy, axes[i].name):
			text = ""
		}
		fmt.Fprintf(&b, "%s=%s\n", axes[i].name, text)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:16])
}

// content is what is known of a workload file.
type content struct {
	digest string
	size   int64
}

func readContent(name string) (content, error) {
	f, err := os.Open(name) //nolint:gosec // the user names it
	if err != nil {
		return content{}, fmt.Errorf("workload: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return content{}, fmt.Errorf("workload: %s is not a file that each run can read from its beginning", name)
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return content{}, fmt.Errorf("workload: %w", err)
	}
	return content{hex.EncodeToString(h.Sum(nil)), n}, nil
}

// layout says how results are drawn.
type layout struct {
	x, series int   // indices of axes; -1: none
	panels    []int // the other axes with several values
}

// layout chooses the axes of the plots.
func (s *Sweep) layout() (layout, error) {
	axes := s.axes()
	several := func(i int) bool { return i >= 0 && len(axes[i].values) > 1 }
	index := func(name string) int { return slices.IndexFunc(axes, func(a axis) bool { return a.name == name }) }
	find := func(accept func(int) bool) int {
		for i := range axes {
			if several(i) && accept(i) {
				return i
			}
		}
		return -1
	}
	numeric := func(i int) bool { return axes[i].kind.numeric() }
	l := layout{x: index("load"), series: index("policy")}
	switch {
	case s.X != "":
		if l.x = index(s.X); l.x < 0 || !numeric(l.x) {
			return l, fmt.Errorf("x: want the name of a parameter that is a number or a duration, got %q", s.X)
		}
	case !several(l.x) || s.Series == "load":
		l.x = find(func(i int) bool { return numeric(i) && axes[i].name != s.Series })
	}
	switch {
	case s.Series != "":
		if l.series = index(s.Series); l.series < 0 || l.series == l.x {
			return l, fmt.Errorf("series: want the name of a parameter other than x, got %q", s.Series)
		}
	case !several(l.series):
		l.series = find(func(i int) bool { return i != l.x })
	}
	for i := range axes {
		if several(i) && i != l.x && i != l.series {
			l.panels = append(l.panels, i)
		}
	}
	return l, nil
}
