package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"dunnock/probe"
)

// message is one that a handler was given.
type message struct {
	kind uint8
	body []byte
}

// recorder is a Handler that keeps copies of all messages.
type recorder struct {
	got     []message
	flushes int
	err     error // returned by the call that makes got stopAt long
	stopAt  int
}

func (r *recorder) Message(kind uint8, body []byte) error {
	r.got = append(r.got, message{kind, bytes.Clone(body)})
	if len(r.got) == r.stopAt {
		return r.err
	}
	return nil
}

func (r *recorder) Flush() { r.flushes++ }

// frame returns a whole frame.
func frame(kind uint8, body ...byte) []byte {
	return append(appendHeader(nil, kind, len(body)), body...)
}

// first returns the first frame of a chunked message of that total size.
func first(kind uint8, total uint32, data ...byte) []byte {
	body := binary.LittleEndian.AppendUint32([]byte{kind}, total)
	return frame(kindFirst, append(body, data...)...)
}

// beat returns a beat that counts direct and queued messages.
func beat(direct, queued uint64) []byte {
	return frame(kindBeat, binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, direct), queued)...)
}

// scanAll gives b to a new scanner in pieces as long as sizes say, by turns, as the reader
// would, and returns what came of it.
func scanAll(b []byte, sizes ...int) (*scanner, *recorder, error) {
	s, r := &scanner{maxMessage: DefaultMaxMessageBytes}, &recorder{}
	var held []byte
	for i := 0; len(b) > 0; i++ {
		n := len(b)
		if len(sizes) > 0 {
			n = min(n, sizes[i%len(sizes)])
		}
		held = append(held, b[:n]...)
		b = b[n:]
		used, need, err := s.scan(held, r)
		if err != nil {
			return s, r, err
		}
		held = held[used:]
		if len(held) >= need {
			return s, r, errors.New("scanner waits for what it has")
		}
	}
	return s, r, nil
}

func TestFrameBytes(t *testing.T) {
	var o output
	o.end(append(o.begin(7), "abc"...))
	o.append(8, []byte("h"), []byte("b"))
	o.end(o.begin(9))
	o.beat(counts{1, 2})
	o.append(8, nil, nil)
	o.beat(counts{0x0102, 0x0304}) // the one that waits is brought up to date
	want := []byte{
		3, 0, probe.Version, 7, 'a', 'b', 'c',
		2, 0, probe.Version, 8, 'h', 'b',
		0, 0, probe.Version, 9,
		16, 0, probe.Version, 0xF0, 2, 1, 0, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0,
		0, 0, probe.Version, 8,
	}
	if got := o.take(nil); !bytes.Equal(got, want) {
		t.Errorf("frames are % x, want % x", got, want)
	}
	o.push(later{kind: 5, head: []byte{1}, body: make([]byte, MaxBody)})
	got := o.take(nil)
	head := []byte{0xfc, 0x3f, probe.Version, 0xF1, 5, 0xfd, 0xff, 0, 0, 1, 0, 0}
	if len(got) != chunkFrame || !bytes.HasPrefix(got, head) {
		t.Errorf("first chunk has %d bytes and begins % x, want %d and % x", len(got), got[:12], chunkFrame, head)
	}
	if got = o.take(nil); len(got) != chunkFrame || got[3] != 0xF2 {
		t.Errorf("next chunk has %d bytes, kind %#x", len(got), got[3])
	}
}

func TestScanSplit(t *testing.T) {
	in := slices.Concat(frame(1, 'x'), frame(0xEF), beat(9, 8), first(3, 5, 'a', 'b'), frame(4, 'y'), frame(kindNext, 'c'), beat(9, 11),
		frame(kindNext, 'd', 'e'), first(5, 0), first(6, 1, 'z'), frame(2))
	want := []message{{1, []byte("x")}, {0xEF, nil}, {4, []byte("y")}, {3, []byte("abcde")}, {5, nil}, {6, []byte("z")}, {2, nil}}
	for size := 1; size <= len(in); size++ {
		s, r, err := scanAll(in, size)
		if err != nil {
			t.Fatalf("pieces of %d: %v", size, err)
		}
		if !slices.EqualFunc(r.got, want, func(a, b message) bool { return a.kind == b.kind && bytes.Equal(a.body, b.body) }) {
			t.Fatalf("pieces of %d: got %v, want %v", size, r.got, want)
		}
		if s.processed != (counts{4, 3}) || s.peerProcessed != (counts{9, 11}) || !s.clean() {
			t.Errorf("pieces of %d: processed %d, the peer %d, clean %v", size, s.processed, s.peerProcessed, s.clean())
		}
	}
}

func TestScanMalformed(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []byte
		want error
	}{
		{"version", []byte{0, 0, probe.Version + 1, 1}, ErrVersion},
		{"longer than a frame", []byte{0xfd, 0xff, probe.Version, 1}, ErrMalformed},
		{"unknown kind of ours", frame(0xFF), ErrMalformed},
		{"short beat", frame(kindBeat, 1, 2, 3), ErrMalformed},
		{"long beat", frame(kindBeat, make([]byte, 17)...), ErrMalformed},
		{"beat of less direct messages", slices.Concat(beat(3, 3), beat(2, 4)), ErrMalformed},
		{"beat of less queued messages", slices.Concat(beat(3, 3), beat(4, 2)), ErrMalformed},
		{"next without first", frame(kindNext, 1), ErrMalformed},
		{"empty next", slices.Concat(first(1, 9, 1), frame(kindNext)), ErrMalformed},
		{"first within a message", slices.Concat(first(1, 9, 1), first(1, 9, 1)), ErrMalformed},
		{"first without data", first(1, 9), ErrMalformed},
		{"first of nothing, with data", first(1, 0, 1), ErrMalformed},
		{"first without a size", frame(kindFirst, 1, 0, 0, 0), ErrMalformed},
		{"first over its size", first(1, 2, 1, 2, 3), ErrMalformed},
		{"next over its size", slices.Concat(first(1, 3, 1, 2), frame(kindNext, 3, 4)), ErrMalformed},
		{"chunked kind of ours", first(0xF0, 9, 1), ErrMalformed},
		{"too large", first(1, DefaultMaxMessageBytes+1, 1), ErrTooLarge},
		{"far too large", first(1, 1<<32-1, 1), ErrTooLarge},
	} {
		for _, size := range []int{1, len(tc.in)} {
			if _, r, err := scanAll(tc.in, size); !errors.Is(err, tc.want) || len(r.got) > 0 {
				t.Errorf("%s, pieces of %d: got %v and %d messages, want %v", tc.name, size, err, len(r.got), tc.want)
			}
		}
	}
}

// A body that came in chunks is the handler's to keep; one in the read buffer is not.
func TestScanOwned(t *testing.T) {
	s := &scanner{maxMessage: 100}
	var owned []bool
	h := &handlerFuncs{message: func(uint8, []byte) error { owned = append(owned, s.owned); return nil }}
	in := slices.Concat(frame(1, 1), first(1, 2, 1, 2), frame(1, 1))
	if _, _, err := s.scan(in, h); err != nil {
		t.Fatal(err)
	}
	if want := []bool{false, true, false}; !slices.Equal(owned, want) {
		t.Errorf("owned: got %v, want %v", owned, want)
	}
}

// What a peer announces costs memory only as it arrives.
func TestScanTrust(t *testing.T) {
	var o output
	body := bytes.Repeat([]byte("0123456"), 1_300_000)
	o.push(later{kind: 7, body: body})
	s, r := &scanner{maxMessage: 64 << 20}, &recorder{}
	sent := 0
	for !o.empty() {
		b := o.take(nil)
		sent += len(b)
		if used, _, err := s.scan(b, r); err != nil || used != len(b) {
			t.Fatal(used, err)
		}
		if c := cap(s.part); c > max(partTrust, 2*sent) {
			t.Fatalf("%d bytes sent, %d held for them", sent, c)
		}
	}
	if len(r.got) != 1 || !bytes.Equal(r.got[0].body, body) {
		t.Error("the message changed")
	}
	if _, _, err := s.scan(first(1, 64<<20, 1), r); err != nil || cap(s.part) > partTrust {
		t.Errorf("announced 64 MiB: %d bytes held, %v", cap(s.part), err)
	}
}

// A message counts as processed only once its handler is done with it, and not if the handler refuses it. Beats
// and chunks do not count.
func TestScanCountsProcessed(t *testing.T) {
	boom := errors.New("boom")
	for _, last := range [][]byte{frame(2), first(2, 1, 'x')} {
		s := &scanner{maxMessage: 100}
		var during []counts
		h := &handlerFuncs{message: func(kind uint8, _ []byte) error {
			during = append(during, s.processed)
			if kind == 2 {
				return boom
			}
			return nil
		}}
		_, _, err := s.scan(slices.Concat(frame(1), beat(0, 0), first(1, 2, 'x'), frame(1), frame(kindNext, 'y'), last, frame(1)), h)
		want := []counts{{0, 0}, {1, 0}, {2, 0}, {2, 1}}
		if !errors.Is(err, boom) || s.processed != want[3] || !slices.Equal(during, want) {
			t.Errorf("got %v, %d processed, during %v", err, s.processed, during)
		}
	}
}

// FuzzScan feeds any bytes to the reader: it may refuse them, but never panic,
// never hold more than one message's worth, and never depend on how they are split.
func FuzzScan(f *testing.F) {
	f.Add([]byte{}, uint8(1))
	f.Add(slices.Concat(frame(1, 'x'), first(3, 5, 'a', 'b'), frame(kindNext, 'c', 'd', 'e')), uint8(3))
	f.Add(slices.Concat(beat(9, 1), frame(2), beat(9, 2)), uint8(5))
	f.Add(slices.Concat(first(1, 0), first(2, 2, 'x'), beat(1, 1), frame(kindNext, 'y'), first(3, 0)), uint8(4))
	f.Add(slices.Concat(beat(9, 1), beat(8, 1)), uint8(7))
	f.Add(first(1, 1<<32-1, 1), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		whole, r1, err1 := scanAll(in)
		split, r2, err2 := scanAll(in, int(piece)+1)
		if cap(whole.part) > max(partTrust, 2*len(in)) {
			t.Errorf("holds %d bytes", cap(whole.part))
		}
		if (err1 == nil) != (err2 == nil) || (err1 != nil && err1.Error() != err2.Error()) {
			t.Fatalf("in one piece %v, in pieces of %d %v", err1, int(piece)+1, err2)
		}
		if whole.processed != split.processed || whole.peerProcessed != split.peerProcessed || whole.processed.total() != uint64(len(r1.got)) {
			t.Fatalf("in one piece %d, %d and %d messages, in pieces %d, %d", whole.processed, whole.peerProcessed, len(r1.got), split.processed, split.peerProcessed)
		}
		for i := range r1.got {
			if r1.got[i].kind != r2.got[i].kind || !bytes.Equal(r1.got[i].body, r2.got[i].body) {
				t.Fatalf("message %d depends on how the bytes are split", i)
			}
		}
	})
}
