package scheduler_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"dunnock/scheduler/placement"
	"dunnock/task"
)

// daemons are the packages whose allocations are told apart.
var daemons = []string{"scheduler", "worker", "client"}

// allocations counts what has been allocated in this process so far, by the daemon that did: the innermost frame of one
// of their packages says so. What has none of them is under "".
func allocations() map[string]int64 {
	for range 3 { // a record is published when the second collection after it has ended
		runtime.GC()
	}
	var records []runtime.MemProfileRecord
	for n, ok := runtime.MemProfile(nil, true); !ok; {
		records = make([]runtime.MemProfileRecord, n+1000)
		if n, ok = runtime.MemProfile(records, true); ok {
			records = records[:n]
		}
	}
	counts := make(map[string]int64)
	for i := range records {
		counts[daemonOf(records[i].Stack())] += records[i].AllocObjects
	}
	return counts
}

func daemonOf(stack []uintptr) string {
	frames := runtime.CallersFrames(stack)
	for {
		f, more := frames.Next()
		for _, d := range daemons {
			if strings.HasPrefix(f.Function, "dunnock/"+d+".") || strings.HasPrefix(f.Function, "dunnock/"+d+"/") {
				return d
			}
		}
		if !more {
			return ""
		}
	}
}

// What a task makes a scheduler and a worker allocate, each by itself, in jobs of any size: two pieces of memory at
// most, outside of what its user's code allocates. A job of one task is one at its scheduler, and its payload another;
// at a worker a task is the context that its handler may hold on to, of which 16 are one piece.
func TestAllocationsPerDaemon(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has pools forget what they hold")
	}
	fmt.Fprintln(t.Output(), "pkg: dunnock/scheduler") // as a benchmark would, for internal/counts
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	runtime.MemProfileRate = 1
	for _, policy := range []placement.Policy{placement.LateBinding, placement.IdleOffer} {
		t.Run(policy.String(), func(t *testing.T) {
			c := loopback(t, policy, []byte("result"))
			for _, tt := range []struct {
				tasks int
				most  float64
			}{{1, 2}, {10, 0.8}, {500, 0.05}} {
				tasks, most := tt.tasks, tt.most
				perTask := allocationsPerTask(t, tasks, func(job task.Job) { runJob(t, c, job) })
				t.Logf("jobs of %d: %v", tasks, perTask)
				for _, d := range []string{"scheduler", "worker"} { // rounded, so that what goes on beside it is nothing
					fmt.Fprintf(t.Output(), "BenchmarkAllocations/%v/%s/tasks=%d %d %.1f allocs/task\n", policy, d, tasks, allocated, perTask[d])
				}
				const some = 0.2 // what grows, and what goes on beside it
				if got := perTask["scheduler"]; got > most+some {
					t.Errorf("jobs of %d: a scheduler allocates %.3f times a task, at most %.2f are meant", tasks, got, most)
				}
				if got := perTask["worker"]; got > 1./16+some/2 {
					t.Errorf("jobs of %d: a worker allocates %.3f times a task, 1/16 is meant", tasks, got)
				}
				if got := perTask["client"]; got == 0 { // nobody is counted
					t.Errorf("jobs of %d: a client allocates nothing: %v", tasks, perTask)
				}
			}
		})
	}
}

// Who calls the fleet as one calls a server pays for the job's handle, the channel that its end is waited for with, the
// results, and the value of each.
func TestAllocationsOfDo(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has pools forget what they hold")
	}
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	runtime.MemProfileRate = 1
	c := loopback(t, placement.IdleOffer, []byte("result"))
	for _, tasks := range []int{1, 10} {
		perTask := allocationsPerTask(t, tasks, func(job task.Job) {
			if _, err := c.Do(t.Context(), job); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("jobs of %d: %v", tasks, perTask)
		if got, most := perTask["client"]*float64(tasks), 3+float64(tasks); got > most+0.5 {
			t.Errorf("jobs of %d: a client allocates %.2f times a job, at most %.0f are meant", tasks, got, most)
		}
	}
}

// allocated is how many tasks are run to count what they allocate.
const allocated = 2000

func allocationsPerTask(t *testing.T, tasks int, do func(task.Job)) map[string]float64 {
	t.Helper()
	job := valueJob(tasks)
	for range allocated / tasks {
		do(job)
	}
	before := allocations()
	for range allocated / tasks {
		do(job)
	}
	perTask := make(map[string]float64)
	for d, n := range allocations() {
		perTask[d] = float64(n-before[d]) / allocated
	}
	return perTask
}
