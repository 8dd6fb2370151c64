package workload

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxLine bounds a line of a workload file in bytes: a job with MaxTasks tasks of
// 32 characters each.
const maxLine = 32 << 20

// maxMargin bounds the white space before the first job, and how much is looked at to call a file binary.
const maxMargin = 4096

// InputError is what is wrong with a workload file.
type InputError struct {
	Line   int64  // from 1, of the text within the gzip
	Field  string // as the format calls it, such as "service_ms[3]"; empty: the line as a whole
	Reason string
	Err    error // what reading failed with, if it did
}

// Error returns "line 12: service_ms[3]: is negative: -5".
func (e *InputError) Error() string {
	s := "line " + strconv.FormatInt(e.Line, 10) + ": "
	if e.Field != "" {
		s += e.Field + ": "
	}
	s += e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns what reading failed with.
func (e *InputError) Unwrap() error { return e.Err }

// Read returns the source of the jobs in a workload file: NDJSON or an Eagle/Hawk trace, told apart by the first
// character, plain or compressed with gzip.
//
// NDJSON is one object a line, {"at_ms":12.5,"user":"a","service_ms":[101.3,99],"est_ms":100,"priority":0,"slots":1}.
// at_ms and service_ms must be there. Without est_ms the scheduler is told nothing. Other fields are errors.
//
// The trace format is that of Hawk (Delgado et al., ATC 2015) and Eagle (SoCC 2016): the arrival, the number of tasks,
// the mean of their durations and each duration, in seconds, with white space between. We read fractions of a second,
// where their simulator drops them, and leave jobs that arrive together together, where it moves the later ones by 10
// ms.
//
// Numbers are rounded to the nearest nanosecond. Lines of white space are skipped. At least one job must be there. The
// file is read as jobs are asked for, in memory bounded by the largest job allowed. Read fails at once on a window that
// is not valid and on what is neither format, with an [*InputError] as [Source.Err] does later.
func Read(r io.Reader, w Window) (*Source, error) {
	if err := w.Validate(); err != nil {
		return nil, fmt.Errorf("workload: %w", err)
	}
	in := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := in.Peek(2); string(magic) == "\x1f\x8b" { // an error shows again at the next read
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, &InputError{Line: 1, Reason: "reading gzip", Err: err}
		}
		in = bufio.NewReaderSize(unzipped, 64<<10)
	}
	parse, err := detect(in)
	if err != nil {
		return nil, err
	}
	return newSource(&file{lines: lines{in: in}, parse: parse}, w), nil
}

// lineParser reads one line, which is not empty, into a job. Errors leave Line to the caller.
type lineParser interface {
	parse(line []byte, j *Job) *InputError
	names() names
}

// detect tells the format from the first character that is not white space, and leaves all to be read again. It asks
// for no more than it needs, so that a pipe can be read as it fills.
func detect(in *bufio.Reader) (lineParser, error) {
	first := byte(' ')
	for n := 1; isSpace(first); n++ {
		head, err := in.Peek(n)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return nil, readError(1, err)
		case err != nil && n == 1:
			return nil, &InputError{Line: 1, Reason: "the file is empty"}
		case err != nil || n == maxMargin:
			return nil, &InputError{Line: 1, Reason: "the file begins with white space and nothing comes after it"}
		}
		first = head[n-1]
	}
	head, _ := in.Peek(min(in.Buffered(), maxMargin)) // buffered, so no error
	start := bytes.TrimLeft(head, " \t\r\n")
	line := int64(bytes.Count(head[:len(head)-len(start)], []byte("\n"))) + 1
	start, _, _ = bytes.Cut(start, []byte("\n"))
	switch {
	case bytes.IndexByte(start, 0) >= 0:
		return nil, &InputError{Line: line, Reason: "a binary file; want a workload in NDJSON or an Eagle/Hawk trace"}
	case first == '{':
		return &ndjson{}, nil
	case isDigit(first) || first == '.' || first == '+' || first == '-':
		return trace{}, nil
	case first == '[':
		return nil, &InputError{Line: line, Reason: "a JSON array; want one JSON object a line, without brackets and commas around them"}
	}
	word, _ := cutField(start)
	return nil, &InputError{Line: line, Reason: "want a workload in NDJSON or an Eagle/Hawk trace, got " + quote(string(word))}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// file is the feed of a workload file.
type file struct {
	lines lines
	parse lineParser
	jobs  int
}

func (f *file) next(j *Job) (bool, error) {
	for {
		line, err := f.lines.next()
		if errors.Is(err, io.EOF) {
			if f.jobs == 0 {
				return false, &InputError{Line: max(f.lines.number, 1), Reason: "the file has no job"}
			}
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if len(bytes.TrimLeft(line, " \t\r\n")) == 0 {
			continue
		}
		if fault := f.parse.parse(line, j); fault != nil {
			fault.Line = f.lines.number
			return false, fault
		}
		f.jobs++
		return true, nil
	}
}

func (f *file) fault(b *breach) error {
	return &InputError{Line: f.lines.number, Field: b.in(f.parse.names()), Reason: b.reason}
}

// lines splits a text into lines without holding more than one.
type lines struct {
	in     *bufio.Reader
	number int64  // of the latest line
	long   []byte // a line longer than the reader's buffer is put together here
}

// next returns the next line with its line end; the last one may lack it. It is valid until the next call. The error is
// io.EOF at the end and an [*InputError] otherwise.
func (l *lines) next() ([]byte, error) {
	l.number++
	l.long = l.long[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		if err == nil && len(l.long) == 0 {
			return part, nil
		}
		if len(l.long)+len(part) > maxLine {
			return nil, &InputError{Line: l.number, Reason: "longer than " + strconv.Itoa(maxLine) + " bytes"}
		}
		l.long = append(l.long, part...)
		switch {
		case err == nil:
			return l.long, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.long) > 0:
			return l.long, nil
		case errors.Is(err, io.EOF):
			l.number--
			return nil, io.EOF
		default:
			return nil, readError(l.number, err)
		}
	}
}

// readError is about the file rather than what it says.
func readError(line int64, err error) error {
	reason := "reading"
	if errors.Is(err, io.ErrUnexpectedEOF) {
		reason = "the compressed file is truncated"
	}
	return &InputError{Line: line, Reason: reason, Err: err}
}
