package placement

import "math/bits"

// pool keeps slices for reuse, by powers of two of their capacity, so that
// small and wide jobs do not grow one another's. What it holds is bounded by what was in use
// at once.
type pool[T any] struct {
	free [33][][]T
}

// get returns an empty slice with room for n ≥ 0 elements. What lies in its
// capacity is whatever was there before.
func (p *pool[T]) get(n int) []T {
	class := bits.Len(uint(max(n, 1) - 1))
	if f := p.free[class]; len(f) > 0 {
		s := f[len(f)-1]
		p.free[class] = f[:len(f)-1]
		return s
	}
	return make([]T, 0, 1<<class)
}

// put takes back a slice that get returned, however far it was filled.
func (p *pool[T]) put(s []T) {
	if cap(s) == 0 {
		return
	}
	class := bits.Len(uint(cap(s))) - 1
	p.free[class] = append(p.free[class], s[:0])
}

// grow returns s with room for at least one element more.
func (p *pool[T]) grow(s []T) []T {
	if len(s) < cap(s) {
		return s
	}
	larger := append(p.get(len(s)+1), s...)
	p.put(s)
	return larger
}
