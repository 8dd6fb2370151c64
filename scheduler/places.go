package scheduler

import (
	"hash/maphash"

	"dunnock/task"
)

// places says where jobs are in an archive, by their ids: a hash table without pointers and without the ids, which are
// in the archive itself. A map was an eighth of what a scheduler takes for jobs of one task, since each submission, end
// and removal of a job looks at another part of some tens of megabytes, and so waits for memory, once for each cache
// line; here that is mostly one.
//
// It is in parts, by the first bits of an id's hash, of which each grows by itself, so that none takes long.
type places struct {
	seed  maphash.Seed
	parts [placesParts]placesPart
}

const (
	placesBits  = 6
	placesParts = 1 << placesBits
	// placesLeast is how many entries a part has at least.
	placesLeast = 8
)

// placesPart is a table with linear probing, at most three quarters full. The entries of jobs are in the order of where
// they belong, as far as there is room.
type placesPart struct {
	entries []placeOf // a power of two
	used    int
	shift   int // what is left of a hash without this is where it belongs
}

// placeOf is an entry.
type placeOf struct {
	hash uint32 // of the id, behind the bits that say the part
	page uint32 // the number of the page
	next uint32 // the offset in it, and 1; 0: the entry is free
}

func (e placeOf) at() int { return int(e.next) - 1 }

func (e placeOf) is(page uint32, at int) bool { return e.page == page && e.at() == at }

// part returns the part of an id, and its hash there.
func (p *places) part(id task.JobID) (*placesPart, uint32) {
	if p.seed == (maphash.Seed{}) {
		p.seed = maphash.MakeSeed()
	}
	h := maphash.Bytes(p.seed, id[:])
	return &p.parts[h>>(64-placesBits)], uint32(h >> (32 - placesBits))
}

// find returns the index of the entry of this hash that is of the job meant, or of the free one where that belongs.
// There is one, since a part is never full, and none that has no entries may be asked.
func (t *placesPart) find(hash uint32, is func(placeOf) bool) int {
	mask := len(t.entries) - 1
	for i := t.home(hash); ; i = (i + 1) & mask {
		if e := t.entries[i]; e.next == 0 || e.hash == hash && is(e) {
			return i
		}
	}
}

func (t *placesPart) home(hash uint32) int { return int(hash >> t.shift) }

// put notes where a job is, in place of where one of that id was. is reports whether an entry is of that job.
func (t *placesPart) put(e placeOf, is func(placeOf) bool) {
	if 4*(t.used+1) > 3*len(t.entries) {
		t.grow()
	}
	i := t.find(e.hash, is)
	if t.entries[i].next == 0 {
		t.used++
	}
	t.entries[i] = e
}

// grow makes room for twice as many.
func (t *placesPart) grow() {
	old := t.entries
	t.entries = make([]placeOf, max(placesLeast, 2*len(old)))
	t.shift = 32
	for n := len(t.entries); n > 1; n /= 2 {
		t.shift--
	}
	for _, e := range old {
		if e.next != 0 {
			t.entries[t.find(e.hash, func(placeOf) bool { return false })] = e
		}
	}
}

// remove frees an entry, and moves those behind it to where they belong, as far as they may.
func (t *placesPart) remove(i int) {
	mask := len(t.entries) - 1
	for next := (i + 1) & mask; t.entries[next].next != 0; next = (next + 1) & mask {
		if home := t.home(t.entries[next].hash); (next-home)&mask >= (next-i)&mask {
			t.entries[i] = t.entries[next]
			i = next
		}
	}
	t.entries[i] = placeOf{}
	t.used--
}

// len is how many jobs there are.
func (p *places) len() (n int) {
	for i := range p.parts {
		n += p.parts[i].used
	}
	return n
}
