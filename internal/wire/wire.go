// Package wire has the few primitives that Dunnock's binary messages are made of: unsigned varints, byte strings and
// fixed-size ids. Encoders append to the caller's buffer; a [Reader] decodes in place and remembers its first fault, so
// that a decoder reads all fields and checks once. Nothing here allocates except [Reader.String].
//
// It knows no message; package probe and internal/submission do.
package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"
)

// ErrMalformed is the one decoding error: a field is truncated, out of its
// range, or bytes are left over.
var ErrMalformed = errors.New("malformed message")

// AppendUint appends v as an unsigned varint (1 to 10 bytes).
func AppendUint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

// AppendInt appends v as a varint in zigzag order (0, −1, 1, −2, …), which makes numbers near 0 short.
func AppendInt(b []byte, v int64) []byte { return binary.AppendVarint(b, v) }

// AppendBytes appends a length and the bytes.
func AppendBytes(b, v []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// AppendString appends a length and the bytes of the string.
func AppendString(b []byte, v string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// AppendDuration appends d in nanoseconds; a negative one becomes 0.
func AppendDuration(b []byte, d time.Duration) []byte {
	return binary.AppendUvarint(b, uint64(max(d, 0)))
}

// Reader decodes one message. The zero Reader is empty; make one with [NewReader].
type Reader struct {
	b   []byte
	bad bool
}

// NewReader reads from b, which it neither copies nor changes.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Uint reads a varint of at most limit. After a fault it returns 0.
func (r *Reader) Uint(limit uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > limit {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Uint8 reads a varint below 2⁸.
func (r *Reader) Uint8() uint8 { return uint8(r.Uint(math.MaxUint8)) }

// Uint16 reads a varint below 2¹⁶.
func (r *Reader) Uint16() uint16 { return uint16(r.Uint(math.MaxUint16)) }

// Uint32 reads a varint below 2³².
func (r *Reader) Uint32() uint32 { return uint32(r.Uint(math.MaxUint32)) }

// Uint64 reads a varint.
func (r *Reader) Uint64() uint64 { return r.Uint(math.MaxUint64) }

// Int16 reads what [AppendInt] has written, −2¹⁵ to 2¹⁵ − 1.
func (r *Reader) Int16() int16 {
	u := r.Uint16()
	return int16(u>>1) ^ -int16(u&1)
}

// Int32 reads what [AppendInt] has written, −2³¹ to 2³¹ − 1.
func (r *Reader) Int32() int32 {
	u := r.Uint32()
	return int32(u>>1) ^ -int32(u&1)
}

// Duration reads a non-negative duration.
func (r *Reader) Duration() time.Duration { return time.Duration(r.Uint(math.MaxInt64)) }

// Fixed fills dst with the next len(dst) bytes.
func (r *Reader) Fixed(dst []byte) {
	if len(r.b) < len(dst) {
		r.fail()
		return
	}
	copy(dst, r.b)
	r.b = r.b[len(dst):]
}

// Bytes reads a byte string of at most limit bytes. The result aliases the message.
func (r *Reader) Bytes(limit int) []byte {
	n := r.Uint(uint64(limit))
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// String reads a string of at most limit bytes into memory of its own.
func (r *Reader) String(limit int) string { return string(r.Bytes(limit)) }

// Rest returns all that is left; it aliases the message.
func (r *Reader) Rest() []byte {
	v := slices.Clip(r.b)
	r.b = nil
	return v
}

// Len is how many bytes are left: a bound for counts that precede a list.
func (r *Reader) Len() int { return len(r.b) }

// Close ends the message: [ErrMalformed] if any field was, or if bytes are left over.
func (r *Reader) Close() error {
	if r.bad || len(r.b) > 0 {
		return ErrMalformed
	}
	return nil
}

func (r *Reader) fail() {
	r.bad = true
	r.b = nil
}
