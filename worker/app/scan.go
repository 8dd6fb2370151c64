package app

import (
	"bytes"
	"context"
	"errors"
	"io"
)

var (
	errShrunk     = errors.New("the file has become shorter since its ranges were planned")
	errNotRegular = errors.New("not a regular file")
)

// rangeReader counts the matching lines of one range of a file, see [GrepPayload].
//
// It reads blocks into buf and hands whole lines to the matcher, many at a time; what is left of a line at the end of a
// block moves to the front of buf. Only a line longer than buf makes buf grow; beyond maxLine the line is counted by
// its beginning and its rest is skipped like the partial line at a range's start.
type rangeReader struct {
	file    io.ReaderAt
	match   *matcher
	maxLine int // bytes of a line that are looked at; MaxLineBytes but in tests

	buf  []byte
	base int64 // of buf[0] in the file
	n    int   // bytes in buf
	eof  bool  // the file ends after them
}

// longest is how much of a line without its '\n' has to be seen to know the part of it that is looked at: one byte
// more, because its last byte may be the '\r' of "\r\n".
func (r *rangeReader) longest() int { return r.maxLine + 1 }

// count returns the number of matching lines that start in bytes off up to end. buf must not be
// empty.
func (r *rangeReader) count(ctx context.Context, off, end int64) (int64, error) {
	if off >= end {
		return 0, nil
	}
	// From the byte before on: if that is a '\n', a line starts at off.
	skipping := off > 0
	r.base = max(0, off-1)
	total := int64(0)
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := r.read(end); err != nil {
			return 0, err
		}
		if skipping {
			found := r.skipLine(end)
			if !found && (r.eof || r.base+int64(r.n) >= end) {
				return total, nil
			}
			if skipping = !found; skipping {
				r.drop(r.n)
				continue
			}
		}
		lines, last := r.wholeLines(end)
		total += r.match.count(r.buf[:lines], r.maxLine)
		r.drop(lines)
		switch {
		case last, r.eof:
			return total, nil
		case r.n >= r.longest():
			if r.match.line(r.buf[:r.maxLine]) {
				total++
			}
			r.drop(r.maxLine)
			skipping = true
		}
	}
}

// read fills buf, or as much of it as is likely to be needed, and makes it longer if a line
// fills it already.
func (r *rangeReader) read(end int64) error {
	if r.n == len(r.buf) {
		r.buf = append(r.buf, make([]byte, max(1, min(len(r.buf), r.longest()-len(r.buf))))...)
	}
	const usualLine = 4 << 10 // what a range's last line usually reaches past its end, at most
	to := r.buf[r.n:]
	if left := end - r.base - int64(r.n); left < int64(len(to)) {
		to = to[:min(int64(len(to)), max(0, left)+usualLine)]
	}
	n, err := r.file.ReadAt(to, r.base+int64(r.n))
	r.n += n
	if errors.Is(err, io.EOF) {
		r.eof, err = true, nil
		if r.base+int64(r.n) < end {
			err = errShrunk
		}
	}
	return err
}

// skipLine drops what is in buf of a line that is not ours, and its '\n'. It returns false if the
// next line does not start in buf, or not before end.
func (r *rangeReader) skipLine(end int64) bool {
	within := min(int64(r.n), max(0, end-1-r.base)) // a '\n' at end-1 starts a line at end
	i := bytes.IndexByte(r.buf[:within], '\n')
	if i < 0 {
		return false
	}
	r.drop(i + 1)
	return true
}

// wholeLines returns how many bytes at the front of buf are whole lines that start
// before end, and whether the last of them is the range's last.
func (r *rangeReader) wholeLines(end int64) (n int, last bool) {
	data := r.buf[:r.n]
	if lastByte := end - 1 - r.base; lastByte < int64(r.n) {
		// The range ends in here: the line with its last byte is its last line.
		if i := bytes.IndexByte(data[lastByte:], '\n'); i >= 0 {
			return int(lastByte) + i + 1, true
		}
	}
	if r.eof {
		return r.n, true
	}
	// Inside a long line there is no '\n', which is known ten times sooner from the front.
	if bytes.IndexByte(data, '\n') < 0 {
		return 0, false
	}
	return bytes.LastIndexByte(data, '\n') + 1, false
}

func (r *rangeReader) drop(n int) {
	r.n = copy(r.buf, r.buf[n:r.n])
	r.base += int64(n)
}
