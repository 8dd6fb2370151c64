package scheduler

import (
	"bufio"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"dunnock/internal/api"
	"dunnock/internal/bitmap"
	"dunnock/internal/stream"
	"dunnock/task"
)

const (
	beatInterval   = time.Second      // of silence, after which an event stream says that it lives
	eventWriteTime = 10 * time.Second // for one write, after which its reader has stopped reading
	eventsPerWrite = 256
	flushBytes     = 64 << 10 // said, after which it is written, so that it counts as sent
)

// eventStream is one HTTP client that follows a job. It reads the job's own record, so it needs no
// queue: a slow reader holds up nothing but itself.
type eventStream struct {
	s     *Scheduler
	job   *job
	owner bool   // the job ends with the stream
	has   []byte // bitmap of tasks whose outcome the client has, and does not hear again
	out   eventWriter
	sent  int           // of job.order
	heard int           // of job.retries
	scan  scan          // of what it has missed of them
	said  int           // of both, that are in out, flushed or not
	doubt chan struct{} // capacity 1: whether the client is still there has to be found out
	asked bool          // it has not been yet; guarded by Scheduler.mu

	patience time.Duration // for how long that may take
}

func newEventStream(s *Scheduler, has []byte) *eventStream {
	return &eventStream{s: s, has: has, doubt: make(chan struct{}, 1), patience: eventWriteTime}
}

// answer answers with NDJSON events until the job is done. The connection is hijacked, since only so its end is noticed
// when the client has no more to say.
func (es *eventStream) answer(ctx *fasthttp.RequestCtx) {
	s, j := es.s, es.job
	chunked := ctx.Request.Header.IsHTTP11()
	head := ctx.IsHead()
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(c net.Conn) {
		raw := c
		if u, ok := c.(interface{ UnsafeConn() net.Conn }); ok {
			raw = u.UnsafeConn() // its Close closes
		}
		es.out = eventWriter{conn: raw, w: bufio.NewWriterSize(raw, 32<<10), chunked: chunked}
		life, ok := s.admit()
		if ok {
			s.countReader(j, 1)
			defer s.countReader(j, -1)
			defer s.conns.Done()
			gone := make(chan struct{})
			reader := make(chan struct{})
			go func() { // ends with the connection
				defer close(reader)
				s.listen(c, raw)
				close(gone)
			}()
			err := es.run(life.Done(), gone, head)
			_ = raw.Close()
			<-reader
			if err != nil {
				s.node.Logger.Debug("event stream ended early", slog.String("job", j.spec.ID.String()), slog.Any("reason", err))
			}
		}
		es.leave()
	})
}

// listen returns when the client is gone: it has hung up, or is not heard any more. What it says is not answered. A
// client that is there acknowledges what it is sent, a beat each second at least. Its machine is looked at each beat of
// ours, and given up when it has acknowledged nothing for the rest of a lease at two looks in a row.
func (s *Scheduler) listen(c, raw net.Conn) {
	b := make([]byte, 512)
	look := s.cfg.Stream.BeatInterval
	maxOwing := s.cfg.Stream.Lease - look
	for owing := false; ; {
		_ = c.SetReadDeadline(time.Now().Add(look))
		if _, err := c.Read(b); err != nil && !timedOut(err) {
			return
		}
		was := owing
		if owing = stream.Owing(raw) > maxOwing; owing && was {
			_ = raw.Close() // whoever writes to it is not to wait either
			return
		}
	}
}

// timedOut reports whether a read has waited for as long as it was to. Not every connection in memory says so by a
// net.Error.
func timedOut(err error) bool {
	late, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && late.Timeout()
}

// countReader keeps a finished job for as long as it is being read.
func (s *Scheduler) countReader(j *job, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.readers += n
}

var errSlowReader = errors.New("the client reads too slowly: a result had to be dropped")

var errReaderStopped = errors.New("the client does not read")

var errReaderGone = errors.New("the client has hung up")

func (es *eventStream) run(stop, gone <-chan struct{}, head bool) error {
	if err := es.out.begin(); err != nil || head {
		return err
	}
	if err := es.out.event(api.Event{Event: "accepted", Job: es.job.spec.ID.String()}); err != nil {
		return err
	}
	beat := time.NewTicker(beatInterval)
	defer beat.Stop()
	for {
		done, changed, err := es.catchUp()
		if err != nil {
			return err
		}
		if done {
			if err := es.out.end(); err != nil {
				return err
			}
			es.settle()
			return nil
		}
		if changed == nil {
			continue // more is there already
		}
		if err := es.flush(); err != nil {
			return err
		}
		beat.Reset(beatInterval)
		select {
		case <-stop:
			return errStopped
		case <-gone:
			return errReaderGone
		case <-es.doubt:
			if err := es.prove(stop, gone); err != nil {
				return err
			}
		case <-changed:
		case <-beat.C:
			if err := es.out.event(api.Event{Event: "beat"}); err != nil {
				return err
			}
		}
	}
}

// said is an event that is to be written: a task's outcome, or an attempt in vain.
type said struct {
	task  api.TaskEvent
	retry *api.RetryEvent
	place int // behind it, among what is said of the job
}

// catchUp writes what has happened since it last did: a bounded piece of it. With nothing left it
// returns a channel that is closed when there is more.
func (es *eventStream) catchUp() (done bool, changed <-chan struct{}, err error) {
	var end *api.DoneEvent
	j := es.job
	es.s.mu.Lock()
	if (es.owner && j.dropped) || (j.forgotten && es.sent < len(j.order)) {
		es.s.mu.Unlock()
		return false, nil, errSlowReader
	}
	events, all := es.collect()
	if all {
		if j.outcome != 0 {
			end = &api.DoneEvent{Event: "done", Outcome: j.outcome.String(), Tasks: j.tasks.len(), Failed: j.failed, Error: j.fault()}
		} else {
			if j.changed == nil {
				j.changed = make(chan struct{})
			}
			changed = j.changed
		}
	}
	place := es.sent + es.heard
	es.s.mu.Unlock()
	for i := range events {
		e := &events[i]
		var line any = &e.task
		if e.retry != nil {
			line = e.retry
		}
		if err := es.out.event(line); err != nil {
			return false, nil, err
		}
		es.said = e.place
		if es.out.size > flushBytes {
			if err := es.flush(); err != nil {
				return false, nil, err
			}
		}
	}
	es.said = place
	if end != nil {
		return true, nil, es.out.event(end)
	}
	return false, changed, nil
}

// collect returns what is to be said next, and whether that is all there is. It runs under the lock.
func (es *eventStream) collect() (events []said, all bool) {
	j := es.job
	for len(events) < eventsPerWrite {
		if r, more := es.nextRetry(); more {
			if r == nil {
				return events, false // others want the lock
			}
			if !bitmap.Has(es.has, uint32(r.Task)) {
				events = append(events, said{retry: r, place: es.sent + es.heard})
			}
			continue
		}
		if es.sent == len(j.order) {
			return events, true
		}
		i := j.order[es.sent]
		es.sent++
		if !bitmap.Has(es.has, i) {
			events = append(events, said{task: taskEvent(int(i), j.tasks.read(int(i))), place: es.sent + es.heard})
		}
		if es.owner {
			es.s.release(j, j.tasks.write(int(i)))
		}
	}
	return events, false
}

// taskEvent runs under the lock. Values are never changed in place, so the event may be written after it.
func taskEvent(i int, rec *record) api.TaskEvent {
	e := api.TaskEvent{
		Event: "task", Task: i, Outcome: rec.outcome.String(), Worker: rec.worker, Attempt: int(rec.attempt),
		WaitMS: api.Millis(rec.wait), ServiceMS: api.Millis(rec.service), Result: rec.value, Error: rec.err,
	}
	if e.Result == nil && rec.outcome == task.OK {
		e.Result = []byte{}
	}
	return e
}

// eventWriter writes an HTTP answer of JSON lines, in chunks where the client knows them.
type eventWriter struct {
	conn    net.Conn
	w       *bufio.Writer
	chunked bool
	size    int // bytes of events since it was flushed
	digits  []byte
}

func (ew *eventWriter) begin() error {
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nCache-Control: no-store\r\nConnection: close\r\n"
	if ew.chunked {
		head += "Transfer-Encoding: chunked\r\n"
	}
	if err := ew.allow(); err != nil {
		return err
	}
	if _, err := ew.w.WriteString(head + "\r\n"); err != nil {
		return err
	}
	return ew.w.Flush()
}

func (ew *eventWriter) allow() error { return ew.conn.SetWriteDeadline(time.Now().Add(eventWriteTime)) }

func (ew *eventWriter) event(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := ew.allow(); err != nil {
		return err
	}
	if ew.chunked {
		ew.digits = strconv.AppendInt(ew.digits[:0], int64(len(line)+1), 16)
		ew.digits = append(ew.digits, '\r', '\n')
		_, _ = ew.w.Write(ew.digits) // bufio remembers its first error
	}
	ew.size += len(line)
	_, _ = ew.w.Write(line)
	_ = ew.w.WriteByte('\n')
	if ew.chunked {
		_, err = ew.w.WriteString("\r\n")
		return err
	}
	return nil
}

func (ew *eventWriter) flush() error {
	if err := ew.allow(); err != nil {
		return err
	}
	ew.size = 0
	return ew.w.Flush()
}

func (ew *eventWriter) end() error {
	if ew.chunked {
		if _, err := ew.w.WriteString("0\r\n\r\n"); err != nil {
			return err
		}
	}
	return ew.flush()
}
