package placement

import "math/bits"

// pool keeps slices for reuse, by classes of their capacity, so that small and wide jobs do not grow one another's.
// What it keeps is bounded by a part of what was in use at once.
type pool[T any] struct {
	free  [classes][][]T
	spare int // elements that there is room for in free
	used  int // elements that there is room for in what was got and not put back
}

// A pool keeps room for so many elements, or for this part of those that are in use if that is more.
const (
	spareElements = 1 << 14
	sparePart     = 8
)

// There are eight classes from one power of two to the next, so that at most an eighth of a slice is more than was
// asked for, and one each up to eight elements.
const (
	fine    = 3
	classes = fine + 1 + (32-fine)<<fine
)

// classOf returns the class of slices for n ≥ 1 elements, and how many there is room for.
func classOf(n int) (class, room int) {
	b := bits.Len(uint(n - 1))
	if b <= fine {
		return b, 1 << b
	}
	half, step := 1<<(b-1), 1<<(b-1-fine)
	steps := (n - half + step - 1) / step
	return fine + (b-fine-1)<<fine + steps, half + steps*step
}

// get returns an empty slice with room for n ≥ 0 elements. What lies in its
// capacity is whatever was there before.
func (p *pool[T]) get(n int) []T {
	class, room := classOf(max(n, 1))
	p.used += room
	if f := p.free[class]; len(f) > 0 {
		s := f[len(f)-1]
		f[len(f)-1] = nil
		p.spare -= room
		p.free[class] = f[:len(f)-1]
		return s
	}
	return make([]T, 0, room)
}

// put takes back a slice that get returned, however far it was filled.
func (p *pool[T]) put(s []T) {
	if cap(s) == 0 {
		return
	}
	class, room := classOf(cap(s))
	p.used -= room
	if p.spare+room > max(spareElements, p.used/sparePart) {
		return
	}
	p.spare += room
	p.free[class] = append(p.free[class], s[:0])
}

// grow returns s with room for at least one element more.
func (p *pool[T]) grow(s []T) []T {
	if len(s) < cap(s) {
		return s
	}
	larger := append(p.get(2*len(s)), s...)
	p.put(s)
	return larger
}
