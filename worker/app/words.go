package app

import (
	"errors"
	"strings"
)

// splitWords cuts a command into its words like a shell, without any of a shell's expansions: blanks separate; '…'
// keeps all as it is; in "…" a \ before " or \ takes its meaning away; outside quotes a \ does so for any character.
// The error says which quote was not closed.
func splitWords(s string) ([]string, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return nil, errors.New("a command cannot contain a NUL byte")
	}
	var (
		words  []string
		word   strings.Builder
		inWord bool
	)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\n', '\r':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
			continue
		case '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, errors.New("a single quote is not closed")
			}
			word.WriteString(s[i+1 : i+1+end])
			i += 1 + end
		case '"':
			end, err := doubleQuoted(s[i+1:], &word)
			if err != nil {
				return nil, err
			}
			i += 1 + end
		case '\\':
			if i++; i == len(s) {
				return nil, errors.New(`nothing follows the \ at the end`)
			}
			word.WriteByte(s[i])
		default:
			word.WriteByte(c)
		}
		inWord = true
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// doubleQuoted writes what is before the closing quote to word and returns the quote's index.
func doubleQuoted(s string, word *strings.Builder) (end int, err error) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return i, nil
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		word.WriteByte(s[i])
	}
	return 0, errors.New("a double quote is not closed")
}
