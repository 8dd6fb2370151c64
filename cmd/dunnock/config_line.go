package main

import (
	"bytes"
	"maps"
	"slices"

	"github.com/BurntSushi/toml"
)

// lineOf returns the line, from 1, on which a key of a TOML text is set. The parser does not say where a key is, and
// looking for its name would find it in comments and strings. So the parser itself is asked: the statement that sets a
// key is the last one of the shortest run of whole statements from the text's beginning that has the key.
func lineOf(text []byte, key []string) int {
	lines := bytes.SplitAfter(text, []byte("\n"))
	start, end := 0, 0 // the statement under way is lines[start:]; end is where lines[:n] ends
	for n, line := range lines {
		end += len(line)
		var values map[string]any
		if toml.Unmarshal(text[:end], &values) != nil {
			continue // in the middle of a statement of several lines
		}
		if hasKey(values, key) {
			for start < n && isBlank(lines[start]) {
				start++
			}
			return start + 1
		}
		start = n + 1
	}
	return 1
}

func hasKey(values map[string]any, key []string) bool {
	for i, name := range key {
		v, ok := values[name]
		if !ok {
			return false
		}
		if i == len(key)-1 {
			return true
		}
		if values, ok = v.(map[string]any); !ok {
			return false
		}
	}
	return false
}

func isBlank(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) == 0 || line[0] == '#'
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
