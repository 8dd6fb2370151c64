package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/internal/node"
	"dunnock/scheduler/lease"
	"dunnock/task"
)

// shared are the errors that cost nothing.
var shared = []*task.Error{errDeadline, errCancelled, errDropped, errDelivered, errDoubt, errUsedUp, errSuperseded}

// books is what a scheduler holds, counted again from what its jobs really have.
func books(s *Scheduler, running []*job) error {
	var total int64
	check := func(j *job) error {
		var bytes int64
		if j.outcome != 0 {
			bytes = jobCost + recordCost*int64(j.tasks.len()) + int64(len(j.skipped))
		}
		for i := range j.tasks.len() {
			rec := j.tasks.read(i)
			bytes += int64(len(rec.value))
			if e := rec.err; e != nil && !slices.Contains(shared, e) && !strings.HasPrefix(e.Message, "the attempt failed; ") {
				bytes += int64(faultCost + len(rec.err.Message) + len(rec.err.Detail))
			}
		}
		if bytes != j.retained {
			return fmt.Errorf("a job holds %d bytes and is charged %d", bytes, j.retained)
		}
		total += bytes
		return nil
	}
	streams := 0
	for _, j := range running {
		if err := check(j); err != nil {
			return err
		}
		if j.readable && !j.lease.Detached {
			streams++
		}
	}
	for _, j := range s.finished {
		if j == nil || j.forgotten || s.byID[j.spec.ID] == nil && !j.lease.Elsewhere() {
			return fmt.Errorf("a finished job is forgotten and listed")
		}
		if err := check(j); err != nil {
			return err
		}
	}
	for _, p := range s.archive.pages {
		for b := p.rest(); len(b) > 0; b = b[sizeOf(b):] {
			total += archivedCost + int64(sizeOf(b))
		}
	}
	if total != s.retained {
		return fmt.Errorf("the jobs hold %d bytes and the scheduler counts %d", total, s.retained)
	}
	if limit := s.cfg.MaxRetainedBytes + int64(streams)*2*streamAllowance; total > limit {
		return fmt.Errorf("%d bytes are held, at most %d may be", total, limit)
	}
	return nil
}

// Whatever comes, each byte that is held is counted once, the limit holds, and in the end nothing is held.
func TestRetentionCountsEveryByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Scheduler{cfg: Config{MaxRetainedBytes: 20_000, ResultTTL: time.Minute}, byID: make(map[task.JobID]*job), leases: lease.New(lease.Config{})}
		s.node = &node.Node{}
		s.meters = newMeters(s)
		var running []*job
		var now time.Duration
		pick := func(t *rapid.T) *job {
			if len(running) == 0 {
				t.Skip("no job")
			}
			return running[rapid.IntRange(0, len(running)-1).Draw(t, "job")]
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if err := books(s, running); err != nil {
					t.Fatal(err)
				}
			},
			"accept": func(t *rapid.T) {
				j := &job{tasks: records{n: rapid.IntRange(1, 3*recordsOf).Draw(t, "tasks")}, skipped: make([]byte, rapid.IntRange(0, 3).Draw(t, "skipped"))}
				j.spec.ID = newJobID()
				s.byID[j.spec.ID] = j
				running = append(running, j)
			},
			"wait":   func(t *rapid.T) { j := pick(t); j.readable = true; s.leases.Own(&j.lease) },
			"detach": func(t *rapid.T) { j := pick(t); j.readable, j.lease.Detached = true, true },
			"end a task": func(t *rapid.T) {
				j := pick(t)
				if len(j.order) == j.tasks.len() {
					t.Skip("all have ended")
				}
				rec := j.tasks.write(len(j.order))
				text := make([]byte, rapid.IntRange(0, 3000).Draw(t, "bytes"))
				if rapid.Bool().Draw(t, "ok") {
					s.keepValue(j, rec, text, rapid.Bool().Draw(t, "owned"))
				} else {
					rec.err = task.Errorf(task.CodeAppFailed, "%s", text)
					s.keepFault(j, rec)
				}
				j.order = append(j.order, uint32(len(j.order)))
			},
			"read": func(t *rapid.T) {
				j := pick(t)
				for i := range j.tasks.len() {
					s.release(j, j.tasks.write(i))
				}
			},
			"follow": func(t *rapid.T) {
				if len(s.finished) > 0 {
					s.finished[rapid.IntRange(0, len(s.finished)-1).Draw(t, "finished")].readers ^= 1
				}
			},
			"finish": func(t *rapid.T) {
				j := pick(t)
				j.outcome, j.ended = task.OK, now
				s.leases.Over(now, &j.lease)
				for i := range running {
					if running[i] == j {
						running = append(running[:i], running[i+1:]...)
						break
					}
				}
				s.retain(j)
			},
			"time": func(t *rapid.T) {
				now += time.Duration(rapid.IntRange(1, 50).Draw(t, "seconds")) * time.Second
				s.expire(now)
			},
		})
		for _, j := range running {
			j.outcome, j.ended = task.OK, now
			s.retain(j)
		}
		for _, j := range s.finished {
			j.readers = 0
		}
		s.expire(now + time.Hour)
		if s.retained != 0 || len(s.finished) != 0 || len(s.byID) != 0 || len(s.archive.pages) != 0 || s.archive.index.len() != 0 {
			t.Fatalf("%d bytes, %d finished jobs and %d known ones, %d pages and %d jobs in the archive are left",
				s.retained, len(s.finished), len(s.byID), len(s.archive.pages), s.archive.index.len())
		}
	})
}
