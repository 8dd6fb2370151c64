package stream

import (
	"math"
	"sync/atomic"
)

// Mark names one message that was sent on a connection, for [Conn.Passed] to tell whether the peer has processed it. It
// means nothing on another connection. The zero Mark names no message and has passed on any.
type Mark uint64

// never is the Mark of a message that was dropped.
const never Mark = math.MaxUint64

// Messages are counted in two classes, either of which arrives in the order in which it was sent. So a
// message is named by its class and its number there, and two counts say of all messages which have been
// processed; one count cannot, since direct messages overtake queued ones.
const (
	direct  = 0 // went at once, in one frame
	queued  = 1 // went in chunks, be it a single one
	classes = 2
)

// counts has a number of messages for each class.
type counts [classes]uint64

func (n *counts) total() uint64 { return n[direct] + n[queued] }

// next counts one more message and returns its Mark.
func (n *counts) next(class int) Mark {
	n[class]++
	return Mark(n[class]*classes + uint64(class))
}

// sharedCounts are counts that one goroutine stores and any may load. Each count only grows and stands for itself,
// so that it does no harm to load one that is newer than the other.
type sharedCounts [classes]atomic.Uint64

func (s *sharedCounts) store(n counts) {
	for class := range n {
		s[class].Store(n[class])
	}
}

func (s *sharedCounts) load() (n counts) {
	for class := range n {
		n[class] = s[class].Load()
	}
	return n
}

// reaches reports whether the message that m names has been counted.
func (s *sharedCounts) reaches(m Mark) bool {
	return s[m%classes].Load() >= uint64(m/classes)
}
