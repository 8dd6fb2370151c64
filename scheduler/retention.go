package scheduler

import (
	"bytes"
	"context"
	"time"

	"dunnock/task"
)

// Rough costs of what stays readable, in bytes.
const (
	jobCost    = 512
	recordCost = 112
	faultCost  = 96 // beside the text
)

// streamAllowance is what a job that somebody waits for over HTTP may keep unread, in bytes, however much others hold:
// otherwise results of detached jobs, which stay until their jobs are done, would cut every stream off.
const streamAllowance = 1 << 20

// Small values of a job lie together in pieces of memory, so that keeping one costs no allocation.
const (
	smallValue = 1 << 10
	pieceSize  = 32 << 10
)

var (
	errDropped   = task.Errorf(task.CodeResultDropped, "the result was dropped: what unread results may take up is used up")
	errDelivered = task.Errorf(task.CodeResultDropped, "the result was delivered to the client that waited for it and is not held any more")
)

// retain keeps a finished job readable, and lets the oldest go for it.
func (s *Scheduler) retain(j *job) {
	if !j.readable {
		s.dropValues(j)
	}
	j.piece = nil
	if j.isPlain() {
		if s.byID[j.spec.ID] == j { // and no later submission
			delete(s.byID, j.spec.ID)
		}
		s.retained += s.archive.add(j)
	} else {
		s.charge(j, jobCost+recordCost*int64(j.tasks.len())+int64(len(j.skipped)))
		s.finished = append(s.finished, j)
	}
	s.makeRoom(0)
}

// known returns the job of that id, or a copy if it is finished and nothing can happen to it any more; nil if there is
// none.
func (s *Scheduler) known(id task.JobID) *job {
	if j := s.byID[id]; j != nil {
		return j
	}
	return s.archive.find(id)
}

// keepValue holds a result while the job runs, for those who join it or read it over HTTP. owned says that it has
// memory of its own.
func (s *Scheduler) keepValue(j *job, rec *record, value []byte, owned bool) {
	size := int64(len(value))
	switch {
	case size == 0, j.dropped && !j.readable:
		return
	case !j.readable && s.retained+size > s.cfg.MaxRetainedBytes/2:
		// Only somebody who joins the job could want it. That is worth room to spare, and no other job's results.
		j.dropped = true
		s.dropValues(j)
		return
	case j.readable && !s.makeRoom(size) && (j.lease.Detached || j.retained+size > max(streamAllowance, size)):
		j.dropped = true
		rec.err = errDropped
		s.meters.droppedResults.Inc()
		return
	}
	if !owned {
		value = j.copyOf(value)
	}
	rec.value = value
	s.charge(j, size)
}

// keepFault counts the text of a task's error, which comes from users' code, or drops it.
func (s *Scheduler) keepFault(j *job, rec *record) {
	size := int64(faultCost + len(rec.err.Message) + len(rec.err.Detail))
	room := s.retained+size <= s.cfg.MaxRetainedBytes/2
	if !room && j.readable {
		room = s.makeRoom(size)
	}
	if !room {
		rec.err = task.Errorf(rec.err.Code, "the attempt failed; its error was dropped, because what may be kept is used up")
		return
	}
	s.charge(j, size)
}

// copyOf copies a value into memory of the job's.
func (j *job) copyOf(v []byte) []byte {
	if len(v) > smallValue {
		return bytes.Clone(v)
	}
	if cap(j.piece)-len(j.piece) < len(v) {
		rest := j.tasks.len() - len(j.order) // if all are alike, one piece is just enough
		j.piece = make([]byte, 0, max(len(v), min(pieceSize, rest*len(v))))
	}
	from := len(j.piece)
	j.piece = append(j.piece, v...)
	return j.piece[from:len(j.piece):len(j.piece)]
}

// release lets go of a result that its reader has, if nobody else can want it.
func (s *Scheduler) release(j *job, rec *record) {
	if j.lease.Owners() != 1 || len(j.clients) > 0 || j.lease.Detached || rec.value == nil {
		return
	}
	s.charge(j, -int64(len(rec.value)))
	rec.value, rec.err = nil, errDelivered
	j.released = true
}

func (s *Scheduler) dropValues(j *job) {
	j.tasks.each(func(rec *record) {
		s.charge(j, -int64(len(rec.value)))
		rec.value = nil
	})
	j.piece = nil
}

func (s *Scheduler) charge(j *job, size int64) {
	j.retained += size
	s.retained += size
}

// makeRoom forgets the oldest finished jobs until there is room for size bytes. It reports whether there is.
func (s *Scheduler) makeRoom(size int64) bool {
	for s.retained+size > s.cfg.MaxRetainedBytes {
		ended, archived := s.archive.oldest()
		switch {
		case archived && (len(s.finished) == 0 || ended <= s.finished[0].ended):
			s.retained -= s.archive.drop()
		case len(s.finished) > 0:
			s.forget(s.finished[0])
			s.finished[0] = nil
			s.finished = s.finished[1:]
		default:
			return false
		}
	}
	return true
}

// expire forgets the finished jobs whose time is over, but for those that somebody is still reading.
func (s *Scheduler) expire(now time.Duration) {
	kept := s.finished[:0]
	for i, j := range s.finished {
		if now-j.ended <= s.cfg.ResultTTL {
			kept = append(kept, s.finished[i:]...)
			break
		}
		if j.readers > 0 {
			kept = append(kept, j)
			continue
		}
		s.forget(j)
	}
	clear(s.finished[len(kept):])
	s.finished = kept
	for ended, ok := s.archive.oldest(); ok && now-ended > s.cfg.ResultTTL; ended, ok = s.archive.oldest() {
		s.retained -= s.archive.drop()
	}
}

// forget lets go of a finished job. Streams that still read it are cut, so that its memory is free indeed.
func (s *Scheduler) forget(j *job) {
	s.dropValues(j)
	s.charge(j, -j.retained)
	j.forgotten = true
	if s.byID[j.spec.ID] == j { // and no later submission
		delete(s.byID, j.spec.ID)
	}
}

// keepRetention forgets finished jobs when their time is over, and has workers forget what has reached its owners.
func (s *Scheduler) keepRetention(ctx context.Context) {
	ticker := time.NewTicker(max(min(s.cfg.ResultTTL/4, time.Second), time.Millisecond))
	defer ticker.Stop()
	var t turn
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := s.enter()
		s.expire(now)
		s.expireKept(now, &t)
		s.leases.Forget(now)
		s.forgetGivenUp(now)
		s.ackRest(&t)
		s.exit(now, &t)
		t.batch.Flush()
	}
}
