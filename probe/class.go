package probe

import (
	"math"
	"strings"
	"time"

	"dunnock/internal/wire"
	"dunnock/task"
)

// Disciplines by name, as a worker's Hello has them. It is the worker that knows what they do; a scheduler only asks
// [NeedsClass].
const (
	DisciplineFIFO     = "fifo"
	DisciplinePriority = "priority"
	DisciplineFair     = "fair"
	DisciplineEDF      = "edf"
	DisciplineSRPT     = "srpt"
)

// NeedsClass reports whether a worker of this discipline wants to know the class of what is reserved. One that says
// nothing is first in, first out. One that this scheduler has never heard of is told: it asked for it by its name.
func NeedsClass(discipline string) bool { return discipline != "" && discipline != DisciplineFIFO }

// Class is what a worker goes by when it chooses whose turn it is.
type Class struct {
	User     []byte        // path such as "org/team/ann", ≤ 255 bytes; empty: no user. Valid for as long as what it was decoded from
	Priority int16         // −1000…1000; larger first
	Deadline time.Duration // time left for the job, ≥ 0
	Work     time.Duration // what is left of the job, as its submitter estimated: slot time, ≥ 0; 0: nothing is known
}

// MaxUserDepth is how many levels of a user's path are told apart. What is below is one name.
const MaxUserDepth = 8

// UserGroup is the group that a user or a group is in: the path without its last name, and "" at the top.
func UserGroup(path string) string {
	at := 0
	for range MaxUserDepth - 1 {
		i := strings.IndexByte(path[at:], '/')
		if i < 0 {
			break
		}
		at += i + 1
	}
	return path[:max(at-1, 0)]
}

// Work is what so many tasks of an estimate are together: at most what a Duration holds.
func Work(estimate time.Duration, tasks int) time.Duration {
	if estimate > 0 && tasks > 0 && estimate > math.MaxInt64/time.Duration(tasks) {
		return math.MaxInt64
	}
	return estimate * time.Duration(max(tasks, 0))
}

// AppendClassedReserve appends the encoding of m followed by the class of its job, for workers whose discipline needs
// it.
//
// The user's path is there as text each time. To number paths on each connection would save some ten bytes of a
// message, of which hundreds share a write, and would cost a table at both ends that has to be bounded, agreed on, and
// built again with each connection.
func AppendClassedReserve(b []byte, m Reserve, c *Class) []byte {
	b = AppendReserve(b, m)
	b = wire.AppendBytes(b, c.User)
	b = wire.AppendInt(b, int64(c.Priority))
	b = wire.AppendDuration(b, c.Deadline)
	return wire.AppendDuration(b, c.Work)
}

// DecodeClassedReserve reads a Reserve with its class into c. A Reserve without one is of the zero class. c.User
// aliases body.
func DecodeClassedReserve(body []byte, c *Class) (Reserve, error) {
	r := wire.NewReader(body)
	m := readReserve(&r)
	*c = Class{}
	if r.Len() > 0 {
		readClass(&r, c)
	}
	if m.Count == 0 || !c.valid() {
		return Reserve{}, wire.ErrMalformed
	}
	return m, r.Close()
}

func readClass(r *wire.Reader, c *Class) {
	c.User = r.Bytes(task.MaxUserLen)
	c.Priority = r.Int16()
	c.Deadline, c.Work = r.Duration(), r.Duration()
}

func (c *Class) valid() bool { return c.Priority >= task.MinPriority && c.Priority <= task.MaxPriority }
