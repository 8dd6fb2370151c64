package scheduler_test

import (
	"context"
	"encoding/binary"
	"runtime"
	"testing"
	"testing/synctest"

	"dunnock/internal/fleettest"
	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/probe"
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

// A task that waits costs its scheduler little beside its payload, and no goroutine.
func TestMemoryOfWaitingTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t)
		defer f.Stop()
		hold := func(ctx context.Context, _ worker.Task) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
		s := f.Scheduler("s1", nil)
		f.Worker("w1", 1, map[string]worker.Handler{"hold": hold}, nil)
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

		const jobs, tasks, payload, most = 100, 1000, 16, 256
		job := (&task.Job{App: "hold", Tasks: make([]task.Task, tasks)}).WithDefaults()
		for i := range job.Tasks {
			job.Tasks[i].Payload = make([]byte, payload)
		}
		submit := func(seq uint32) {
			binary.LittleEndian.PutUint32(job.ID[:], seq)
			conn.Send(uint8(submission.KindSubmit), submission.AppendSubmitHead(nil, seq, &job), submission.AppendJob(nil, &job))
			conn.Flush()
			synctest.Wait()
		}
		submit(1) // and with that all buffers have their size
		goroutines := runtime.NumGoroutine()
		before := liveHeap()
		for seq := range uint32(jobs) {
			submit(seq + 2)
		}
		grown := liveHeap() - before
		if accepted != jobs+1 {
			t.Fatalf("%d of %d jobs were accepted", accepted, jobs+1)
		}
		per := float64(grown)/(jobs*tasks) - payload
		t.Logf("%.1f bytes for each of %d tasks that wait, beside the payload", per, jobs*tasks)
		if per > most {
			t.Errorf("a task that waits takes %.1f bytes beside its payload, want at most %d", per, most)
		}
		if n := runtime.NumGoroutine(); n > goroutines {
			t.Errorf("%d goroutines, with one job there were %d", n, goroutines)
		}
		conn.Close(stream.ErrClosed)
		<-ended
	})
}

// liveHeap is how many bytes are in use.
func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what a pool held is gone after the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
