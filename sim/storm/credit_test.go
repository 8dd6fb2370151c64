package storm

import (
	"testing"
	"time"

	"dunnock/scheduler/placement"
	"dunnock/task"
	"dunnock/worker/queue"
)

// The job of a client that stops reading starts nothing more once it has too much to read, a reader that is slow goes
// on as fast as it reads, and the jobs of others do not notice. When the client reads again its job goes on to its end.
func TestReaders(t *testing.T) {
	t.Parallel()
	const (
		tasks = 60
		bytes = 1000
		room  = 5 // results
	)
	for _, c := range []struct {
		name   string
		pace   time.Duration
		lo, hi int // starts of its job while it does not read as it should
	}{
		{"stopped", 0, room + 1, room + 1 + 2*4}, // what runs by then, and what asks at that very moment
		{"slow", 500 * time.Millisecond, room + 10, room + 30},
		{"well", time.Millisecond, tasks, tasks},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(Plan{
				Seed: 1, Workers: 2, Slots: 2, Schedulers: 1, Clients: 2, Storm: 20 * time.Second, Delay: time.Millisecond, Lease: time.Second, Rumour: time.Millisecond,
				Largest: bytes, Unread: room * bytes, CheckEvery: 1, grace: time.Second,
				placement: placement.Config{Policy: placement.LateBinding}, queue: queue.Config{Slots: 2},
			}, nil)
			jobs := [2]*job{}
			for i := range jobs {
				j := &job{index: i, id: task.JobID{byte(i + 1)}, ratio: 2, deadline: time.Minute, maxAttempts: 1, client: w.clients[i]}
				for n := range tasks {
					j.tasks = append(j.tasks, &jobTask{job: j, index: uint32(n), odd: -1, service: 10 * time.Millisecond, bytes: bytes})
				}
				w.book.byID[j.id], jobs[i] = j, j
				w.submitAt(j, 100*time.Millisecond)
			}
			w.at(104*time.Millisecond, func() {
				if e := lineOf(&w.clients[0].process, &w.schedulers[0].process); !e.lagBehind(10*time.Second, c.pace) {
					t.Error("no connection")
				}
			})
			starts := func(j *job) (n int) {
				for _, t := range j.tasks {
					n += len(t.starts)
				}
				return n
			}
			w.at(9*time.Second, func() {
				if n := starts(jobs[0]); n < c.lo || n > c.hi {
					t.Errorf("%d starts, want %d to %d", n, c.lo, c.hi)
				}
				if !jobs[1].over || w.outcomes[task.OK] < tasks {
					t.Errorf("of the other job %d tasks have started, %d have ended of both", starts(jobs[1]), w.outcomes[task.OK])
				}
			})
			if err := w.run(); err != nil {
				t.Error(err)
			}
			if n := w.outcomes[task.OK]; n != 2*tasks {
				t.Errorf("%d tasks of %d ended ok", n, 2*tasks)
			}
			if w.book.last > 12*time.Second {
				t.Errorf("the last outcome came at %v", w.book.last)
			}
		})
	}
}
