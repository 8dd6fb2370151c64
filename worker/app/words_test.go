package app

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitWords(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"", nil},
		{" \t\n", nil},
		{"gzip -9", []string{"gzip", "-9"}},
		{`sh -c "a b"`, []string{"sh", "-c", "a b"}},
		{`sh -c 'a "b" \c'`, []string{"sh", "-c", `a "b" \c`}},
		{`a"b c"'d e'f`, []string{"ab cd ef"}},
		{`'' "" x`, []string{"", "", "x"}},
		{`a\ b \' \"`, []string{"a b", "'", `"`}},
		{`"a\"b\\c\n"`, []string{`a"b\c\n`}},
		{`$HOME * ; | > ~ ` + "`x`", []string{"$HOME", "*", ";", "|", ">", "~", "`x`"}},
		{"é \xff", []string{"é", "\xff"}},
	} {
		if got, err := splitWords(tt.line); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("splitWords(%q) = %q, %v, want %q", tt.line, got, err, tt.want)
		}
	}
	for _, bad := range []string{`'`, `"`, `a 'b`, `a "b`, `"\"`, `a\`, "a\x00b"} {
		if got, err := splitWords(bad); err == nil {
			t.Errorf("splitWords(%q) = %q", bad, got)
		}
	}
}

// FuzzSplitWords quotes what was split and splits it again, in both styles.
func FuzzSplitWords(f *testing.F) {
	for _, s := range []string{"gzip -9", `sh -c "a b"`, `'a'\''b' "\\"`, `a\`, `"`} {
		f.Add(s)
	}
	single := func(w string) string { return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'" }
	double := func(w string) string { return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(w) + `"` }
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitWords(line)
		if err != nil {
			return
		}
		for _, quoted := range []func(string) string{single, double} {
			var again []string
			for _, w := range words {
				again = append(again, quoted(w))
			}
			if got, err := splitWords(strings.Join(again, " ")); err != nil || !slices.Equal(got, words) {
				t.Fatalf("%q became %q, %v", words, got, err)
			}
		}
	})
}
