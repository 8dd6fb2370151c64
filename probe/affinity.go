package probe

import (
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Affinity: a key chooses workers by rendezvous hashing (Thaler and Ravishankar, "A name-based mapping scheme for
// rendezvous", 1996). Everyone who knows the same workers chooses the same ones for a key, whatever order they came in,
// and a worker that leaves moves only the keys that had chosen it.
//
// The textbook way hashes a key with the name of each worker and takes the best, which costs as much as there are
// workers: 25 µs for one key among 10,000. Here each worker has seats in a table of 2¹⁶, at places that its name
// decides, and each key has an order of its own in which it visits the seats: a pseudo-random permutation. The worker
// whose seat it visits first is its first choice. A worker's rank for a key is then the place that its seat has in the
// key's order, and there are two ways to find the best:
//
//   - in a large fleet, visit seats in the key's order ([Seats.Walk]) until enough workers were met, which takes about
//     seats ÷ workers steps for each;
//   - among few workers, compute the rank of each ([Ranker]) with the permutation's inverse.
//
// [Dense] says which is quicker.

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
