package app

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"sync"
	"unicode/utf8"
)

// matcher counts the lines that match one pattern.
//
// Package regexp looks at 20 to 100 MB/s, bytes.Index at gigabytes. So text that any match must contain is looked for
// first, across lines, and only the lines that have it are shown to the regular expression; if the pattern is nothing
// but that text, none are.
type matcher struct {
	needle []byte         // in every matching line; empty: not known
	re     *regexp.Regexp // nil: the needle decides
	never  bool           // no line can match
}

func newMatcher(pattern string) (*matcher, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	needle, whole := required(tree)
	m := &matcher{needle: []byte(needle), re: re, never: bytes.IndexByte([]byte(needle), '\n') >= 0}
	if whole {
		m.re = nil
	}
	return m, nil
}

// required returns text that every match of the pattern contains, the longest piece that is easy to find, and whether
// the pattern matches wherever the text is.
func required(re *syntax.Regexp) (text string, whole bool) {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return "", true
	case syntax.OpLiteral:
		// utf8.RuneError also matches any byte that is not UTF-8.
		if re.Flags&syntax.FoldCase != 0 || bytes.ContainsRune([]byte(string(re.Rune)), utf8.RuneError) {
			return "", false
		}
		return string(re.Rune), true
	case syntax.OpCapture:
		return required(re.Sub[0])
	case syntax.OpPlus:
		text, _ = required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			text, _ = required(re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if t, _ := required(sub); len(t) > len(text) {
				text = t
			}
		}
	default: // alternatives, classes, what may be absent, anchors
	}
	return text, false
}

// count returns how many lines of data match. Data is whole lines; the last may lack its
// '\n' if the file does. Of each line the first maxLine bytes are looked at.
func (m *matcher) count(data []byte, maxLine int) int64 {
	if m.never {
		return 0
	}
	n := int64(0)
	for len(data) > 0 {
		start, hit := 0, 0
		if len(m.needle) > 0 {
			if hit = bytes.Index(data, m.needle); hit < 0 {
				break
			}
			start = bytes.LastIndexByte(data[:hit], '\n') + 1
		}
		line, rest := data[start:], []byte(nil)
		if i := bytes.IndexByte(data[hit:], '\n'); i >= 0 {
			line, rest = data[start:hit+i], data[hit+i+1:]
		}
		if m.line(trim(line, maxLine)) {
			n++
		}
		data = rest
	}
	return n
}

// trim takes the '\r' of a line's end off and what is over maxLine bytes.
func trim(line []byte, maxLine int) []byte {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	return line[:min(len(line), maxLine)]
}

// line says whether one line matches.
func (m *matcher) line(line []byte) bool {
	if m.never {
		return false
	}
	if m.re == nil {
		return bytes.Contains(line, m.needle)
	}
	return m.re.Match(line)
}

// maxPatterns is how many compiled patterns are kept: more than the jobs that
// a worker is likely to serve at once.
const maxPatterns = 64

// patternCache keeps the patterns used last compiled, and forgets the one that came in first.
type patternCache struct {
	mu       sync.Mutex // guards all below
	compiled map[string]*matcher
	order    []string // the keys of compiled, the oldest first
}

// get compiles each pattern once, while it is remembered. Others wait meanwhile: a pattern of
// MaxPatternBytes takes well under a millisecond.
func (c *patternCache) get(pattern string) (*matcher, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.compiled[pattern]; m != nil {
		return m, nil
	}
	m, err := newMatcher(pattern)
	if err != nil {
		return nil, err
	}
	if len(c.order) == maxPatterns {
		delete(c.compiled, c.order[0])
		c.order = append(c.order[:0], c.order[1:]...)
	}
	c.compiled[pattern] = m
	c.order = append(c.order, pattern)
	return m, nil
}
