package stream

import "encoding/binary"

// chunkFrame is the largest frame of a chunked message, and how much of such messages goes into one write, in bytes:
// what a small message may have to wait for. With 64 KiB it waited half as long again beside a stream of payloads,
// which was no faster for it.
const chunkFrame = 16 << 10

// flushBytes is how much may gather before it is written without being asked for:
// more would coalesce no better, leave the cache and keep the peer waiting.
const flushBytes = 64 << 10

// laterOverhead is what a queued message counts beside its bytes, so that empty ones
// are bounded too.
const laterOverhead = 96

// later is a message that goes in chunks, because it is large or must not overtake one that is. One that
// would fit a frame goes in chunks as well, by which the receiver knows its class.
type later struct {
	kind       uint8
	head, body []byte // what is left of it
	begun      bool   // its first chunk was sent
}

func (m *later) left() int { return len(m.head) + len(m.body) }

// output gathers what is to be sent: small is the frames that go next, queue
// the messages after them. It holds no lock; Conn.mu guards it.
type output struct {
	small  []byte
	start  int // in small, where the message begun last has its header
	beatAt int // in small, behind the beat that waits there; 0: none does

	queue   []later // in order, from queue[first]
	first   int
	waiting int // bytes in queue, with overhead

	sent counts // messages appended to small, or queued
}

// begin appends the header of a message to small; its body is to be appended to the result.
func (o *output) begin(kind uint8) []byte {
	o.start = len(o.small)
	return appendHeader(o.small, kind, 0)
}

// end takes b, what begin returned with the body appended.
func (o *output) end(b []byte) Mark {
	n := len(b) - o.start - HeaderLen
	if n > MaxBody {
		body := make([]byte, n)
		copy(body, b[o.start+HeaderLen:])
		kind := b[o.start+HeaderLen-1]
		o.small = b[:o.start]
		return o.push(later{kind: kind, body: body})
	}
	b[o.start], b[o.start+1] = byte(n), byte(n>>8)
	o.small = b
	return o.sent.next(direct)
}

// append appends one whole frame.
func (o *output) append(kind uint8, head, body []byte) Mark {
	b := appendHeader(o.small, kind, len(head)+len(body))
	b = append(b, head...)
	b = append(b, body...)
	o.small = b
	return o.sent.next(direct)
}

// beat appends a beat, or brings the one that waits already up to date: output that does not move holds one.
func (o *output) beat(processed counts) {
	if o.beatAt == 0 {
		o.small = appendHeader(o.small, kindBeat, beatLen-HeaderLen)
		o.small = append(o.small, make([]byte, beatLen-HeaderLen)...)
		o.beatAt = len(o.small)
	}
	b := o.small[:o.beatAt-(beatLen-HeaderLen)]
	for _, n := range processed {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
}

// push queues m.
func (o *output) push(m later) Mark {
	o.waiting += m.left() + laterOverhead
	o.queue = append(o.queue, m)
	return o.sent.next(queued)
}

// queues reports whether any message waits in the queue.
func (o *output) queues() bool { return o.first < len(o.queue) }

// empty reports whether nothing is to be sent.
func (o *output) empty() bool { return len(o.small) == 0 && !o.queues() }

// size is how many bytes are to be sent.
func (o *output) size() int { return len(o.small) + o.waiting }

// take returns what to write next: all that is small, then a write's worth of the queue. That is the order that the
// package promises: nothing overtakes a message of one frame. It keeps spare to gather what comes next in.
func (o *output) take(spare []byte) []byte {
	b := o.small
	o.small, o.beatAt = spare[:0], 0
	for room := chunkFrame; o.queues(); {
		n := o.queue[o.first].nextFrame()
		if n > room && room < chunkFrame {
			break
		}
		b = o.cut(b, n)
		room -= n
	}
	return b
}

// nextFrame is how large the next frame of m is.
func (m *later) nextFrame() int {
	if m.begun {
		return min(HeaderLen+m.left(), chunkFrame)
	}
	return min(chunkHeadLen+m.left(), chunkFrame)
}

// cut moves the next frame of the queue, which has size bytes, to b.
func (o *output) cut(b []byte, size int) []byte {
	m := &o.queue[o.first]
	n := size - HeaderLen
	if m.begun {
		b = appendHeader(b, kindNext, n)
	} else {
		m.begun = true
		b = appendHeader(b, kindFirst, n)
		b = append(b, m.kind)
		b = binary.LittleEndian.AppendUint32(b, uint32(m.left())) // Send admits none of over 1 GiB
		n = size - chunkHeadLen
	}
	o.waiting -= n
	h := min(len(m.head), n)
	b = append(b, m.head[:h]...)
	b = append(b, m.body[:n-h]...)
	m.head, m.body = m.head[h:], m.body[n-h:]
	if m.left() == 0 {
		o.pop()
	}
	return b
}

func (o *output) pop() {
	o.waiting -= laterOverhead
	o.queue[o.first] = later{}
	o.first++
	switch {
	case o.first == len(o.queue):
		o.queue, o.first = o.queue[:0], 0
		if cap(o.queue) > 64 {
			o.queue = nil
		}
	case o.first >= 64 && o.first*2 >= len(o.queue):
		n := copy(o.queue, o.queue[o.first:])
		clear(o.queue[n:])
		o.queue, o.first = o.queue[:n], 0
	}
}

// drop forgets everything but the counts.
func (o *output) drop() {
	*o = output{sent: o.sent}
}
