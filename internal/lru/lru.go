// Package lru is a set that keeps the keys that were used last: what a worker's cache is modelled by, in the simulator
// and in the built-in app that stands in for work that is quicker where its data is.
package lru

// Set holds up to so many keys, and forgets the one that has not been used for longest. It is not safe for use by
// several goroutines. Make one with [New].
type Set struct {
	most  int
	at    map[uint64]int32
	links []link // the first is the ring's end: next is the key used last, prev the one to be forgotten
}

type link struct {
	key        uint64
	prev, next int32
}

// New makes a set of up to most keys, at least 1. It takes up room as keys come.
func New(most int) *Set {
	if most < 1 {
		panic("lru: a set has room for one key at least")
	}
	return &Set{most: most, at: make(map[uint64]int32), links: make([]link, 1)}
}

// Use reports whether a key is there, and sees to it that it is from now on.
func (s *Set) Use(key uint64) bool {
	i, there := s.at[key]
	switch {
	case there:
		s.unlink(i)
	case len(s.links) <= s.most:
		i = int32(len(s.links))
		s.links = append(s.links, link{key: key})
		s.at[key] = i
	default:
		i = s.links[0].prev
		s.unlink(i)
		delete(s.at, s.links[i].key)
		s.links[i].key = key
		s.at[key] = i
	}
	last := s.links[0].next
	s.links[i].prev, s.links[i].next = 0, last
	s.links[last].prev, s.links[0].next = i, i
	return there
}

// Len is how many keys there are.
func (s *Set) Len() int { return len(s.at) }

func (s *Set) unlink(i int32) {
	l := s.links[i]
	s.links[l.prev].next, s.links[l.next].prev = l.next, l.prev
}
