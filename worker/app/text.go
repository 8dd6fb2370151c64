package app

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// quote shows text from outside in an error, on one line and bounded.
func quote(s string) string {
	const limit = 80
	if len(s) <= limit {
		return strconv.Quote(s)
	}
	return strconv.Quote(cutRunes(s, limit)) + "…"
}

// oneLine makes a library's error text fit for a message: one line, bounded.
func oneLine(err error) string {
	const limit = 300
	s := strings.Join(strings.Fields(strings.ToValidUTF8(err.Error(), "\uFFFD")), " ")
	return cutRunes(s, limit)
}

// cutRunes returns at most limit bytes from the front of s, without half a rune at the end.
func cutRunes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// headText is the beginning of b as the detail of an error, tailText the end:
// valid UTF-8, at most maxDetailBytes, without blanks around it.
func headText(b []byte) string {
	s := strings.ToValidUTF8(string(b[:min(len(b), maxDetailBytes)]), "\uFFFD")
	return strings.TrimSpace(cutRunes(s, maxDetailBytes))
}

func tailText(b []byte) string {
	b = b[max(0, len(b)-maxDetailBytes):]
	for len(b) > 0 && !utf8.RuneStart(b[0]) {
		b = b[1:]
	}
	s := strings.ToValidUTF8(string(b), "\uFFFD")
	for len(s) > maxDetailBytes { // each bad byte may have become three
		_, n := utf8.DecodeRuneInString(s)
		s = s[n:]
	}
	return strings.TrimSpace(s)
}
