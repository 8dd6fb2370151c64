package stream

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// A busy connection gets a large buffer, an idle one gives it back, and
// neither changes a byte.
func TestInboxSize(t *testing.T) {
	in := newInbox(nil)
	read := func(n int) {
		b := in.room(HeaderLen)
		n = min(n, len(b))
		in.filled(n)
		in.used(n)
	}
	if len(in.buf) != inboxMin {
		t.Errorf("begins with %d bytes, want %d", len(in.buf), inboxMin)
	}
	for range 4 {
		read(1 << 20)
	}
	if len(in.buf) != inboxMax {
		t.Errorf("under load %d bytes, want %d", len(in.buf), inboxMax)
	}
	for range inboxSmallReads - 1 {
		read(beatLen)
	}
	read(inboxMax / 2)
	for range inboxSmallReads - 1 {
		read(beatLen)
	}
	if len(in.buf) != inboxMax {
		t.Errorf("shrank to %d bytes after too few small reads", len(in.buf))
	}
	for range 3 * inboxSmallReads {
		read(beatLen)
	}
	if len(in.buf) != inboxMin {
		t.Errorf("idle %d bytes, want %d", len(in.buf), inboxMin)
	}
}

func TestInboxKeepsBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent, got []byte
		next := byte(0)
		in := newInbox(bytes.Repeat([]byte{1}, rapid.IntRange(0, 9000).Draw(t, "buffered")))
		sent = append(sent, in.pending()...)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			// What is left is always less than the frame that it begins.
			n := rapid.IntRange(max(0, len(in.pending())-MaxFrame+1), len(in.pending())).Draw(t, "used")
			got = append(got, in.pending()[:n]...)
			in.used(n)
			need := max(len(in.pending())+1, rapid.IntRange(0, MaxFrame).Draw(t, "need"))
			room := in.room(need)
			if len(room) == 0 || len(in.pending())+len(room) < need {
				t.Fatalf("room for %d bytes behind %d, need %d", len(room), len(in.pending()), need)
			}
			n = rapid.IntRange(1, len(room)).Draw(t, "read")
			for i := range n {
				next++
				room[i] = next
			}
			sent = append(sent, room[:n]...)
			in.filled(n)
		}
		if got = append(got, in.pending()...); !bytes.Equal(got, sent) {
			t.Fatal("bytes changed")
		}
		if len(in.buf) > 2*(inboxMax+9000) {
			t.Fatalf("buffer of %d bytes", len(in.buf))
		}
	})
}
