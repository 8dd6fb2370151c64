package main

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// centralContender is the simplest thing that places well: one queue in the memory of one process. A client sends a job
// in one request, which is answered when it is done; each slot of a worker asks for its next task in the request that
// brings the last one's result, and the answer is held back until there is one.
func centralContender() contender {
	return contender{
		name: "central", what: "a central queue in memory, over fasthttp",
		setup: "a request per job; a kept connection per slot, over which one request brings a result and takes the next task as soon as there is one",
		lacks: "no retry, no cancellation, no second one: what it holds is lost with it, and so is the task of a worker that ends",
		broker: func(ctx context.Context, _ *setup, ready func(string)) error {
			q := &centralQueue{running: map[uint64]*centralTask{}}
			return serveHTTP(ctx, func(r *fasthttp.RequestCtx) {
				if string(r.Path()) == "/job" {
					q.job(r)
				} else {
					q.next(r)
				}
			}, ready)
		},
		worker: func(ctx context.Context, s *setup, ready func(string)) error {
			e := newExecutor(s.Slots)
			defer e.close()
			ready("-")
			host := newHostClient(s.Broker)
			faults := make(chan error, s.Slots)
			for range s.Slots {
				go func() { faults <- pull(ctx, host, e) }()
			}
			select {
			case <-ctx.Done(): // what is held back ends with the process
				return nil
			case err := <-faults:
				return err
			}
		},
		client: func(_ context.Context, s *setup) (submitter, error) {
			return &centralClient{newHostClient(s.Broker)}, nil
		},
	}
}

// centralTask is a task that waits or runs.
type centralTask struct {
	job     *centralJob
	index   int
	payload []byte
}

type centralJob struct {
	results []byte
	left    atomic.Int32
	done    chan struct{}
}

// centralQueue is first come, first served, for tasks and for slots.
type centralQueue struct {
	mu      sync.Mutex // guards all below
	waiting []*centralTask
	head    int                 // of waiting
	slots   []chan *centralTask // of capacity 1: they wait, and those of longest standing are served first
	running map[uint64]*centralTask
	lastID  uint64
}

// job takes the tasks of a job, one after the other in the body, and answers with their results in the same order.
func (q *centralQueue) job(r *fasthttp.RequestCtx) {
	body := r.PostBody() // is there until the handler returns
	n := len(body) / payloadBytes
	j := &centralJob{results: make([]byte, n*resultBytes), done: make(chan struct{})}
	j.left.Store(int32(n))
	tasks := make([]centralTask, n)
	for i := range tasks {
		tasks[i] = centralTask{job: j, index: i, payload: body[i*payloadBytes : (i+1)*payloadBytes]}
	}
	q.mu.Lock()
	for i := range tasks {
		if len(q.slots) > 0 {
			q.slots[0] <- &tasks[i]
			q.slots = q.slots[1:]
		} else {
			q.waiting = append(q.waiting, &tasks[i])
		}
	}
	q.mu.Unlock()
	<-j.done
	r.Response.SetBodyRaw(j.results)
}

const taskHeader = 8 // bytes: the number that a worker gives back with the result

// next takes a result, if there is one, and answers with the next task.
func (q *centralQueue) next(r *fasthttp.RequestCtx) {
	body := r.PostBody()
	var slot chan *centralTask
	var t, ended *centralTask
	q.mu.Lock()
	if len(body) == taskHeader+resultBytes {
		id := binary.LittleEndian.Uint64(body)
		ended = q.running[id]
		delete(q.running, id)
	}
	if q.head < len(q.waiting) {
		t = q.waiting[q.head]
		q.waiting[q.head] = nil
		if q.head++; q.head == len(q.waiting) {
			q.waiting, q.head = q.waiting[:0], 0
		}
	} else {
		slot = make(chan *centralTask, 1)
		q.slots = append(q.slots, slot)
	}
	q.mu.Unlock()
	if ended != nil {
		copy(ended.job.results[ended.index*resultBytes:], body[taskHeader:])
		if ended.job.left.Add(-1) == 0 {
			close(ended.job.done)
		}
	}
	if t == nil {
		t = <-slot
	}
	q.mu.Lock()
	q.lastID++
	id := q.lastID
	q.running[id] = t
	q.mu.Unlock()
	answer := binary.LittleEndian.AppendUint64(make([]byte, 0, taskHeader+payloadBytes), id)
	r.Response.SetBodyRaw(append(answer, t.payload...))
}

// pull is one slot: it runs one task after the other.
func pull(ctx context.Context, host *fasthttp.HostClient, e *executor) error {
	last := make([]byte, 0, taskHeader+resultBytes)
	for {
		err := post(host, "/next", last, func(answer []byte) error {
			if len(answer) <= taskHeader {
				return errShort
			}
			last = append(last[:0], answer[:taskHeader]...)
			last = append(last, make([]byte, resultBytes)...)
			return e.run(ctx, answer[taskHeader:], last[taskHeader:])
		})
		if err != nil {
			return err
		}
	}
}

type centralClient struct{ host *fasthttp.HostClient }

func (c *centralClient) do(_ context.Context, payloads [][]byte, served []time.Duration) error {
	body := make([]byte, 0, len(payloads)*payloadBytes)
	for _, p := range payloads {
		body = append(body, p...)
	}
	return post(c.host, "/job", body, func(answer []byte) (err error) {
		if len(answer) != len(served)*resultBytes {
			return errors.New("not all results are there")
		}
		for i := range served {
			if served[i], err = readServed(answer[i*resultBytes : (i+1)*resultBytes]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *centralClient) close() error {
	c.host.CloseIdleConnections()
	return nil
}
