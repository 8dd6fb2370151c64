package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"dunnock/internal/chaos/ledger"
	"dunnock/task"
)

// plainJob follows a job by HTTP alone, as a program in any language would: one request for the job, and its events on
// the answer. When that ends too early, the unfinished tasks go to the next scheduler under the same id and the next
// epoch. A job whose tasks may start only once is not submitted again: nobody told this client which of them may have
// started.
type plainJob struct {
	d        *driver
	job      task.Job
	id       string
	seen     []bool // by task: has its outcome
	open     int    // tasks that have none
	accepted bool
	allOK    bool
}

const (
	plainSilence = 3 * time.Second       // an event stream beats every second
	plainPause   = 20 * time.Millisecond // before the next scheduler
)

// silence ends what was not heard of for a while, unless that was for want of listening: who has stood still finds the
// time over, and in its socket all that was said meanwhile; a result that was written to it is nowhere else. So the
// time is counted in short naps, of which one that took long is one.
type silence struct {
	nap time.Duration
	end func()

	mu    sync.Mutex // guards what follows
	timer *time.Timer
	naps  int // since something was heard
}

// silentNaps is of how many naps a silence is.
const silentNaps = 12

func newSilence(limit time.Duration, end func()) *silence {
	s := &silence{nap: limit / silentNaps, end: end}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(s.nap, s.napped)
	return s
}

func (s *silence) napped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.naps++; s.naps >= silentNaps {
		s.end()
		return
	}
	s.timer.Reset(s.nap)
}

func (s *silence) heard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.naps = 0
}

func (s *silence) stop() { s.timer.Stop() }

// plainEvent is a line of the answer.
type plainEvent struct {
	Event   string      `json:"event"`
	Task    int         `json:"task"`
	Outcome string      `json:"outcome"`
	Worker  string      `json:"worker"`
	Attempt int         `json:"attempt"`
	Result  []byte      `json:"result"`
	Error   *plainError `json:"error"`
}

type plainError struct {
	Code string `json:"code"`
}

// followPlain submits a job by HTTP and writes down what becomes of it. It returns whether the job was accepted.
func (d *driver) followPlain(job task.Job) bool {
	p := &plainJob{d: d, job: job, id: job.ID.String(), seen: make([]bool, len(job.Tasks)), open: len(job.Tasks), allOK: true}
	ctx, cancel := context.WithTimeout(context.Background(), job.Deadline+time.Second)
	defer cancel()
	code := ""
	for try := 0; p.open > 0 && ctx.Err() == nil; try++ {
		refused, err := p.submit(ctx, (int(job.ID[0])+try)%len(d.addrs))
		switch {
		case err != nil:
			code = "connection"
		case refused != "":
			code = refused
		}
		if !p.accepted && try+1 == len(d.addrs) || p.accepted && job.Delivery == task.AtMostOnce {
			break
		}
		if p.open > 0 {
			pause(ctx, plainPause)
		}
	}
	if !p.accepted {
		d.write(ledger.Record{Event: ledger.Refuse, Job: p.id, Code: code})
		return false
	}
	for i := range p.seen {
		p.outcome(&plainEvent{Task: i, Outcome: task.Unknown.String(), Error: &plainError{code}}) // of those without
	}
	result := ledger.OK
	if !p.allOK {
		result = ledger.Failed
	}
	d.write(ledger.Record{Event: ledger.Done, Job: p.id, Result: result})
	return true
}

// submit hands the unfinished tasks to one scheduler and reads the answer to its end. It returns the code of a refusal,
// or why the answer broke off.
func (p *plainJob) submit(ctx context.Context, scheduler int) (refused string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silent := newSilence(plainSilence, cancel)
	defer silent.stop()
	body, err := p.body()
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.d.addrs[scheduler]+"/v1/jobs?wait=true", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := p.d.http.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }() // what it held has been read
	if answer.StatusCode != http.StatusOK {
		var refusal struct {
			Error plainError `json:"error"`
		}
		err := json.NewDecoder(answer.Body).Decode(&refusal)
		code := refusal.Error.Code
		if later := answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusServiceUnavailable; later && answer.Header.Get("Retry-After") == "" {
			code += " without Retry-After" // as which it shows in the report
		}
		return code, err
	}
	return "", p.read(answer.Body, scheduler, silent)
}

// read takes the events of an answer.
func (p *plainJob) read(answer io.Reader, scheduler int, silent *silence) error {
	lines := bufio.NewScanner(answer)
	for lines.Scan() {
		silent.heard()
		var e plainEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("an event %q: %w", lines.Bytes(), err)
		}
		switch e.Event {
		case "accepted":
			p.accepted = true
			p.job.Epoch++ // of the next submission
			p.d.write(ledger.Record{Event: ledger.Accept, Job: p.id, Scheduler: "s" + strconv.Itoa(scheduler+1)})
		case "task":
			p.outcome(&e)
		case "done":
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errors.New("the answer ended before the job was done")
}

// outcome writes down a task's first outcome.
func (p *plainJob) outcome(e *plainEvent) {
	if e.Task < 0 || e.Task >= len(p.seen) || p.seen[e.Task] {
		return
	}
	p.seen[e.Task] = true
	p.open--
	r := ledger.Record{Event: ledger.Outcome, Job: p.id, Task: e.Task, Attempt: e.Attempt, Result: e.Outcome, Worker: e.Worker}
	if e.Outcome == ledger.OK {
		r.Proof = string(e.Result)
	} else {
		p.allOK = false
		if e.Error != nil {
			r.Code = e.Error.Code
		}
	}
	p.d.write(r)
}

// body is the job as JSON.
func (p *plainJob) body() ([]byte, error) {
	type plainTask struct {
		Text string `json:"text"`
	}
	tasks := make([]plainTask, len(p.job.Tasks))
	for i := range tasks {
		tasks[i].Text = string(p.job.Tasks[i].Payload)
	}
	spec := map[string]any{"id": p.id, "app": p.job.App, "deadline": p.job.Deadline.String(), "max_attempts": p.job.MaxAttempts, "tasks": tasks}
	if p.job.Delivery == task.AtMostOnce {
		spec["delivery"] = "at-most-once"
	}
	if p.job.Epoch > 0 {
		finished := make([]byte, (len(p.seen)+7)/8)
		for i, seen := range p.seen {
			if seen {
				finished[i/8] |= 1 << (i % 8)
			}
		}
		spec["epoch"], spec["finished"] = p.job.Epoch, finished
	}
	return json.Marshal(spec)
}
