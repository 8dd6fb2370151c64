package workload

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// second is the power of ten that makes seconds nanoseconds.
const second = 9

// What errors call the columns.
const (
	nameArrival  = "arrival"
	nameCount    = "ntasks"
	nameMean     = "mean"
	nameDuration = "duration"
)

// trace parses lines of the Eagle/Hawk trace format.
type trace struct{}

func (trace) names() names { return names{nameArrival, "", nameDuration, nameMean, "", "", "", ""} }

func (trace) parse(line []byte, j *Job) (fault *InputError) {
	if line[len(line)-1] != '\n' {
		// The last duration could lack digits, and nothing else would show it.
		return &InputError{Reason: "truncated: the last line has no line end; add one if it is whole"}
	}
	j.User, j.Service, j.Keys, j.Unsaid = "", j.Service[:0], j.Keys[:0], false
	j.Priority, j.Deadline, j.Demand, j.Spread, j.Groups = 0, 0, Demand{}, "", nil
	rest := line
	if j.At, rest, fault = traceTime(nameArrival, -1, rest); fault != nil {
		return fault
	}
	token, rest := cutField(rest)
	n, err := strconv.Atoi(string(token))
	switch {
	case len(token) == 0:
		return &InputError{Field: nameCount, Reason: "truncated: is missing"}
	case err != nil || n < 1 || n > MaxTasks:
		return &InputError{Field: nameCount, Reason: fmt.Sprintf("want a whole number from 1 to %d, got %s", MaxTasks, quote(string(token)))}
	}
	if j.Est, rest, fault = traceTime(nameMean, -1, rest); fault != nil {
		return fault
	}
	for i := range n {
		var d time.Duration
		if d, rest, fault = traceTime(nameDuration, i, rest); fault != nil {
			return fault
		}
		j.Service = append(j.Service, d)
	}
	if token, _ := cutField(rest); len(token) > 0 {
		return &InputError{Field: nameCount, Reason: fmt.Sprintf("says %d, but the line has more durations", n)}
	}
	return nil
}

// traceTime reads a time in seconds and returns what follows it. index is that among the durations, or −1.
func traceTime(name string, index int, line []byte) (time.Duration, []byte, *InputError) {
	token, rest := cutField(line)
	v, n, fault := scanDecimal(token, second, true)
	if fault == 0 && n < len(token) {
		fault = numberMalformed
	}
	if fault == 0 {
		return time.Duration(v), rest, nil
	}
	if index >= 0 {
		name = element(name, index)
	}
	if len(token) == 0 {
		return 0, nil, &InputError{Field: name, Reason: "truncated: is missing"}
	}
	return 0, nil, &InputError{Field: name, Reason: fault.reason(token)}
}

// cutField returns the first field of a line and what follows it.
func cutField(line []byte) (field, rest []byte) {
	line = bytes.TrimLeft(line, " \t\r\n")
	for i, c := range line {
		if isSpace(c) {
			return line[:i], line[i:]
		}
	}
	return line, nil
}
