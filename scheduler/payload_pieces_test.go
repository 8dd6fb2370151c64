package scheduler

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"dunnock/task"
)

// Payloads are what they were, also when the memory is used again that they came in. What is not lent and large is not
// copied.
func TestPayloads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks := make([]task.Task, rapid.IntRange(1, 20).Draw(t, "tasks"))
		want := make([][]byte, len(tasks))
		for i := range tasks {
			size := rapid.OneOf(rapid.Just(0), rapid.IntRange(1, 30), rapid.IntRange(largePayload, 2*largePayload)).Draw(t, "bytes")
			tasks[i].Payload = bytes.Repeat([]byte{byte(i + 1)}, size)
			want[i] = bytes.Clone(tasks[i].Payload)
		}
		lent := rapid.Bool().Draw(t, "lent")
		p := gather(tasks, lent, make([]uint32, len(tasks)))
		if lent {
			for i := range tasks {
				clear(tasks[i].Payload)
			}
		}
		size := payloadBytes(tasks)
		for i := range tasks {
			got := p.of(uint32(i))
			if !bytes.Equal(got, want[i]) {
				t.Fatalf("payload %d of %d is %d bytes, want %d", i, len(tasks), len(got), len(want[i]))
			}
			if large := size >= largePayload*int64(len(tasks)); len(got) > 0 && large && (&got[0] == &tasks[i].Payload[0]) == lent {
				t.Fatalf("payload %d, lent %v, is in the same memory: %v", i, lent, !lent)
			}
		}
	})
}
