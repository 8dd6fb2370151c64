package submission

import (
	"math"

	"dunnock/internal/wire"
	"dunnock/task"
)

const maxText = 64 << 10 // of an error's message or detail

// AppendLimits appends the encoding of m.
func AppendLimits(b []byte, m Limits) []byte {
	b = wire.AppendUint(b, uint64(m.Job.MaxTasks))
	b = wire.AppendUint(b, uint64(m.Job.MaxPayloadBytes))
	b = wire.AppendUint(b, uint64(m.Job.MaxJobBytes))
	return wire.AppendUint(b, uint64(m.MessageBytes))
}

// DecodeLimits reads a Limits.
func DecodeLimits(body []byte) (Limits, error) {
	r := wire.NewReader(body)
	var m Limits
	m.Job.MaxTasks = int(r.Uint(math.MaxInt32))
	m.Job.MaxPayloadBytes = int(r.Uint(math.MaxInt32))
	m.Job.MaxJobBytes = int(r.Uint(math.MaxInt64))
	m.MessageBytes = int(r.Uint(math.MaxInt64))
	return m, r.Close()
}

// AppendCancel appends the encoding of m.
func AppendCancel(b []byte, m Cancel) []byte { return wire.AppendUint(b, uint64(m.Seq)) }

// DecodeCancel reads a Cancel.
func DecodeCancel(body []byte) (Cancel, error) {
	r := wire.NewReader(body)
	m := Cancel{Seq: r.Uint32()}
	return m, r.Close()
}

// AppendAccepted appends the encoding of m.
func AppendAccepted(b []byte, m Accepted) []byte { return wire.AppendUint(b, uint64(m.Seq)) }

// DecodeAccepted reads an Accepted.
func DecodeAccepted(body []byte) (Accepted, error) {
	r := wire.NewReader(body)
	m := Accepted{Seq: r.Uint32()}
	return m, r.Close()
}

// AppendRejected appends the encoding of m.
func AppendRejected(b []byte, m Rejected) []byte {
	b = wire.AppendUint(b, uint64(m.Seq))
	b = wire.AppendString(b, string(m.Err.Code))
	b = wire.AppendString(b, m.Err.Message)
	b = wire.AppendString(b, m.Err.Detail)
	return wire.AppendUint(b, uint64(max(m.Err.RetryAfterMS, 0)))
}

// DecodeRejected reads a Rejected.
func DecodeRejected(body []byte) (Rejected, error) {
	r := wire.NewReader(body)
	m := Rejected{Seq: r.Uint32(), Err: new(task.Error)}
	m.Err.Code = task.Code(r.String(task.MaxNameLen))
	m.Err.Message = r.String(maxText)
	m.Err.Detail = r.String(maxText)
	m.Err.RetryAfterMS = int64(r.Uint(math.MaxInt64))
	return m, r.Close()
}

// AppendTaskDoneHead appends all of m but its value, which must follow it and end the message.
func AppendTaskDoneHead(b []byte, m *TaskDone) []byte {
	b = wire.AppendUint(b, uint64(m.Seq))
	b = wire.AppendUint(b, uint64(m.Task))
	b = wire.AppendUint(b, uint64(m.Outcome))
	b = wire.AppendUint(b, uint64(m.Attempt))
	b = wire.AppendDuration(b, m.Wait)
	b = wire.AppendDuration(b, m.Service)
	b = wire.AppendBytes(b, m.Worker)
	b = wire.AppendString(b, string(m.Code))
	if m.Code != "" {
		b = wire.AppendBytes(b, m.Message)
		b = wire.AppendBytes(b, m.Detail)
	}
	return b
}

// DecodeTaskDone reads a TaskDone.
func DecodeTaskDone(body []byte) (TaskDone, error) {
	r := wire.NewReader(body)
	m := TaskDone{Seq: r.Uint32(), Task: r.Uint32(), Outcome: task.Outcome(r.Uint8()), Attempt: r.Uint16()}
	m.Wait, m.Service = r.Duration(), r.Duration()
	m.Worker = r.Bytes(task.MaxNameLen)
	if code := r.Bytes(task.MaxNameLen); len(code) > 0 {
		m.Code = task.Code(code)
		m.Message = r.Bytes(maxText)
		m.Detail = r.Bytes(maxText)
	}
	m.Value = r.Rest()
	if m.Outcome < task.OK || m.Outcome > task.Unknown {
		return TaskDone{}, wire.ErrMalformed
	}
	return m, r.Close()
}

// AppendJobDone appends the encoding of m.
func AppendJobDone(b []byte, m JobDone) []byte {
	b = wire.AppendUint(b, uint64(m.Seq))
	b = wire.AppendUint(b, uint64(m.Outcome))
	return wire.AppendUint(b, uint64(m.Failed))
}

// DecodeJobDone reads a JobDone.
func DecodeJobDone(body []byte) (JobDone, error) {
	r := wire.NewReader(body)
	m := JobDone{Seq: r.Uint32(), Outcome: task.Outcome(r.Uint8()), Failed: r.Uint32()}
	if m.Outcome < task.OK || m.Outcome > task.Unknown {
		return JobDone{}, wire.ErrMalformed
	}
	return m, r.Close()
}

// AppendTaskRetry appends the encoding of m.
func AppendTaskRetry(b []byte, m *TaskRetry) []byte {
	b = wire.AppendUint(b, uint64(m.Seq))
	b = wire.AppendUint(b, uint64(m.Task))
	b = wire.AppendUint(b, uint64(m.Attempt))
	b = wire.AppendBytes(b, m.Worker)
	b = wire.AppendString(b, string(m.Code))
	b = wire.AppendBytes(b, m.Message)
	return wire.AppendBytes(b, m.Detail)
}

// DecodeTaskRetry reads a TaskRetry.
func DecodeTaskRetry(body []byte) (TaskRetry, error) {
	r := wire.NewReader(body)
	m := TaskRetry{Seq: r.Uint32(), Task: r.Uint32(), Attempt: r.Uint16(), Worker: r.Bytes(task.MaxNameLen), Code: task.Code(r.String(task.MaxNameLen))}
	m.Message, m.Detail = r.Bytes(maxText), r.Bytes(maxText)
	return m, r.Close()
}

// AppendLeave appends the encoding of m: nothing.
func AppendLeave(b []byte, _ Leave) []byte { return b }

// DecodeLeave reads a Leave.
func DecodeLeave(body []byte) (Leave, error) {
	r := wire.NewReader(body)
	return Leave{}, r.Close()
}

// AppendAsk appends the encoding of m: nothing.
func AppendAsk(b []byte, _ Ask) []byte { return b }

// DecodeAsk reads an Ask.
func DecodeAsk(body []byte) (Ask, error) {
	r := wire.NewReader(body)
	return Ask{}, r.Close()
}

// AppendStill appends the encoding of m.
func AppendStill(b []byte, m Still) []byte {
	b = wire.AppendUint(b, uint64(len(m.Seqs)))
	for _, seq := range m.Seqs {
		b = wire.AppendUint(b, uint64(seq))
	}
	return b
}

// DecodeStill reads a Still.
func DecodeStill(body []byte) (Still, error) {
	r := wire.NewReader(body)
	var m Still
	if n := r.Uint(uint64(r.Len())); n > 0 { // each takes at least one byte
		m.Seqs = make([]uint32, n)
		for i := range m.Seqs {
			m.Seqs[i] = r.Uint32()
		}
	}
	return m, r.Close()
}
