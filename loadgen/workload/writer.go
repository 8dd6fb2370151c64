package workload

import (
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

// Writer writes jobs as NDJSON that [Read] reads back to the nanosecond.
type Writer struct {
	out  io.Writer
	buf  []byte
	jobs int
	last time.Duration
	err  error
}

// writeSize is how much a Writer gathers before it writes.
const writeSize = 64 << 10

// NewWriter returns a Writer onto w. Whoever wants it compressed hands in a gzip writer, and closes it.
func NewWriter(w io.Writer) *Writer { return &Writer{out: w} }

// Write appends a job. Jobs come in the order of their arrival; one that [Read] would not take is refused and not
// written. After a write that failed every call returns its error.
func (w *Writer) Write(j *Job) error {
	if w.err != nil {
		return w.err
	}
	if b := j.check(w.last); b != nil {
		return fmt.Errorf("workload: job %d: %s: %s", w.jobs+1, b.in(ndjsonNames()), b.reason)
	}
	w.jobs++
	w.last = j.At
	w.buf = AppendJob(w.buf, j)
	if len(w.buf) >= writeSize {
		return w.Flush()
	}
	return nil
}

// Flush writes out what is gathered. Call it at the end.
func (w *Writer) Flush() error {
	if w.err != nil || len(w.buf) == 0 {
		return w.err
	}
	n, err := w.out.Write(w.buf)
	if err == nil && n < len(w.buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = fmt.Errorf("workload: writing jobs: %w", err)
	}
	w.buf = w.buf[:0]
	return w.err
}

// AppendJob appends a job as a line of NDJSON with its line end. What says nothing is left out: an empty User, an Est,
// a Priority and a Deadline of 0, one slot, no keys. The job must keep the bounds of [Job].
func AppendJob(b []byte, j *Job) []byte {
	b = append(b, `{"`+nameAt+`":`...)
	b = appendMillis(b, j.At)
	if j.User != "" {
		b = append(b, `,"`+nameUser+`":`...)
		b = appendString(b, j.User)
	}
	b = append(b, `,"`+nameService+`":[`...)
	for i, s := range j.Service {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMillis(b, s)
	}
	b = append(b, ']')
	if j.Est != 0 {
		b = append(b, `,"`+nameEst+`":`...)
		b = appendMillis(b, j.Est)
	}
	if j.Priority != 0 {
		b = append(b, `,"`+namePriority+`":`...)
		b = strconv.AppendInt(b, int64(j.Priority), 10)
	}
	if j.Deadline != 0 {
		b = append(b, `,"`+nameDeadline+`":`...)
		b = appendMillis(b, j.Deadline)
	}
	if j.Slots > 1 {
		b = append(b, `,"`+nameSlots+`":`...)
		b = strconv.AppendInt(b, int64(j.Slots), 10)
	}
	for i, k := range j.Keys {
		if i == 0 {
			b = append(b, `,"`+nameKeys+`":[`...)
		} else {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(k), 10)
		if i+1 == len(j.Keys) {
			b = append(b, ']')
		}
	}
	if !j.Plain() {
		b = AppendDemands(b, j)
	}
	return append(b, "}\n"...)
}

// appendMillis appends a time that is not negative as milliseconds with as many places as it needs, up to six.
func appendMillis(b []byte, d time.Duration) []byte {
	b = strconv.AppendInt(b, int64(d/time.Millisecond), 10)
	part := int64(d % time.Millisecond)
	if part == 0 {
		return b
	}
	b = append(b, '.')
	for unit := int64(time.Millisecond) / 10; part > 0; unit /= 10 {
		b = append(b, byte('0'+part/unit))
		part %= unit
	}
	return b
}

// appendString appends s, which is valid UTF-8, as a JSON string.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
