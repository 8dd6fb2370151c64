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
)

// retain keeps a finished job readable, and lets the oldest go for it.
func (s *Scheduler) retain(j *job) {
	if !j.readable {
		s.dropValues(j)
	}
	s.charge(j, jobCost+recordCost*int64(len(j.tasks)))
	s.finished = append(s.finished, j)
	s.evict(func(*job) bool { return s.retained > s.cfg.MaxRetainedBytes })
}

// keepValue holds a result while the job runs, for those who join it or read it over HTTP.
func (s *Scheduler) keepValue(j *job, rec *record, value []byte) {
	if len(value) == 0 || (j.dropped && !j.readable) {
		return
	}
	size := int64(len(value))
	s.evict(func(*job) bool { return s.retained+size > s.cfg.MaxRetainedBytes })
	if s.retained+size > s.cfg.MaxRetainedBytes {
		j.dropped = true
		rec.err = task.Errorf(task.CodeResultDropped, "the result was dropped: unread results take up the %d bytes allowed", s.cfg.MaxRetainedBytes)
		s.meters.droppedResults.Inc()
		return
	}
	rec.value = bytes.Clone(value)
	s.charge(j, size)
}

// release lets go of a result that its reader has, if nobody else can want it.
func (s *Scheduler) release(j *job, rec *record) {
	if j.owners != 1 || len(j.clients) > 0 || j.detached || rec.value == nil {
		return
	}
	s.charge(j, -int64(len(rec.value)))
	rec.value = nil
	j.released = true
}

func (s *Scheduler) dropValues(j *job) {
	for i := range j.tasks {
		if v := j.tasks[i].value; v != nil {
			s.charge(j, -int64(len(v)))
			j.tasks[i].value = nil
		}
	}
}

func (s *Scheduler) charge(j *job, size int64) {
	j.retained += size
	s.retained += size
}

// evict forgets the oldest finished jobs while the condition holds.
func (s *Scheduler) evict(while func(oldest *job) bool) {
	n := 0
	for ; n < len(s.finished) && while(s.finished[n]); n++ {
		j := s.finished[n]
		s.charge(j, -j.retained)
		delete(s.byID, j.spec.ID)
		s.finished[n] = nil
	}
	s.finished = s.finished[n:]
}

// keepRetention forgets finished jobs when their time is over.
func (s *Scheduler) keepRetention(ctx context.Context) {
	ticker := time.NewTicker(max(min(s.cfg.ResultTTL/4, time.Second), time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := s.enter()
		s.evict(func(j *job) bool { return now-j.ended > s.cfg.ResultTTL })
		s.mu.Unlock()
	}
}
