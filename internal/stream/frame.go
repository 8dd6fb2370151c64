package stream

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"dunnock/probe"
)

// Sizes of a frame, in bytes.
const (
	HeaderLen = 4
	// MaxFrame is the largest frame, header included: what one message can
	// delay another by, and what a reader must be able to hold.
	MaxFrame = 64 << 10
	// MaxBody is the largest message that travels in one frame.
	MaxBody = MaxFrame - HeaderLen
)

// MaxKind is the largest kind that a message may have. Those above are the
// transport's own.
const MaxKind = 0xEF

// The transport's own kinds.
const (
	kindBeat  = 0xF0 // body: how many direct and how many queued messages its sender has processed, 8 bytes each
	kindFirst = 0xF1 // begins a chunked message; body: kind 1 byte, size 4 bytes, the first bytes
	kindNext  = 0xF2 // body: further bytes of the message that kindFirst began
)

// partTrust is the most memory that a chunked message gets on the strength of the size it announces, in bytes: payloads
// are not copied while they come. A larger one gets more as it arrives, so that a peer must send what it makes us hold.
const partTrust = 2 << 20

const (
	beatLen      = HeaderLen + 8*classes
	chunkHeadLen = HeaderLen + 5 // of a kindFirst frame, before its data
)

// appendHeader appends the header of a frame with a body of n bytes.
func appendHeader(b []byte, kind uint8, n int) []byte {
	return append(b, byte(n), byte(n>>8), probe.Version, kind)
}

// messages is what a scanner calls: the part of [Handler] that it needs.
type messages interface {
	Message(kind uint8, body []byte) error
}

// scanner takes a stream of bytes apart into messages. It is pure: it reads nothing and owns no memory but that of the
// one chunked message under way, of which there is never more than one, because a sender sends one after the other.
type scanner struct {
	maxMessage    int
	processed     counts // messages handed out, and their handler has returned
	peerProcessed counts // messages of ours that the peer had processed, by its last beat
	owned         bool   // the body now handed out may be kept

	// stop, set from any goroutine, makes scan drop what is left.
	stop atomic.Bool

	part      []byte // what has come of a chunked message
	partTotal int    // its size; 0: none is under way
	partKind  uint8
	inChunk   bool // a chunk's head was read, its data was not
	partLeft  int  // bytes of that data yet to come
}

// scan hands the messages in b to h and returns how many bytes of b are done with. The rest is part of a frame of need
// bytes: call again with that rest in front once there is more.
func (s *scanner) scan(b []byte, h messages) (used, need int, err error) {
	for !s.stop.Load() {
		if s.inChunk {
			n, err := s.takeChunk(b[used:], h)
			used += n
			if err != nil || s.inChunk {
				return used, HeaderLen, err
			}
			continue
		}
		rest := b[used:]
		if len(rest) < HeaderLen {
			return used, HeaderLen, nil
		}
		word := binary.LittleEndian.Uint32(rest)
		size := HeaderLen + int(word&0xffff)
		if version := byte(word >> 16); version != probe.Version {
			return used, size, fmt.Errorf("%w: want %d, got %d", ErrVersion, probe.Version, version)
		}
		if size > MaxFrame {
			return used, size, fmt.Errorf("%w: %d bytes", ErrMalformed, size)
		}
		kind := byte(word >> 24)
		if kind > MaxKind {
			n, want, err := s.own(kind, rest, size)
			used += n
			if err != nil || n == 0 {
				return used, want, err
			}
			continue
		}
		if len(rest) < size {
			return used, size, nil
		}
		used += size
		if err := h.Message(kind, rest[HeaderLen:size:size]); err != nil {
			return used, HeaderLen, err
		}
		s.processed[direct]++
	}
	return len(b), HeaderLen, nil
}

// own takes a frame of the transport's own kind, of size bytes, or the beginning of a
// chunk. It returns 0 and how many bytes it needs if there are too few.
func (s *scanner) own(kind byte, rest []byte, size int) (used, need int, err error) {
	switch kind {
	case kindBeat:
		if size != beatLen {
			return 0, size, fmt.Errorf("%w: beat of %d bytes", ErrMalformed, size)
		}
		if len(rest) < size {
			return 0, size, nil
		}
		for class := range s.peerProcessed {
			n := binary.LittleEndian.Uint64(rest[HeaderLen+8*class:])
			if n < s.peerProcessed[class] {
				return 0, size, fmt.Errorf("%w: beat counts %d messages after %d", ErrMalformed, n, s.peerProcessed[class])
			}
			s.peerProcessed[class] = n
		}
		return size, size, nil

	case kindFirst:
		if size < chunkHeadLen || s.partTotal > 0 {
			return 0, size, fmt.Errorf("%w: first chunk of %d bytes", ErrMalformed, size)
		}
		if len(rest) < chunkHeadLen {
			return 0, chunkHeadLen, nil
		}
		s.partKind = rest[HeaderLen]
		total, data := int64(binary.LittleEndian.Uint32(rest[HeaderLen+1:])), size-chunkHeadLen
		if s.partKind > MaxKind || int64(data) > total || data == 0 && total > 0 {
			return 0, size, fmt.Errorf("%w: first chunk of %d bytes", ErrMalformed, size)
		}
		if total > int64(s.maxMessage) {
			return 0, size, fmt.Errorf("%w: %d bytes announced, at most %d", ErrTooLarge, total, s.maxMessage)
		}
		s.partTotal = int(total)
		s.part = make([]byte, 0, min(s.partTotal, partTrust))
		s.inChunk, s.partLeft = true, data
		return chunkHeadLen, size, nil

	case kindNext:
		if size == HeaderLen || size-HeaderLen > s.partTotal-len(s.part) {
			return 0, size, fmt.Errorf("%w: chunk of %d bytes", ErrMalformed, size)
		}
		s.inChunk, s.partLeft = true, size-HeaderLen
		return HeaderLen, size, nil
	}
	return 0, size, fmt.Errorf("%w: kind %#x", ErrMalformed, kind)
}

// takeChunk takes what b has of the current chunk, and hands out the message that it completes. A chunk is never waited
// for as a whole, so that large messages need no large read buffer.
func (s *scanner) takeChunk(b []byte, h messages) (int, error) {
	n := min(s.partLeft, len(b))
	if len(s.part)+n > cap(s.part) {
		grown := make([]byte, len(s.part), min(2*cap(s.part), s.partTotal))
		copy(grown, s.part)
		s.part = grown
	}
	s.part = append(s.part, b[:n]...)
	if s.partLeft -= n; s.partLeft > 0 {
		return n, nil
	}
	s.inChunk = false
	if len(s.part) == s.partTotal {
		body := s.part
		s.part, s.partTotal, s.owned = nil, 0, true
		err := h.Message(s.partKind, body)
		s.owned = false
		if err != nil {
			return n, err
		}
		s.processed[queued]++
	}
	return n, nil
}

// clean reports whether the stream may end here: between two messages.
func (s *scanner) clean() bool { return s.partTotal == 0 }
