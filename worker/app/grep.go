package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"syscall"
	"unicode/utf8"

	"dunnock/worker"
)

const (
	// MaxLineBytes is how much of a line grep looks at: a line longer than this
	// is matched by its first MaxLineBytes bytes and still counts at most once.
	MaxLineBytes = 1 << 20
	// MaxPatternBytes bounds the pattern of a [GrepPayload].
	MaxPatternBytes = 4 << 10

	blockBytes = 256 << 10 // read at a time: about what stays in a core's cache
)

// GrepPayload is what a task of the app grep is to search: the lines that start
// in bytes Offset up to Offset+Length of the file at Path. The result is the
// number of them that match Pattern, as decimal text.
//
// A line ends with '\n', which is not part of it, nor is a '\r' right before it or at the end of the file; what follows
// the last '\n' is a line unless it is empty. A line belongs to the range that its first byte is in. So a range leaves
// out the line that began before it and reads on past its end to finish its last one, and the counts of consecutive
// ranges add up to the count of the file, wherever the cuts are. Lines are arbitrary bytes. Only the first
// [MaxLineBytes] of a line are looked at.
//
// As JSON: {"path":"/a","offset":0,"length":1048576,"pattern":"err(or)?"}.
// A path that is not UTF-8 is carried as "path_base64" instead.
type GrepPayload struct {
	Path    string
	Offset  int64  // bytes, from 0
	Length  int64  // bytes, from 0
	Pattern string // of package regexp, matched against each line by itself; ≤ MaxPatternBytes
}

type grepJSON struct {
	Path       string `json:"path,omitempty"`
	PathBase64 []byte `json:"path_base64,omitempty"`
	Offset     int64  `json:"offset"`
	Length     int64  `json:"length"`
	Pattern    string `json:"pattern"`
}

// Encode returns the payload as JSON.
func (p GrepPayload) Encode() []byte {
	j := grepJSON{Path: p.Path, Offset: p.Offset, Length: p.Length, Pattern: p.Pattern}
	if !utf8.ValidString(p.Path) {
		j.Path, j.PathBase64 = "", []byte(p.Path)
	}
	b, err := json.Marshal(j)
	if err != nil {
		panic(err) // strings, bytes and integers: cannot happen
	}
	return b
}

// DecodeGrep reads what [GrepPayload.Encode] writes and checks its ranges, but not the
// pattern. The error is one line.
func DecodeGrep(b []byte) (GrepPayload, error) {
	var j grepJSON
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return GrepPayload{}, errors.New("not a grep payload: " + oneLine(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return GrepPayload{}, errors.New("not a grep payload: more than one JSON value")
	}
	p := GrepPayload{Path: j.Path, Offset: j.Offset, Length: j.Length, Pattern: j.Pattern}
	if len(j.PathBase64) > 0 {
		p.Path = string(j.PathBase64)
	}
	switch {
	case p.Path == "" || j.Path != "" && len(j.PathBase64) > 0:
		return GrepPayload{}, errors.New("path: want one, as path or path_base64")
	case p.Offset < 0:
		return GrepPayload{}, errors.New("offset: want 0 or more, got " + strconv.FormatInt(p.Offset, 10))
	case p.Length < 0 || p.Offset+p.Length < 0:
		return GrepPayload{}, errors.New("length: want 0 or more and an end that fits 63 bits, got " + strconv.FormatInt(p.Length, 10))
	case len(p.Pattern) > MaxPatternBytes:
		return GrepPayload{}, errors.New("pattern: at most " + strconv.Itoa(MaxPatternBytes) + " bytes, got " + strconv.Itoa(len(p.Pattern)))
	}
	return p, nil
}

// Grep is the app grep. Make one with [NewGrep].
type Grep struct {
	patterns patternCache
	blocks   sync.Pool // of *[]byte, blockBytes long
}

// NewGrep returns a Grep that holds on to a few compiled patterns and read buffers.
func NewGrep() *Grep {
	return &Grep{patterns: patternCache{compiled: make(map[string]*matcher, maxPatterns)}}
}

// Handle is the handler of the app grep, see [GrepPayload]. It uses 256 KiB of
// memory, and up to 1 MiB more while it is at a long line, whatever the file.
//
// Permanent errors are a payload or pattern that is wrong, a path that is no
// regular file, and a file that has become shorter than the range since the range
// was planned. A file that cannot be read may be readable for another worker.
func (g *Grep) Handle(ctx context.Context, t worker.Task) ([]byte, error) {
	p, err := DecodeGrep(t.Payload)
	if err != nil {
		return nil, hopeless("grep: "+err.Error(), "")
	}
	m, err := g.patterns.get(p.Pattern)
	if err != nil {
		return nil, hopeless("grep: pattern: "+oneLine(err), "")
	}
	n, err := g.count(ctx, p, m)
	if err != nil {
		return nil, grepError(ctx, err)
	}
	return strconv.AppendInt(nil, n, 10), nil
}

func (g *Grep) count(ctx context.Context, p GrepPayload, m *matcher) (int64, error) {
	// Without O_NONBLOCK, opening a fifo would wait for its writer.
	f, err := os.OpenFile(p.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // only read from
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	switch {
	case !info.Mode().IsRegular():
		return 0, &fs.PathError{Op: "grep", Path: p.Path, Err: errNotRegular}
	case info.Size() < p.Offset+p.Length:
		return 0, &fs.PathError{Op: "grep", Path: p.Path, Err: errShrunk}
	}
	block, ok := g.blocks.Get().(*[]byte)
	if !ok {
		b := make([]byte, blockBytes)
		block = &b
	}
	defer g.blocks.Put(block)
	r := rangeReader{file: f, match: m, maxLine: MaxLineBytes, buf: *block}
	return r.count(ctx, p.Offset, p.Offset+p.Length)
}

func grepError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errShrunk), errors.Is(err, errNotRegular):
		return hopeless(oneLine(err), "")
	default:
		return failed("grep: "+oneLine(err), "")
	}
}
