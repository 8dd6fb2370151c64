package scheduler_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/client"
	"dunnock/internal/fleettest"
	"dunnock/task"
	"dunnock/worker"
)

// What traffic has made of buffers is given back: connections of clients and of workers that have carried large payloads
// and results, and jobs of many tasks, take some minutes later little more than before, both ends together.
func TestIdleConnectionsGiveBack(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector keeps a memory of its own")
	}
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		const clients, workers, most = 16, 4, 64 << 10 // what the nodes themselves keep included; a buffer that stays grown is as much
		s := f.Scheduler("s1", nil)
		for _, name := range []string{"w1", "w2", "w3", "w4"} {
			f.Worker(name, 4, map[string]worker.Handler{"echo": fleettest.Echo}, nil)
		}
		synctest.Wait()
		large, small := task.Job{App: "echo", Tasks: make([]task.Task, 4)}, task.Job{App: "echo", Tasks: make([]task.Task, 3000)}
		for i := range large.Tasks {
			large.Tasks[i].Payload = make([]byte, 1<<20)
		}
		var all []*client.Client
		for range clients {
			all = append(all, f.Client(s))
		}
		run := func(jobs ...task.Job) {
			for _, c := range all {
				for _, job := range jobs {
					if _, err := c.Do(t.Context(), job); err != nil {
						t.Fatal(err)
					}
				}
			}
			time.Sleep(5 * time.Minute)
		}
		run(task.Job{App: "echo", Tasks: make([]task.Task, 16)})
		before := liveHeap()
		run(large, small)
		per := (liveHeap() - before) / (clients + workers)
		runtime.KeepAlive(large.Tasks)
		runtime.KeepAlive(small.Tasks)
		t.Logf("%d bytes more for each of %d connections", per, clients+workers)
		if per > most {
			t.Errorf("want at most %d", most)
		}
	})
}
