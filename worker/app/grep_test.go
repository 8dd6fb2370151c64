package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"dunnock/task"
	"dunnock/worker"
)

func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGrepCountsARange(t *testing.T) {
	g := NewGrep()
	path := writeFile(t, "log", []byte("ok\nerror 1\r\nwarning\nerror 2"))
	for _, tt := range []struct {
		off, length int64
		pattern     string
		want        string
	}{
		{0, 27, "error", "2"},
		{0, 3, "error", "0"},
		{0, 4, "error", "1"}, // the line that starts in the last byte is read to its end
		{3, 1, "^error 1$", "1"},
		{4, 23, "error", "1"},
		{20, 7, "2$", "1"},
		{0, 27, "", "4"},
		{27, 0, "", "0"},
	} {
		p := GrepPayload{Path: path, Offset: tt.off, Length: tt.length, Pattern: tt.pattern}
		got, err := g.Handle(t.Context(), worker.Task{Payload: p.Encode()})
		if err != nil || string(got) != tt.want {
			t.Errorf("%+v: %q, %v, want %s", tt, got, err, tt.want)
		}
	}
}

// Lines around the limits of the buffer and of what is looked at, at full size.
func TestGrepLongLines(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	data := []byte(strings.Join([]string{
		x(blockBytes-2) + "end",           // over one block
		x(MaxLineBytes-3) + "end",         // just seen whole
		x(MaxLineBytes-3) + "end\r",       // with CRLF as well
		x(MaxLineBytes-2) + "end",         // one byte too long
		x(MaxLineBytes) + "end",           // end not looked at
		"end" + x(2*MaxLineBytes) + "end", // counts once
		"short end",
	}, "\n"))
	path := writeFile(t, "long", data)
	g := NewGrep()
	const pattern = "end"
	want := countReference(data, regexp.MustCompile(pattern), MaxLineBytes)
	if want != 5 {
		t.Fatalf("the reference says %d", want)
	}
	for _, rangeBytes := range []int64{300_007, MaxLineBytes} {
		sum := int64(0)
		for off := int64(0); off < int64(len(data)); off += rangeBytes {
			p := GrepPayload{Path: path, Offset: off, Length: min(rangeBytes, int64(len(data))-off), Pattern: pattern}
			got, err := g.Handle(t.Context(), worker.Task{Payload: p.Encode()})
			if err != nil {
				t.Fatal(err)
			}
			n, err := strconv.ParseInt(string(got), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		if sum != want {
			t.Errorf("in ranges of %d: %d, want %d", rangeBytes, sum, want)
		}
	}
}

func TestGrepErrors(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, "file", []byte("a\nb\n"))
	for _, tt := range []struct {
		name, payload, says string
		permanent           bool
	}{
		{"no JSON", "path", "not a grep payload", true},
		{"two values", `{"path":"/a","offset":0,"length":1,"pattern":""} {}`, "more than one", true},
		{"unknown field", `{"path":"/a","ofset":0}`, "ofset", true},
		{"wrong type", `{"path":"/a","offset":"0"}`, "offset", true},
		{"no path", `{"offset":0,"length":1,"pattern":""}`, "path: want one", true},
		{"two paths", `{"path":"/a","path_base64":"L2E="}`, "path: want one", true},
		{"negative offset", `{"path":"/a","offset":-1}`, "offset: want 0", true},
		{"negative length", `{"path":"/a","length":-1}`, "length: want 0", true},
		{"end over 63 bits", `{"path":"/a","offset":9223372036854775807,"length":1}`, "length: want 0", true},
		{"long pattern", `{"path":"/a","pattern":"` + strings.Repeat("x", MaxPatternBytes+1) + `"}`, "pattern: at most", true},
		{"bad pattern", `{"path":"/a","pattern":"a("}`, "missing closing )", true},
		{"directory", string(GrepPayload{Path: dir}.Encode()), "not a regular file", true},
		{"shrunk", string(GrepPayload{Path: path, Offset: 2, Length: 3}.Encode()), "become shorter", true},
		{"gone", string(GrepPayload{Path: dir + "/gone"}.Encode()), "no such file", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewGrep().Handle(t.Context(), worker.Task{Payload: []byte(tt.payload)})
			code := task.CodeAppFailed
			if tt.permanent {
				code = task.CodePermanent
			}
			if e := wantError(t, err, code, tt.permanent); !strings.Contains(e.Message, tt.says) || strings.Contains(e.Message, "\n") {
				t.Errorf("%q does not say %q in one line", e.Message, tt.says)
			}
		})
	}
}

func TestGrepEndsWithItsContext(t *testing.T) {
	cause := errors.New("cancelled by the user")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	p := GrepPayload{Path: writeFile(t, "file", []byte("a\n")), Length: 2}
	if _, err := NewGrep().Handle(ctx, worker.Task{Payload: p.Encode()}); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
}

func TestGrepPathThatIsNotUTF8(t *testing.T) {
	path := writeFile(t, "caf\xe9", []byte("a\nb\n"))
	payload := GrepPayload{Path: path, Length: 4, Pattern: "a"}.Encode()
	if !json.Valid(payload) || !bytes.Contains(payload, []byte("path_base64")) {
		t.Fatalf("payload %s", payload)
	}
	if got, err := NewGrep().Handle(t.Context(), worker.Task{Payload: payload}); err != nil || string(got) != "1" {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzDecodeGrep(f *testing.F) {
	f.Add([]byte(`{"path":"/a","offset":1,"length":2,"pattern":"x+"}`))
	f.Add(GrepPayload{Path: "caf\xe9", Pattern: "é"}.Encode())
	f.Add([]byte(`{"path":"/a"}{`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodeGrep(b)
		if err != nil {
			if strings.Contains(err.Error(), "\n") || len(err.Error()) > 500 {
				t.Errorf("error %q", err)
			}
			return
		}
		if p.Path == "" || p.Offset < 0 || p.Length < 0 || p.Offset+p.Length < 0 || len(p.Pattern) > MaxPatternBytes {
			t.Fatalf("out of range: %+v", p)
		}
		if again, err := DecodeGrep(p.Encode()); err != nil || again != p {
			t.Fatalf("%+v became %+v, %v", p, again, err)
		}
	})
}

// FuzzMatcher compares the matcher's short cuts with the regular expression.
func FuzzMatcher(f *testing.F) {
	for _, p := range patterns {
		f.Add(p, []byte("aab\nba\r\n\xffé\nab"))
	}
	f.Fuzz(func(t *testing.T, pattern string, data []byte) {
		if len(pattern) > 100 || len(data) > 10_000 {
			return
		}
		m, err := newMatcher(pattern)
		if err != nil {
			return
		}
		for _, maxLine := range []int{2, MaxLineBytes} {
			if got, want := m.count(data, maxLine), countReference(data, regexp.MustCompile(pattern), maxLine); got != want {
				t.Fatalf("%q over %q: %d, want %d", pattern, data, got, want)
			}
		}
	})
}
