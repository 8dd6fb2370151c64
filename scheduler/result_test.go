package scheduler_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"

	"dunnock/internal/fleettest"
	"dunnock/internal/stream"
	"dunnock/task"
)

// A result that filled one frame on its way from the worker needs several on its way to the client, because more is
// said around it there. It must arrive as it was, however much the worker's connection reads meanwhile.
func TestResultsNearTheSizeOfAFrame(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		f.Worker(strings.Repeat("w", 63), 8, apps(nil), nil)
		synctest.Wait()
		const tasks = 160
		job := task.Job{App: "echo", Tasks: make([]task.Task, tasks)}
		for i := range job.Tasks {
			job.Tasks[i].Payload = bytes.Repeat([]byte{byte(i)}, stream.MaxBody-tasks+i)
		}
		h := fleettest.Submit(t, f.Client(s), job)
		results := fleettest.Wait(t, h)
		for i, r := range results {
			if !bytes.Equal(r.Value, job.Tasks[i].Payload) {
				t.Errorf("the result of %d bytes has changed on its way", len(job.Tasks[i].Payload))
			}
		}
	})
}
