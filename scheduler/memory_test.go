package scheduler_test

import (
	"context"
	"encoding/binary"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"

	"dunnock/internal/fleettest"
	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/probe"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/task"
	"dunnock/worker"
)

// acceptances counts what a scheduler accepts on a connection that keeps nothing of the jobs, as a client would.
type acceptances int

func (n *acceptances) Message(kind uint8, _ []byte) error {
	if submission.Kind(kind) == submission.KindAccepted {
		*n++
	}
	return nil
}

func (n *acceptances) Flush() {}

// jobsThatWait are what a user may submit, and what each task that waits may take beside its payload. What differs from
// task to task is its user's: a key of its own takes a group at the core, and a job takes what it takes however few
// tasks it has.
var jobsThatWait = map[string]struct {
	tasks int
	most  float64
	tune  func(j *task.Job)
}{
	"plain":    {1000, 80, func(*task.Job) {}},
	"one zone": {1000, 80, func(j *task.Job) { j.Require = map[string]string{"zone": "z1"} }},
	"some zones": {1000, 80, func(j *task.Job) {
		each(j, func(i int, t *task.Task) { t.Require = map[string]string{"zone": "z" + strconv.Itoa(i%4)} })
	}},
	"some preferences": {1000, 80, func(j *task.Job) {
		each(j, func(i int, t *task.Task) { t.Prefer = map[string]string{"zone": "z" + strconv.Itoa(i%4)} })
	}},
	"some exclusions": {1000, 80, func(j *task.Job) {
		each(j, func(i int, t *task.Task) { t.Exclude = []string{"w" + strconv.Itoa(i%3)} })
	}},
	"some keys":      {1000, 80, func(j *task.Job) { each(j, func(i int, t *task.Task) { t.Affinity = "key/" + strconv.Itoa(i%10) }) }},
	"two slots":      {1000, 80, func(j *task.Job) { j.Slots = 2 }},
	"a key for each": {1000, 256, func(j *task.Job) { each(j, func(i int, t *task.Task) { t.Affinity = "key/" + strconv.Itoa(i) }) }},
	"one task":       {1, 1536, func(*task.Job) {}},
}

func each(j *task.Job, do func(i int, t *task.Task)) {
	for i := range j.Tasks {
		do(i, &j.Tasks[i])
	}
}

// A task that waits costs its scheduler little beside its payload, and no goroutine.
func TestMemoryOfWaitingTasks(t *testing.T) {
	for _, policy := range []placement.Policy{placement.LateBinding, placement.IdleOffer} {
		for name, tc := range jobsThatWait {
			t.Run(policy.String()+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { memoryOfWaitingTasks(t, policy, tc.tasks, tc.most, tc.tune) })
			})
		}
	}
}

func memoryOfWaitingTasks(t *testing.T, policy placement.Policy, tasks int, most float64, tune func(*task.Job)) {
	t.Helper()
	f := fleettest.New(t)
	defer f.Stop()
	hold := func(ctx context.Context, _ worker.Task) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
	s := f.Scheduler("s1", func(c *scheduler.Config) { c.Policy = policy })
	for i := range 4 {
		f.Worker("w"+strconv.Itoa(i), 2, map[string]worker.Handler{"hold": hold}, func(c *worker.Config) { c.Labels = map[string]string{"zone": "z" + strconv.Itoa(i)} })
	}
	synctest.Wait()
	conn, err := stream.Dial(t.Context(), f.Dial, s.Addr, probe.StreamPath, nil, stream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	hello := probe.Hello{Version: probe.Version, Role: probe.RoleClient}
	conn.Send(uint8(probe.KindHello), nil, probe.AppendHello(nil, &hello))
	var accepted acceptances
	ended := make(chan struct{})
	go func() { _ = conn.Run(t.Context(), &accepted); close(ended) }()

	const payload, jobs, warm = 16, 20, 10
	job := (&task.Job{App: "hold", Tasks: make([]task.Task, tasks)}).WithDefaults()
	for i := range job.Tasks {
		job.Tasks[i].Payload = make([]byte, payload)
	}
	tune(&job)
	submit := func(seq uint32) {
		binary.LittleEndian.PutUint32(job.ID[:], seq)
		conn.Send(uint8(submission.KindSubmit), submission.AppendSubmitHead(nil, seq, &job), submission.AppendJob(nil, &job))
		conn.Flush()
		synctest.Wait()
	}
	n := jobs * max(1, 50/tasks)
	for seq := range uint32(warm) { // with which all slots are taken, and all buffers have their size
		submit(seq + 1)
	}
	goroutines := runtime.NumGoroutine()
	before := liveHeap()
	for seq := range uint32(n) {
		submit(seq + warm + 1)
	}
	grown, all := liveHeap()-before, n*tasks
	if int(accepted) != n+warm {
		t.Fatalf("%d of %d jobs were accepted", accepted, n+warm)
	}
	per := float64(grown)/float64(all) - payload
	t.Logf("%.1f bytes for each of %d tasks that wait, beside the payload", per, all)
	if per > most {
		t.Errorf("a task that waits takes %.1f bytes beside its payload, want at most %.0f", per, most)
	}
	const few = 10 // that come and go, whatever waits
	if n := runtime.NumGoroutine(); n > goroutines+few {
		t.Errorf("%d goroutines, with %d jobs there were %d", n, warm, goroutines)
	}
	conn.Close(stream.ErrClosed)
	<-ended
}

// liveHeap is how many bytes are in use.
func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what a pool held is gone after the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
