package scheduler

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"dunnock/internal/api"
	"dunnock/internal/wire"
	"dunnock/task"
)

// archive holds the finished jobs of which there is nothing to tell but who ran what for how long, in bytes. They are
// most of what a scheduler that has much to do has in its memory, and as structures with pointers the garbage collector
// had to look at each: with 64 MiB of them that took 60 ms of processor time, on all processors at once, and whoever
// waited for the scheduler waited for as long.
//
// Jobs are in the order of their ends, in pages, of which the oldest is used again when all of its jobs are gone: an
// archive that is full allocates nothing.
type archive struct {
	pages []page // oldest first
	first uint32 // the number of pages[0]
	spare []byte
	index places // where the last job of each id is
}

type page struct {
	b    []byte
	gone int // bytes of jobs that were let go
}

const (
	pageBytes = 64 << 10
	// archivedCost is what a job takes there beside its bytes.
	archivedCost = 48
	// recentNames is how many names of workers a job's tasks refer back to.
	recentNames = 8
)

// Where fields of fixed size are in the bytes of a job.
const (
	sizeAt   = 0
	idAt     = 4
	endedAt  = idAt + 16
	digestAt = endedAt + 8
	fieldsAt = digestAt + 8
)

// isPlain reports whether an archive can tell all that is to be told of a finished job.
func (j *job) isPlain() bool {
	return j.outcome == task.OK && !j.readable && j.readers == 0 && len(j.waiting) == 0 && j.before == 0 && len(j.skipped) == 0 &&
		j.failed == 0 && len(j.order) == j.tasks.len() && j.retained == 0 && j.retries.count() == 0 && len(j.spec.Resources) == 0 &&
		!j.lease.Detached && !j.lease.Abandoned() && !j.lease.Elsewhere()
}

// add puts a plain job there and returns what it takes, in bytes.
func (a *archive) add(j *job) int64 {
	n := len(a.pages)
	if n == 0 || len(a.pages[n-1].b) >= pageBytes*3/4 {
		if a.spare == nil {
			a.spare = make([]byte, 0, pageBytes)
		}
		a.pages, a.spare = append(a.pages, page{b: a.spare}), nil
		n++
	}
	p := &a.pages[n-1]
	at := len(p.b)
	p.b = appendJob(p.b, j)
	t, hash := a.index.part(j.spec.ID)
	t.put(placeOf{hash: hash, page: a.first + uint32(n-1), next: uint32(at) + 1}, a.isOf(j.spec.ID))
	return archivedCost + int64(len(p.b)-at)
}

// oldest returns when the job ended that is to go first; false if there is none.
func (a *archive) oldest() (ended time.Duration, ok bool) {
	if len(a.pages) == 0 {
		return 0, false
	}
	return endedOf(a.pages[0].rest()), true
}

// drop lets the oldest go, and returns what it took.
func (a *archive) drop() int64 {
	p := &a.pages[0]
	b := p.rest()
	if t, i, ok := a.entry(idOf(b)); ok && t.entries[i].is(a.first, p.gone) { // and no later submission
		t.remove(i)
	}
	size := sizeOf(b)
	p.gone += size
	if p.gone == len(p.b) {
		if cap(p.b) <= 2*pageBytes {
			a.spare = p.b[:0]
		}
		a.pages[0] = page{}
		a.pages = a.pages[1:]
		a.first++
	}
	return archivedCost + int64(size)
}

// find returns a copy of a job, as it was when it ended; nil if it is not there.
func (a *archive) find(id task.JobID) *job {
	b := a.bytes(id)
	if b == nil {
		return nil
	}
	return readJob(b)
}

// summary is what is listed of a job; false if it is not there.
func (a *archive) summary(id task.JobID, now time.Duration) (api.JobSummary, bool) {
	b := a.bytes(id)
	if b == nil {
		return api.JobSummary{}, false
	}
	var j job
	r := readHead(b, &j)
	tasks := int(r.Uint32())
	return api.JobSummary{
		Job: j.spec.ID.String(), App: j.spec.App, User: j.spec.User, State: j.outcome.String(), Tasks: tasks, Finished: tasks,
		AgeMS: api.Millis(now - j.accepted), ResponseMS: api.Millis(j.ended - j.accepted),
	}, true
}

// newest appends jobs, those with the latest submissions among them if there are more than so many: none has ended
// before it was submitted.
func (a *archive) newest(most int, jobs []listedJob) []listedJob {
	var submitted []time.Duration // when those were that have been appended
	for n, p := range slices.Backward(a.pages) {
		first := endedOf(p.rest()) // the jobs of all pages before this one ended earlier
		for at := p.gone; at < len(p.b); at += sizeOf(p.b[at:]) {
			b := p.b[at:]
			if id := idOf(b); a.isLast(id, n, at) {
				jobs, submitted = append(jobs, listedJob{accepted: acceptedOf(b), id: id}), append(submitted, acceptedOf(b))
			}
		}
		if len(submitted) < most {
			continue
		}
		slices.SortFunc(submitted, func(a, b time.Duration) int { return cmp.Compare(b, a) })
		if submitted = submitted[:most]; submitted[most-1] >= first {
			break
		}
	}
	return jobs
}

// entry returns where it is noted where the last job of an id is; false if there is none.
func (a *archive) entry(id task.JobID) (t *placesPart, i int, ok bool) {
	t, hash := a.index.part(id)
	if t.used == 0 {
		return t, 0, false
	}
	i = t.find(hash, a.isOf(id))
	return t, i, t.entries[i].next != 0
}

// isOf reports whether an entry is of the job with this id.
func (a *archive) isOf(id task.JobID) func(placeOf) bool {
	return func(e placeOf) bool { return idOf(a.at(e)) == id }
}

// isLast reports whether a job, in the n-th page, was not submitted again.
func (a *archive) isLast(id task.JobID, n, at int) bool {
	t, i, ok := a.entry(id)
	return ok && t.entries[i].is(a.first+uint32(n), at)
}

// bytes begin with those of a job; nil if it is not there.
func (a *archive) bytes(id task.JobID) []byte {
	t, i, ok := a.entry(id)
	if !ok {
		return nil
	}
	return a.at(t.entries[i])
}

// at returns what begins at a place.
func (a *archive) at(e placeOf) []byte { return a.pages[e.page-a.first].b[e.at():] }

func (p *page) rest() []byte { return p.b[p.gone:] }

func sizeOf(b []byte) int            { return int(binary.LittleEndian.Uint32(b[sizeAt:])) }
func idOf(b []byte) task.JobID       { return task.JobID(b[idAt:endedAt]) }
func endedOf(b []byte) time.Duration { return time.Duration(binary.LittleEndian.Uint64(b[endedAt:])) }

func acceptedOf(b []byte) time.Duration {
	r := wire.NewReader(b[fieldsAt:])
	return endedOf(b) - r.Duration()
}

// appendJob appends a plain job.
func appendJob(b []byte, j *job) []byte {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = append(b, j.spec.ID[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(j.ended))
	b = binary.LittleEndian.AppendUint64(b, j.digest)
	b = wire.AppendDuration(b, j.ended-j.accepted)
	b = wire.AppendString(b, j.spec.App)
	b = wire.AppendString(b, j.spec.User)
	b = wire.AppendUint(b, math.Float64bits(j.spec.ProbeRatio))
	b = wire.AppendUint(b, uint64(j.spec.Slots))
	b = wire.AppendDuration(b, j.spec.Deadline)
	b = wire.AppendUint(b, uint64(j.lease.Epoch))
	b = wire.AppendUint(b, uint64(j.tasks.len()))
	var names recentWorkers
	for _, i := range j.order {
		rec := j.tasks.read(int(i))
		b = wire.AppendUint(b, uint64(i))
		b = names.append(b, rec.worker)
		b = wire.AppendUint(b, uint64(rec.attempt))
		b = wire.AppendDuration(b, rec.wait)
		b = wire.AppendDuration(b, rec.service)
	}
	binary.LittleEndian.PutUint32(b[at+sizeAt:], uint32(len(b)-at)) // a job is at most what a client's message may be
	return b
}

// readHead reads what comes before a job's tasks.
func readHead(b []byte, j *job) wire.Reader {
	j.spec.ID, j.ended, j.digest, j.outcome = idOf(b), endedOf(b), binary.LittleEndian.Uint64(b[digestAt:]), task.OK
	r := wire.NewReader(b[fieldsAt:sizeOf(b)])
	j.accepted = j.ended - r.Duration()
	j.spec.App, j.spec.User = r.String(task.MaxNameLen), r.String(task.MaxUserLen)
	j.spec.ProbeRatio = math.Float64frombits(r.Uint64())
	j.spec.Slots = r.Uint16()
	j.spec.Deadline = r.Duration()
	j.spec.Epoch = r.Uint32()
	j.lease.Epoch = j.spec.Epoch
	return r
}

// readJob reads a job.
func readJob(b []byte) *job {
	j := &job{}
	r := readHead(b, j)
	n := r.Uint32()
	j.tasks, j.order = records{n: int(n)}, make([]uint32, 0, n)
	var names recentWorkers
	for range n {
		i := r.Uint32()
		j.order = append(j.order, i)
		*j.tasks.write(int(i)) = record{outcome: task.OK, worker: names.read(&r), attempt: r.Uint16(), wait: r.Duration(), service: r.Duration()}
	}
	return j
}

// recentWorkers are names that a job's tasks refer back to: as few workers run most tasks of a job, most names are a
// byte.
type recentWorkers struct {
	names [recentNames]string
	next  int
}

// append appends a name: how far back it is, from 1, or 0 and itself.
func (w *recentWorkers) append(b []byte, name string) []byte {
	for back := 1; back <= recentNames; back++ {
		if w.names[(w.next-back+recentNames)%recentNames] == name {
			return wire.AppendUint(b, uint64(back))
		}
	}
	w.add(name)
	return wire.AppendString(wire.AppendUint(b, 0), name)
}

func (w *recentWorkers) read(r *wire.Reader) string {
	if back := int(r.Uint(recentNames)); back > 0 {
		return w.names[(w.next-back+recentNames)%recentNames]
	}
	name := r.String(task.MaxNameLen)
	w.add(name)
	return name
}

func (w *recentWorkers) add(name string) {
	w.names[w.next] = name
	w.next = (w.next + 1) % recentNames
}
