package scheduler

import (
	"log/slog"

	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// mute reports whether the client is to hear nothing more, because this process is ending at once: its connections to
// workers end too, and what would be said of the tasks there is not true. The client finds another scheduler, which
// asks the workers.
func (c *client) mute() bool { return c.s.ctx.Err() != nil }

// sendTask appends a task's outcome to the client's connection.
func (c *client) sendTask(t *turn, seq uint32, j *job, index uint32, value []byte, r receipt) {
	if c.mute() {
		return
	}
	rec := j.tasks.read(int(index))
	m := submission.TaskDone{
		Seq: seq, Task: index, Outcome: rec.outcome, Attempt: rec.attempt, Wait: rec.wait, Service: rec.service, Worker: []byte(rec.worker),
	}
	if rec.err != nil {
		m.Code, m.Message, m.Detail = rec.err.Code, []byte(rec.err.Message), []byte(rec.err.Detail)
	}
	c.head = submission.AppendTaskDoneHead(c.head[:0], &m)
	j.large = j.large || len(c.head)+len(value) > stream.MaxBody
	mark := c.conn.Send(uint8(submission.KindTaskDone), c.head, value)
	c.sent(j, sentResult{mark: mark, receipt: r, job: j, size: int32(len(value))})
	t.batch.Add(c.conn)
}

// sendRetry appends that an attempt was in vain: the client counts them, should it have to hand the job to another
// scheduler.
func (c *client) sendRetry(t *turn, seq uint32, j *job, e *placement.Effect, r receipt) {
	if c.mute() {
		return
	}
	why := t.inVain(j, e)
	c.head = submission.AppendTaskRetry(c.head[:0], &submission.TaskRetry{
		Seq: seq, Task: e.Task, Attempt: e.Attempt, Worker: []byte(j.tasks.read(int(e.Task)).worker), Code: why.Code, Message: []byte(why.Message), Detail: []byte(why.Detail),
	})
	mark := c.conn.Send(uint8(submission.KindTaskRetry), c.head, nil)
	c.sent(j, sentResult{mark: mark, receipt: r, job: j, size: int32(len(why.Message) + len(why.Detail))})
	t.batch.Add(c.conn)
}

// sendSuperseded appends that the job has another owner, and forgets its number.
func (c *client) sendSuperseded(t *turn, seq uint32) {
	c.jobs.Forget(seq)
	m := submission.TaskDone{Seq: seq, Outcome: task.Unknown, Code: task.CodeSuperseded, Message: []byte(errSuperseded.Message)}
	c.conn.SendAfter(uint8(submission.KindTaskDone), submission.AppendTaskDoneHead(nil, &m), nil)
	t.batch.Add(c.conn)
}

// sendDone appends the end of a job, behind all its tasks, and forgets the job's number.
func (c *client) sendDone(t *turn, seq uint32, j *job) {
	c.jobs.Forget(seq)
	if c.mute() {
		return
	}
	var body [16]byte
	head := submission.AppendJobDone(body[:0], submission.JobDone{Seq: seq, Outcome: j.outcome, Failed: uint32(j.failed)})
	if j.large {
		c.conn.SendAfter(uint8(submission.KindJobDone), head, nil)
	} else { // others' results it need not wait for
		c.conn.Send(uint8(submission.KindJobDone), head, nil)
	}
	t.batch.Add(c.conn)
	if c.s.node.Logger.Enabled(c.s.ctx, slog.LevelDebug) {
		c.s.node.Logger.Debug("job finished", slog.String("job", j.spec.ID.String()), slog.String("outcome", j.outcome.String()))
	}
}
