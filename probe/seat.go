package probe

import (
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Affinity: a key chooses workers by rendezvous hashing (Thaler and Ravishankar, "A name-based mapping scheme for
// rendezvous", 1996). Everyone who knows the same workers chooses the same ones, whatever order they came in, and a
// worker that leaves moves only the keys that had chosen it.
//
// Hashing a key with each worker's name costs as much as there are workers: 25 µs for one key among 10,000. So workers
// sit in a table of 2¹⁶ seats, where their names put them, and a key does not hash workers but goes through the seats
// in an order of its own, a pseudo-random permutation. The first worker it meets is its first choice. That is the same
// thing, with the place of a worker's seat in the key's order as its rank, and costs seats ÷ workers steps for each
// choice. The other way round, which place a seat has is found as quickly, so that among few workers all are ranked.

const (
	seats      = 1 << 16 // a permutation of two bytes
	maxOwnSeat = 64      // seats of one worker

	// golden is the increment of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): 2⁶⁴ over the golden ratio.
	golden uint64 = 0x9e3779b97f4a7c15
)

// Key is what an affinity key is known by: its 64-bit xxhash, and 0 for none.
type Key uint64

// KeyOf returns the Key of an affinity key; 0 for the empty one.
func KeyOf(affinity string) Key {
	if affinity == "" {
		return 0
	}
	return Key(max(xxhash.Sum64String(affinity), 1))
}

// SeatsOf says where a worker sits: it has a seat for each slot, up to 64, so that it is chosen by a share of the keys
// that goes by its slots.
type SeatsOf struct {
	Name  uint64 // the xxhash of its name
	Slots int
}

// Own is how many seats a worker has.
func (o SeatsOf) Own() int { return min(o.Slots, maxOwnSeat) }

// seat is where it sits with its slot i.
func (o SeatsOf) seat(i int) uint16 { return uint16(mix(o.Name+uint64(i)*golden) >> 48) }

// Seats is the table of all workers. The zero Seats is an empty one, and takes up nothing until the first worker is
// added.
type Seats struct {
	first []uint32 // by seat: its first sitter, index + 1 into sitters
	all   []sitter
	free  uint32 // unused element of all, index + 1
	taken int    // elements of all that are used
}

// sitter is a worker in one of its seats. Others may have the same one.
type sitter struct {
	name   uint64
	worker WorkerID
	next   uint32 // in the same seat, or unused; index + 1 into Seats.all
}

// Add seats a worker. It is not to be there already.
func (s *Seats) Add(w WorkerID, of SeatsOf) {
	if s.first == nil {
		s.first = make([]uint32, seats)
	}
	for i := range of.Own() {
		at := s.free
		if at == 0 {
			s.all = append(s.all, sitter{})
			at = uint32(len(s.all))
		} else {
			s.free = s.all[at-1].next
		}
		head := &s.first[of.seat(i)]
		s.all[at-1] = sitter{name: of.Name, worker: w, next: *head}
		*head = at
	}
	s.taken += of.Own()
}

// Remove takes a worker out that was added as the same.
func (s *Seats) Remove(w WorkerID, of SeatsOf) {
	for i := range of.Own() {
		link := &s.first[of.seat(i)]
		for *link != 0 && s.all[*link-1].worker != w {
			link = &s.all[*link-1].next
		}
		at := *link
		if at == 0 {
			panic("probe: a worker that has no seat is removed")
		}
		*link = s.all[at-1].next
		s.all[at-1].next, s.free = s.free, at
	}
	s.taken -= of.Own()
}

// Dense reports whether walking through seats to some of the workers, which have that many seats together, is quicker
// than ranking all of those, for a key that is to choose n.
func Dense(seatsOfThem, n int) bool { return seatsOfThem*seatsOfThem > seats*max(n, 1) }

// Len is how many seats its workers have, each counted for itself where several have the same.
func (s *Seats) Len() int { return s.taken }

// Walk goes through all seats in a key's order.
func (s *Seats) Walk(k Key) Walk { return Walk{seats: s, order: orderOf(k), tie: uint64(k)} }

// Walk is a key's way through the seats.
type Walk struct {
	seats *Seats
	order order
	tie   uint64
	place int    // the next one
	in    uint32 // a seat of several: its first sitter, index + 1
	last  uint64 // the tie break of who came last from there
}

// Next returns who sits next, or false at the end. A worker comes once for each of its seats.
func (w *Walk) Next() (WorkerID, bool) {
	s := w.seats
	if w.in != 0 {
		if id, ok := w.another(); ok {
			return id, true
		}
		w.in = 0
	}
	if s.taken == 0 {
		return 0, false
	}
	for w.place < seats {
		head := s.first[w.order.seat(uint16(w.place))]
		w.place++
		switch {
		case head == 0:
		case s.all[head-1].next == 0:
			return s.all[head-1].worker, true
		default:
			w.in, w.last = head, 0
			return w.another()
		}
	}
	return 0, false
}

// another returns who is next of several in one seat.
func (w *Walk) another() (WorkerID, bool) {
	best, found := uint64(0), uint32(0)
	for i := w.in; i != 0; i = w.seats.all[i-1].next {
		if t := tie(w.tie, w.seats.all[i-1].name); t > w.last && (found == 0 || t < best) {
			best, found = t, i
		}
	}
	if found == 0 {
		return 0, false
	}
	w.last = best
	return w.seats.all[found-1].worker, true
}

// Ranker ranks single workers for a key.
type Ranker struct {
	order order
	tie   uint64
}

// Rank returns what ranks workers for a key.
func (k Key) Rank() Ranker { return Ranker{orderOf(k), uint64(k)} }

// Of returns the rank of a worker, the less the better: the place of its first seat in the key's order.
func (r *Ranker) Of(of SeatsOf) uint64 {
	best := uint64(seats)
	for i := range of.Own() {
		best = min(best, uint64(r.order.place(of.seat(i))))
	}
	return best<<47 | tie(r.tie, of.Name)>>17
}

// Insert puts a worker of a rank among the best n so far, which are sorted by their rank, and returns them. It is for
// going through few workers; ranks has the rank of each in best.
func Insert(best []WorkerID, ranks []uint64, w WorkerID, rank uint64, n int) ([]WorkerID, []uint64) {
	if len(best) == n && rank >= ranks[n-1] {
		return best, ranks
	}
	at, _ := slices.BinarySearch(ranks, rank)
	if len(best) == n {
		best, ranks = best[:n-1], ranks[:n-1]
	}
	return slices.Insert(best, at, w), slices.Insert(ranks, at, rank)
}

// tie orders who has the same seat: not 0, and different for different names nearly always.
func tie(key, name uint64) uint64 { return mix(key^name) | 1 }

// order is the permutation of the seats that a key goes by: a Feistel network of two bytes (Luby and Rackoff, 1988).
type order [4]uint32

func orderOf(k Key) order {
	a := mix(uint64(k) + golden)
	b := mix(a + golden)
	return order{uint32(a), uint32(a >> 32), uint32(b), uint32(b >> 32)}
}

// seat returns which seat has a place.
func (o *order) seat(place uint16) uint16 {
	l, r := uint8(place>>8), uint8(place)
	for _, k := range o {
		l, r = r, l^scramble(r, k)
	}
	return uint16(l)<<8 | uint16(r)
}

// place returns which place a seat has.
func (o *order) place(seat uint16) uint16 {
	l, r := uint8(seat>>8), uint8(seat)
	for i := len(o) - 1; i >= 0; i-- {
		l, r = r^scramble(l, o[i]), l
	}
	return uint16(l)<<8 | uint16(r)
}

func scramble(x uint8, k uint32) uint8 {
	h := (uint32(x) ^ k&0xff) * (k>>7 | 1)
	h ^= h >> 15
	return uint8((h * 0x2c1b3c6d) >> 24)
}

// mix is the output function of SplitMix64: a bijection in which each bit of the input moves each bit of the output
// with probability one half.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
