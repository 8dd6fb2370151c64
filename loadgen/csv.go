package loadgen

import (
	"bufio"
	"encoding/csv"
	"io"
	"strconv"
	"time"
)

// line is one job for the CSV. Times are since the start of the run.
type line struct {
	*job
	sent, accepted, ended time.Duration
	wait, service         time.Duration // of the task whose outcome came last, if that is ok
	tookPart              bool          // a scheduler took it
	scheduler             string
	failed                int    // tasks
	code                  string // empty: none
}

// csvHeader names the columns, times in milliseconds: the run; the job's number in the workload, from 0; whether it is
// of the warm-up; its intended start; how late it was sent, when it was accepted since then; its response; wait and
// service of the task that ended last, and the rest of the response; its user, its tasks and those that did not end ok;
// the scheduler that took it; and the code of its error.
func csvHeader() []string {
	return []string{
		"run", "job", "warmup", "at_ms", "lag_ms", "accept_ms", "response_ms", "wait_ms", "service_ms", "rest_ms", "user", "tasks", "failed",
		"scheduler", "error",
	}
}

// csvWriter writes a line for each job, in the order of their ends. A nil one writes nothing.
type csvWriter struct {
	out  *csv.Writer
	buf  *bufio.Writer
	run  string
	cols []string
}

// newCSVWriter writes the header before the first run.
func newCSVWriter(w io.Writer, run int) *csvWriter {
	c := &csvWriter{buf: bufio.NewWriterSize(w, 64<<10), run: strconv.Itoa(run)}
	c.out = csv.NewWriter(c.buf)
	if run == 1 {
		_ = c.out.Write(csvHeader()) // flush tells
	}
	return c
}

func (c *csvWriter) job(l *line) {
	if c == nil {
		return
	}
	warmup := "1"
	if l.counted {
		warmup = "0"
	}
	c.cols = append(c.cols[:0], c.run, strconv.Itoa(l.index), warmup, millis(l.at), millis(l.sent-l.at))
	switch {
	case !l.tookPart:
		c.cols = append(c.cols, "", "", "", "", "")
	case l.service == 0 && l.wait == 0:
		c.cols = append(c.cols, millis(l.accepted-l.sent), millis(l.ended-l.at), "", "", "")
	default:
		c.cols = append(c.cols, millis(l.accepted-l.sent), millis(l.ended-l.at), millis(l.wait), millis(l.service), millis(l.ended-l.sent-l.wait-l.service))
	}
	failed := l.failed
	if !l.tookPart {
		failed = len(l.tasks)
	}
	c.cols = append(c.cols, l.user, strconv.Itoa(len(l.tasks)), strconv.Itoa(failed), l.scheduler, l.code)
	_ = c.out.Write(c.cols) // flush tells
}

// flush returns the first error of all writing.
func (c *csvWriter) flush() error {
	if c == nil {
		return nil
	}
	c.out.Flush()
	if err := c.out.Error(); err != nil {
		return err
	}
	return c.buf.Flush()
}

// millis prints milliseconds to the microsecond.
func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 3, 64)
}
