package scheduler

import (
	"encoding/binary"
	"math"
	"testing"

	"pgregory.net/rapid"

	"dunnock/task"
)

// A part of the table against a map, with jobs that belong to few places, at its end among them, and some with the same
// hash: each is found where it was put last, and none that was removed.
func TestPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hashes := make([]uint32, 40) // by job; its number is the page
		for i := range hashes {
			hashes[i] = rapid.SampledFrom([]uint32{0, 1, 2, 1 << 28, 1<<28 + 1, 1 << 31, math.MaxUint32 - 1, math.MaxUint32}).Draw(t, "hash")
		}
		var p placesPart
		put := make(map[int]int)
		job := rapid.IntRange(0, len(hashes)-1)
		is := func(i int) func(placeOf) bool { return func(e placeOf) bool { return int(e.page) == i } }
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if p.used != len(put) || 4*p.used > 3*len(p.entries) {
					t.Fatalf("%d of %d entries used for %d jobs", p.used, len(p.entries), len(put))
				}
				if p.used == 0 {
					return
				}
				for i, hash := range hashes {
					e := p.entries[p.find(hash, is(i))]
					at, ok := put[i]
					if ok != (e.next != 0) || ok && !e.is(uint32(i), at) {
						t.Fatalf("job %d: found %+v, want %d, %v", i, e, at, ok)
					}
				}
			},
			"put": func(t *rapid.T) {
				i, at := job.Draw(t, "job"), rapid.IntRange(0, 1<<16).Draw(t, "at")
				p.put(placeOf{hash: hashes[i], page: uint32(i), next: uint32(at) + 1}, is(i))
				put[i] = at
			},
			"remove": func(t *rapid.T) {
				if i := job.Draw(t, "job"); p.used > 0 {
					if at := p.find(hashes[i], is(i)); p.entries[at].next != 0 {
						p.remove(at)
						delete(put, i)
					}
				}
			},
		})
	})
}

// Whatever ids are like, jobs are spread over all parts, and none grows long before the others.
func TestPlacesAreSpread(t *testing.T) {
	var p places
	const jobs = placesParts * 1000
	for i := range jobs {
		var id task.JobID
		binary.BigEndian.PutUint32(id[12:], uint32(i))
		part, hash := p.part(id)
		part.put(placeOf{hash: hash, page: uint32(i), next: 1}, func(e placeOf) bool { return int(e.page) == i })
	}
	if p.len() != jobs {
		t.Errorf("%d of %d jobs are there", p.len(), jobs)
	}
	for i, part := range p.parts {
		if part.used < 700 || part.used > 1300 { // nine times the standard deviation
			t.Errorf("part %d has %d of %d jobs", i, part.used, jobs)
		}
	}
}
