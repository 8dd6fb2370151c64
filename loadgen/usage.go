package loadgen

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"dunnock/task"
)

// stocks is what a fleet has in all: of slots, then of each resource. Nil: its workers have no resources.
type stocks struct {
	names []string
	total []float64
}

func newStocks(f *Fleet) *stocks {
	total := make(map[string]float64)
	for i := range f.Nodes {
		for name, n := range f.Nodes[i].Resources {
			total[name] += float64(n)
		}
	}
	if len(total) == 0 {
		return nil
	}
	s := &stocks{names: []string{task.SlotsName}, total: []float64{float64(f.Slots)}}
	for _, name := range slices.Sorted(maps.Keys(total)) {
		s.names, s.total = append(s.names, name), append(s.total, total[name])
	}
	return s
}

// takes returns how much a task of a job takes of each.
func (s *stocks) takes(c *class, t int) []float64 {
	all := make([]float64, len(s.names))
	slots, own := c.takes(t)
	all[0] = float64(slots)
	for i, name := range s.names[1:] {
		n, says := own[name]
		if !says {
			n = c.Resources[name]
		}
		all[i+1] = float64(n)
	}
	return all
}

// takes returns how many slots a task takes, and what it says of resources beside what its job says.
func (c *class) takes(t int) (slots int, own map[string]uint32) {
	slots = max(c.Slots, 1)
	for i := range c.groups {
		if _, in := slices.BinarySearch(c.groups[i].Tasks, uint32(t)); in {
			return cmp.Or(c.groups[i].Slots, slots), c.groups[i].Resources
		}
	}
	return slots, nil
}

// usage is how much a user's tasks took at what time: pieces of equal length, at most MaxIntervals, which double when
// there would be more.
type usage struct {
	length time.Duration
	pieces [][]float64 // amount × nanoseconds
}

// run notes that so much was taken from one time to another.
func (u *usage) run(from, to time.Duration, amounts []float64) {
	u.length = cmp.Or(u.length, time.Second/8)
	for from = max(from, 0); from < to; {
		for from >= MaxIntervals*u.length {
			u.halve()
		}
		i := int(from / u.length)
		for len(u.pieces) <= i {
			u.pieces = append(u.pieces, make([]float64, len(amounts)))
		}
		end := min(from-from%u.length+u.length, to)
		for k, n := range amounts {
			u.pieces[i][k] += n * float64(end-from)
		}
		from = end
	}
}

// halve merges neighbours.
func (u *usage) halve() {
	kept := u.pieces[:0]
	for i := 0; i < len(u.pieces); i += 2 {
		p := u.pieces[i]
		if i+1 < len(u.pieces) {
			for k, n := range u.pieces[i+1] {
				p[k] += n
			}
		}
		kept = append(kept, p)
	}
	clear(u.pieces[len(kept):])
	u.pieces, u.length = kept, 2*u.length
}

// shares returns what fraction of everything was taken between two times, as if what a piece has were spread evenly
// over it; nil without resources.
func (u *usage) shares(s *stocks, from, to time.Duration) map[string]float64 {
	if s == nil || to <= from {
		return nil
	}
	all := make(map[string]float64, len(s.names))
	for k, name := range s.names {
		sum := 0.0
		for i, p := range u.pieces {
			start := time.Duration(i) * u.length
			if shared := min(start+u.length, to) - max(start, from); shared > 0 {
				sum += p[k] * float64(shared) / float64(u.length)
			}
		}
		all[name] = sum / s.total[k] / float64(to-from)
	}
	return all
}
