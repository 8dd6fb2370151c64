package probe

const (
	seats      = 1 << 16 // as many as two bytes tell apart
	maxOwnSeat = 64      // seats of one worker
)

// Seats is the table of all workers. The zero Seats is an empty one, and takes up nothing until the first worker is
// added.
type Seats struct {
	first []uint32 // by seat: its first sitter, index + 1 into all
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
