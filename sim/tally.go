package sim

import (
	"encoding/binary"
	"time"

	"github.com/cespare/xxhash/v2"

	"dunnock/internal/stat"
	"dunnock/task"
)

// tally keeps the books of a run in memory that does not grow with it.
type tally struct {
	events     uint64
	messages   uint64
	keyed      bool   // a job had affinity keys
	jobs       uint64 // that have come
	tasks      uint64 // of them
	ended      uint64 // tasks
	failed     uint64 // tasks that ended not OK
	failedJobs uint64 // of which there is such a task

	responses histogram    // of the jobs after the warm-up
	waits     histogram    // of their tasks
	means     stat.Batches // of the responses

	busy     int64         // slots that run a task
	since    time.Duration // when busy last changed
	counting bool          // the first job after the warm-up has come
	first    time.Duration // when that was
	last     time.Duration // when the last job came
	area     uint128       // slots × time that was busy, from first to since
	lastArea uint128       // the same up to last
	demand   uint128       // service times of the jobs after the warm-up

	live      int64 // jobs that have come and not ended
	liveSince time.Duration
	liveArea  uint128 // jobs × time, over the whole run
	sojourn   uint128 // sum of the times that jobs took, over the whole run

	digest  *xxhash.Digest
	pending []byte // of the digest
}

// digestBlock is how much is gathered before the digest sees it.
const digestBlock = 4096

func newTally() tally {
	return tally{
		responses: newHistogram(), waits: newHistogram(),
		digest: xxhash.New(), pending: make([]byte, 0, digestBlock),
	}
}

// arrive counts a job that has come.
func (t *tally) arrive(e *Engine, j *job) {
	t.jobs++
	t.tasks += uint64(len(j.service))
	t.keyed = t.keyed || len(j.keys) > 0
	t.population(e.now, 1)
	if !j.counted {
		return
	}
	t.occupy(e.now, 0)
	if !t.counting {
		t.counting, t.first = true, e.now
	}
	t.last, t.lastArea = e.now, t.area
	for _, s := range j.service {
		t.demand.add(uint64(s+e.cfg.TaskOverhead) * uint64(j.slots))
	}
}

// population follows how many jobs are in the system.
func (t *tally) population(now time.Duration, change int64) {
	t.liveArea.addProduct(uint64(t.live), uint64(now-t.liveSince))
	t.liveSince = now
	t.live += change
}

// occupy follows how many slots are busy.
func (t *tally) occupy(now time.Duration, change int64) {
	if t.counting {
		t.area.addProduct(uint64(t.busy), uint64(now-t.since))
	}
	t.since = now
	t.busy += change
}

// wait records how long a task waited.
func (t *tally) wait(e *Engine, j *job, d time.Duration) {
	if !j.counted {
		return
	}
	t.waits.add(d)
	if j.user != nobody {
		e.users[j.user].wait(d)
	}
	if e.widths != nil {
		e.width(j).wait(d)
	}
}

// The kinds of records in a digest.
const (
	recordTask = 1
	recordJob  = 2
)

// taskDone records the outcome of a task: 32 bytes of the digest.
func (t *tally) taskDone(now time.Duration, j *job, index, worker uint32, outcome task.Outcome) {
	t.ended++
	if outcome != task.OK {
		t.failed++
	}
	b := t.record(recordTask, j, now)
	b = binary.LittleEndian.AppendUint32(b, index)
	b = binary.LittleEndian.AppendUint32(b, worker)
	t.pending = binary.LittleEndian.AppendUint64(b, uint64(outcome))
}

// jobDone records the end of a job: 24 bytes of the digest.
func (t *tally) jobDone(now time.Duration, j *job, response time.Duration) {
	t.population(now, -1)
	t.sojourn.add(uint64(now - j.at))
	if j.failed {
		t.failedJobs++
	}
	b := t.record(recordJob, j, now)
	t.pending = binary.LittleEndian.AppendUint64(b, uint64(response))
	if !j.counted {
		return
	}
	t.responses.add(response)
	t.means.Add(float64(response))
}

// record begins a record of the digest.
func (t *tally) record(kind uint64, j *job, now time.Duration) []byte {
	if len(t.pending) > digestBlock-64 {
		t.flush()
	}
	b := binary.LittleEndian.AppendUint64(t.pending, kind<<56|j.index)
	return binary.LittleEndian.AppendUint64(b, uint64(now))
}

func (t *tally) flush() {
	_, _ = t.digest.Write(t.pending) // a hash takes everything
	t.pending = t.pending[:0]
}
