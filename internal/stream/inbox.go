package stream

// Sizes of the read buffer, in bytes.
const (
	inboxMin = 4 << 10
	inboxMax = MaxFrame
	// inboxSmallReads in a row that would have fitted a buffer a fourth the size, with room to
	// spare, shrink it. Beats are such reads, so that an idle connection soon holds the least.
	inboxSmallReads = 16
)

// inbox is the read buffer: it grows fourfold when a read fills it and shrinks when reads are small, so that a busy
// connection needs few reads and an idle one little memory.
type inbox struct {
	buf   []byte
	r, w  int // buf[r:w] is what is not handled yet
	full  bool
	small int
}

// newInbox returns an inbox that holds a copy of b.
func newInbox(b []byte) inbox {
	in := inbox{buf: make([]byte, max(inboxMin, len(b)))}
	in.w = copy(in.buf, b)
	return in
}

// pending returns what is not handled yet.
func (in *inbox) pending() []byte { return in.buf[in.r:in.w] }

// used says that n bytes of pending have been handled.
func (in *inbox) used(n int) {
	if in.r += n; in.r == in.w {
		in.r, in.w = 0, 0
	}
}

// room returns where to read to. There is room for at least one byte and for a frame of
// need bytes, of which pending is the beginning.
func (in *inbox) room(need int) []byte {
	size := len(in.buf)
	switch {
	case in.full && size < inboxMax:
		size = min(4*size, inboxMax)
	case in.small >= inboxSmallReads && size > inboxMin:
		size = max(size/4, inboxMin)
		in.small = 0
	}
	for size < max(need, in.w-in.r+1) {
		size *= 2
	}
	if size != len(in.buf) {
		buf := make([]byte, size)
		in.r, in.w = 0, copy(buf, in.pending())
		in.buf = buf
	} else if in.r > 0 {
		in.r, in.w = 0, copy(in.buf, in.pending())
	}
	return in.buf[in.w:]
}

// filled says that n bytes were read into room.
func (in *inbox) filled(n int) {
	in.full = n == len(in.buf)-in.w
	if n <= len(in.buf)/8 {
		in.small++
	} else {
		in.small = 0
	}
	in.w += n
}
