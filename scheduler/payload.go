package scheduler

import (
	"math"

	"dunnock/task"
)

// payloads are those of a job's tasks. Small ones lie one behind the other, each known by its end: the message or the
// text that they came in has more in it than they, and to say where each is would take more than many of them have.
type payloads struct {
	all   []byte
	ends  []uint32 // by task; nil: there is one task, or none has any
	large [][]byte // by task, if they are kept where they were
}

// largePayload is from how many bytes on, on average, payloads are kept where they were.
const largePayload = 4 << 10

// gather takes the payloads of tasks. They are copied if they are lent, and if they are small. ends is memory for as
// many numbers.
func gather(tasks []task.Task, lent bool, ends []uint32) payloads {
	size := payloadBytes(tasks)
	switch {
	case !lent && len(tasks) == 1:
		return payloads{all: tasks[0].Payload}
	case !lent && size >= largePayload*int64(len(tasks)), size > math.MaxUint32:
		p := payloads{large: make([][]byte, len(tasks))}
		for i := range tasks {
			p.large[i] = tasks[i].Payload
		}
		return p
	case size == 0:
		return payloads{}
	}
	p := payloads{all: make([]byte, 0, size)}
	for i := range tasks {
		p.all = append(p.all, tasks[i].Payload...)
		if len(tasks) > 1 {
			ends[i] = uint32(len(p.all))
		}
	}
	if len(tasks) > 1 {
		p.ends = ends
	}
	return p
}

// of returns the payload of a task.
func (p *payloads) of(i uint32) []byte {
	switch {
	case p.large != nil:
		return p.large[i]
	case p.ends == nil:
		return p.all
	}
	from := uint32(0)
	if i > 0 {
		from = p.ends[i-1]
	}
	return p.all[from:p.ends[i]]
}

// payloadBytes is how many bytes the payloads of tasks have.
func payloadBytes(tasks []task.Task) int64 {
	var n int64
	for i := range tasks {
		n += int64(len(tasks[i].Payload))
	}
	return n
}
