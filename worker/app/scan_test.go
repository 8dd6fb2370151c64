package app

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// patterns of every kind that the matcher treats differently.
var patterns = []string{
	"", "a", "ab", "ba+b", "^", "$", "^$", "^a", "b$", "^ab$", "a|b", "(?i)AB", "(ab)", "((ab)+)c?", "(?:ab){2,3}", "(ab){0,2}",
	"a.b", "[^a]b", `\s`, `a\r`, `\r`, "a\n", `(a\nb)`, `a*`, "é", "(?i)É", "\uFFFD", "a\uFFFD", `\x00`, `.{3}`, `^.{5,}$`, "aba|abb", `a\b`, "(?s)a.*b.*a",
}

// countReference is the definition in the plainest form: all of the file's lines, one by one.
func countReference(data []byte, re *regexp.Regexp, maxLine int) int64 {
	lines := bytes.Split(data, []byte("\n"))
	if len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	n := int64(0)
	for _, line := range lines {
		line = bytes.TrimSuffix(line, []byte("\r"))
		if re.Match(line[:min(len(line), maxLine)]) {
			n++
		}
	}
	return n
}

func countRanges(t interface{ Fatalf(string, ...any) }, data []byte, m *matcher, rangeBytes, buf, maxLine int) int64 {
	sum := int64(0)
	for off := 0; off < len(data); off += rangeBytes {
		r := rangeReader{file: bytes.NewReader(data), match: m, maxLine: maxLine, buf: make([]byte, buf)}
		n, err := r.count(context.Background(), int64(off), int64(min(off+rangeBytes, len(data))))
		if err != nil {
			t.Fatalf("range at %d: %v", off, err)
		}
		if cap(r.buf) > max(buf, 4*(maxLine+1)) {
			t.Fatalf("the buffer grew from %d to %d for lines of %d", buf, cap(r.buf), maxLine)
		}
		sum += n
	}
	return sum
}

func TestRangesAddUp(t *testing.T) {
	letters := []string{"a", "a", "b", "b", "c", "\n", "\n", "\r\n", "\r", "\x00", "\xff", "é", "É", "aab", "\uFFFD"}
	rapid.Check(t, func(t *rapid.T) {
		data := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(letters), 0, 60).Draw(t, "data"), ""))
		pattern := rapid.SampledFrom(patterns).Draw(t, "pattern")
		rangeBytes := rapid.IntRange(1, 40).Draw(t, "rangeBytes")
		buf := rapid.IntRange(1, 20).Draw(t, "buf")
		maxLine := rapid.SampledFrom([]int{1, 2, 3, 5, 8, 13, MaxLineBytes}).Draw(t, "maxLine")
		m, err := newMatcher(pattern)
		if err != nil {
			t.Fatal(err)
		}
		want := countReference(data, regexp.MustCompile(pattern), maxLine)
		if got := countRanges(t, data, m, rangeBytes, buf, maxLine); got != want {
			t.Fatalf("%q over %q: %d in ranges of %d, %d in one go", pattern, data, got, rangeBytes, want)
		}
	})
}

// Every small cut, for data chosen to be nasty.
func TestRangesAddUpExhaustively(t *testing.T) {
	for _, data := range []string{
		"", "\n", "\r\n", "\r", "a", "a\n", "\na", "a\r\nb\r\n", "a\nb", "\n\n\n", "aaaa\r\n", "aaa\r\n", "aaa\raa\n", "aaaaa\r", "aaaaaaaa\nb\naaaaaaaaaa", "a\r\r\n",
	} {
		for _, pattern := range []string{"", "a", "^$", "a$", `\r`, "^aaa$", "(?i)a", "aaaa"} {
			m, err := newMatcher(pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, maxLine := range []int{1, 3, 4, 100} {
				want := countReference([]byte(data), regexp.MustCompile(pattern), maxLine)
				for rangeBytes := 1; rangeBytes <= len(data)+1; rangeBytes++ {
					for buf := 1; buf <= len(data)+1; buf++ {
						if got := countRanges(t, []byte(data), m, rangeBytes, buf, maxLine); got != want {
							t.Fatalf("%q over %q, ranges of %d, buffer %d, lines of %d: %d, want %d", pattern, data, rangeBytes, buf, maxLine, got, want)
						}
					}
				}
			}
		}
	}
}

func TestRequiredText(t *testing.T) {
	for _, tt := range []struct {
		pattern, needle string
		regexp, never   bool
	}{
		{"error", "error", false, false},
		{"(error)", "error", false, false},
		{`a\.b`, "a.b", false, false},
		{"", "", false, false},
		{"^error$", "error", true, false},
		{"warn.*error: [0-9]+", "error: ", true, false},
		{"(warn)+x?", "warn", true, false},
		{"(warn){2}", "warn", true, false},
		{"(warn){0,2}", "", true, false},
		{"(warn)?", "", true, false},
		{"warn|error", "", true, false},
		{"(?i)error", "", true, false},
		{"x(?i)error", "x", true, false},
		{"a\uFFFD", "", true, false},
		{`a\nb`, "a\nb", false, true},
	} {
		m, err := newMatcher(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if string(m.needle) != tt.needle || (m.re != nil) != tt.regexp || m.never != tt.never {
			t.Errorf("%q: needle %q, regexp %v, never %v", tt.pattern, m.needle, m.re != nil, m.never)
		}
	}
}

func TestPatternCacheIsBounded(t *testing.T) {
	g := NewGrep()
	first, err := g.patterns.get("p")
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := g.patterns.get("p"); again != first {
		t.Error("compiled twice")
	}
	for i := range 3 * maxPatterns {
		if _, err := g.patterns.get(strings.Repeat("x", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(g.patterns.compiled) != maxPatterns || len(g.patterns.order) != maxPatterns {
		t.Errorf("%d patterns, %d in order", len(g.patterns.compiled), len(g.patterns.order))
	}
	if again, _ := g.patterns.get("p"); again == first {
		t.Error("the oldest was not forgotten")
	}
}

func TestRangeOfAShrunkFile(t *testing.T) {
	m, err := newMatcher("a")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ off, end int64 }{{0, 11}, {5, 11}, {10, 11}, {11, 12}, {20, 30}} {
		r := rangeReader{file: bytes.NewReader([]byte("a\na\na\na\na\n")), match: m, maxLine: 100, buf: make([]byte, 4)}
		if n, err := r.count(t.Context(), tt.off, tt.end); !errors.Is(err, errShrunk) {
			t.Errorf("range %d to %d of 10 bytes: %d, %v", tt.off, tt.end, n, err)
		}
	}
}

// endless is a file of 'x' that cancels a context after some reads.
type endless struct {
	reads  int
	cancel context.CancelFunc
}

func (e *endless) ReadAt(p []byte, _ int64) (int, error) {
	if e.reads++; e.reads == 3 {
		e.cancel()
	}
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestRangeStopsBetweenBlocks(t *testing.T) {
	m, err := newMatcher("y")
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []int64{0, 1} { // counting, and skipping the first line
		ctx, cancel := context.WithCancel(t.Context())
		file := &endless{cancel: cancel}
		r := rangeReader{file: file, match: m, maxLine: 10, buf: make([]byte, 16)}
		if _, err := r.count(ctx, off, 1<<60); !errors.Is(err, context.Canceled) || file.reads != 3 {
			t.Errorf("from %d: %v after %d reads", off, err, file.reads)
		}
	}
}
