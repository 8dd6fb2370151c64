package scheduler

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"

	"dunnock/task"
)

// digestOf is a hash of all that makes two submissions the same job: not the epoch, what has happened in
// earlier ones, and what is left of the deadline.
func digestOf(j *task.Job) uint64 {
	var d digest
	d.text(j.App)
	d.text(j.User)
	for _, v := range [...]uint64{
		uint64(j.Priority), math.Float64bits(j.ProbeRatio), uint64(j.TaskTimeout), uint64(j.Estimate), uint64(j.MaxAttempts),
		uint64(j.Delivery), uint64(j.OnFailure), uint64(j.OnDisconnect), uint64(len(j.Tasks)),
	} {
		d.number(v)
	}
	d.labels(j.Require)
	d.labels(j.Prefer)
	d.list(j.Exclude)
	d.text(j.Spread)
	d.need(j.Slots, j.Resources)
	for i := range j.Tasks {
		t := &j.Tasks[i]
		d.number(uint64(len(t.Payload)))
		d.bytes(t.Payload)
		d.labels(t.Require)
		d.labels(t.Prefer)
		d.list(t.Exclude)
		d.text(t.Affinity)
		d.need(t.Slots, t.Resources)
	}
	return d.sum()
}

// digest is a hash of values. Most jobs are many of a few bytes each: they are gathered, so that a small job is hashed
// in one go.
type digest struct {
	b     [digestBytes]byte
	n     int  // bytes of b that are gathered, and not hashed yet
	begun bool // something is in of
	of    xxhash.Digest
}

// digestBytes is how much is gathered.
const digestBytes = 512

func (d *digest) number(v uint64) {
	if d.n+8 > digestBytes {
		d.flush()
	}
	binary.LittleEndian.PutUint64(d.b[d.n:], v)
	d.n += 8
}

func (d *digest) bytes(b []byte) {
	if d.n+len(b) > digestBytes {
		d.flush()
		if len(b) > digestBytes/2 {
			_, _ = d.of.Write(b)
			return
		}
	}
	d.n += copy(d.b[d.n:], b)
}

func (d *digest) text(s string) {
	d.number(uint64(len(s)))
	if len(s) > 0 {
		d.bytes([]byte(s))
	}
}

func (d *digest) labels(m map[string]string) {
	d.number(uint64(len(m)))
	if len(m) == 0 {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		d.text(k)
		d.text(m[k])
	}
}

func (d *digest) list(l []string) {
	d.number(uint64(len(l)))
	for _, s := range l {
		d.text(s)
	}
}

func (d *digest) need(slots int, resources map[string]uint32) {
	d.number(uint64(slots))
	d.number(uint64(len(resources)))
	if len(resources) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		d.text(name)
		d.number(uint64(resources[name]))
	}
}

// flush hashes what is gathered.
func (d *digest) flush() {
	if !d.begun {
		d.begun = true
		d.of.Reset()
	}
	_, _ = d.of.Write(d.b[:d.n])
	d.n = 0
}

func (d *digest) sum() uint64 {
	if !d.begun {
		return xxhash.Sum64(d.b[:d.n])
	}
	d.flush()
	return d.of.Sum64()
}
