package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// plan is one message as a property test sends it. Its body begins with its number.
type plan struct {
	number  int
	size    int  // of the body
	after   bool // by SendAfter
	through bool // by Begin and End
}

func (p plan) String() string {
	return fmt.Sprintf("%d: %d bytes, after %v, begin/end %v", p.number, p.size, p.after, p.through)
}

// chunked reports whether the message is promised only the order of the queue.
func (p plan) chunked() bool { return p.size > MaxBody }

func (p plan) body() []byte {
	b := bytes.Repeat([]byte{byte(p.number), byte(p.number + 7), 3}, p.size/3+1)[:p.size]
	binary.LittleEndian.PutUint32(b, uint32(p.number))
	return b
}

var planSizes = []int{4, 5, 60, 4096, chunkFrame, MaxBody - 1, MaxBody, MaxBody + 1, 100_000}

func drawPlan(t *rapid.T, number int) plan {
	p := plan{number: number, size: rapid.SampledFrom(planSizes).Draw(t, "size")}
	p.after = rapid.Bool().Draw(t, "after")
	p.through = !p.after && rapid.Bool().Draw(t, "through")
	return p
}

// checkOrder holds what arrived against what was sent: all of it, once, unchanged, and
//   - nothing overtakes an earlier message that went in one frame at once;
//   - chunked messages and those sent by SendAfter keep their order;
//   - what SendAfter sent comes after everything sent before it.
func checkOrder(sent []plan, got []message) error {
	if len(got) != len(sent) {
		return fmt.Errorf("%d messages sent, %d arrived", len(sent), len(got))
	}
	place := make([]int, len(sent))
	seen := make([]bool, len(sent))
	for i, m := range got {
		n := int(binary.LittleEndian.Uint32(m.body))
		if n >= len(sent) || seen[n] {
			return fmt.Errorf("message %d was not sent, or came twice", n)
		}
		if m.kind != uint8(n%MaxKind) || !bytes.Equal(m.body, sent[n].body()) {
			return fmt.Errorf("message %v changed on its way", sent[n])
		}
		place[n], seen[n] = i, true
	}
	lastQueued, lastDirect, latest := -1, -1, -1
	for _, p := range sent {
		at := place[p.number]
		switch {
		case at < lastDirect:
			return fmt.Errorf("%v overtook one of one frame", p)
		case p.after && at < latest:
			return fmt.Errorf("%v overtook an earlier message", p)
		case p.chunked() && at < lastQueued:
			return fmt.Errorf("%v overtook one in the queue", p)
		}
		if p.chunked() || p.after {
			lastQueued = max(lastQueued, at)
		} else {
			lastDirect = max(lastDirect, at)
		}
		latest = max(latest, at)
	}
	return nil
}

// Any sequence of sends arrives whole and in the promised order, however the writes fall between them and however the
// reads split what was written; and the books of the output balance.
func TestOutputOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nc := newFakeConn()
		c := New(nc, nil, Config{})
		s, r := &scanner{maxMessage: DefaultMaxMessageBytes}, &recorder{}
		var sent []plan
		var held, wire []byte
		largest := 0
		write := func() {
			wire = c.out.take(wire)
			held = append(held, wire...)
			largest = max(largest, len(wire))
			for len(held) > 0 {
				n := rapid.IntRange(1, len(held)).Draw(t, "read")
				used, need, err := s.scan(held[:n], r)
				if err != nil {
					t.Fatal(err)
				}
				if held = held[used:]; used == 0 && (n == len(held) || need > len(held)) {
					break
				}
			}
		}
		for i := range rapid.IntRange(1, 30).Draw(t, "messages") {
			p := drawPlan(t, i)
			sent = append(sent, p)
			body := p.body()
			split := rapid.SampledFrom([]int{0, 4, len(body)}).Draw(t, "head")
			switch {
			case p.through:
				c.End(append(c.Begin(uint8(i%MaxKind)), body...))
			case p.after:
				c.SendAfter(uint8(i%MaxKind), body[:split], body[split:])
			default:
				head := bytes.Clone(body[:split])
				c.Send(uint8(i%MaxKind), head, body[split:])
				clear(head) // only the body must not change
			}
			if rapid.IntRange(0, 3).Draw(t, "write") == 0 {
				write()
			}
		}
		for !c.out.empty() {
			write()
		}
		if err := checkOrder(sent, r.got); err != nil {
			t.Fatal(err)
		}
		if c.out.size() != 0 || c.out.sent != s.processed {
			t.Fatalf("nothing left, but %d bytes; %d messages sent, %d processed", c.out.size(), c.out.sent, s.processed)
		}
	})
}

// A small message waits for at most one frame of a large one.
func TestOutputInterleaves(t *testing.T) {
	var o output
	body := make([]byte, 1<<20)
	o.push(later{kind: 1, head: []byte("h"), body: body})
	for i := range 70 {
		o.append(2, nil, []byte{byte(i)})
		b := o.take(nil)
		if b[3] != 2 || b[4] != byte(i) {
			t.Fatalf("write %d begins with kind %d", i, b[3])
		}
		if len(b) > HeaderLen+1+chunkFrame {
			t.Fatalf("write %d has %d bytes", i, len(b))
		}
	}
	if !o.empty() || o.size() != 0 {
		t.Errorf("%d bytes left", o.size())
	}
}

// The queue's memory is bounded by what waits in it, not by what went through.
func TestOutputQueueReuse(t *testing.T) {
	var o output
	for range 300 {
		o.push(later{kind: 1, body: make([]byte, 100)})
	}
	most := 0
	var wire []byte
	for range 5_000 {
		o.push(later{kind: 1, body: make([]byte, chunkFrame-chunkHeadLen)})
		wire = o.take(wire)
		most = max(most, cap(o.queue))
	}
	if most > 2048 {
		t.Errorf("queue of about 300 grew to %d places", most)
	}
	for !o.empty() {
		o.take(nil)
	}
	if cap(o.queue) > 64 || o.size() != 0 {
		t.Errorf("empty queue keeps %d places, counts %d bytes", cap(o.queue), o.size())
	}
}
