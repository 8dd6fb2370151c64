package search

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"dunnock/worker/app"
)

// DefaultRangeBytes is how much of a file one task searches if the caller does not say.
const DefaultRangeBytes = 1 << 20

// Plan is a search cut into tasks.
type Plan struct {
	Tasks   [][]byte  // payloads of the app grep, file by file and range by range
	Files   []File    // in path order, empty ones too
	Skipped []Skipped // what could not be read, in path order
	Bytes   int64     // of all files

	owner []int // index into Files of each task
}

// FileMatches is what was found in one file.
type FileMatches struct {
	Path  string
	Lines int64 // that match, at least one
}

// NewPlan plans the search of every regular file under the paths for lines that match the pattern of package regexp, in
// ranges of rangeBytes bytes (0: [DefaultRangeBytes]). A file reached twice is searched once; a symbolic link is
// followed only if it is one of the paths; what cannot be read is in Plan.Skipped. An empty file needs no task.
//
// The error is one line: a pattern that is wrong or too long, or a path that does not exist.
func NewPlan(paths []string, pattern string, rangeBytes int64) (*Plan, error) {
	switch {
	case rangeBytes == 0:
		rangeBytes = DefaultRangeBytes
	case rangeBytes < 0:
		return nil, fmt.Errorf("range: want more than 0 bytes, got %d", rangeBytes)
	}
	if _, err := compilePattern(pattern); err != nil {
		return nil, err
	}
	files, skipped, err := find(paths)
	if err != nil {
		return nil, err
	}
	p := &Plan{Files: files, Skipped: skipped}
	for i, f := range files {
		p.Bytes += f.Bytes
		for off := int64(0); off < f.Bytes; off += rangeBytes {
			payload := app.GrepPayload{Path: f.real, Offset: off, Length: min(rangeBytes, f.Bytes-off), Pattern: pattern}
			p.Tasks = append(p.Tasks, payload.Encode())
			p.owner = append(p.owner, i)
		}
	}
	return p, nil
}

// File returns the file that a task searches a range of.
func (p *Plan) File(task int) File { return p.Files[p.owner[task]] }

// Merge adds the tasks' counts up per file and returns the files with matches, in path order. A task that found nothing
// or is not known counts 0. It panics unless there is one count per task.
func (p *Plan) Merge(counts []int64) []FileMatches {
	if len(counts) != len(p.Tasks) {
		panic(fmt.Sprintf("search: %d counts for %d tasks", len(counts), len(p.Tasks)))
	}
	var merged []FileMatches
	last := -1
	for task, n := range counts {
		if n == 0 {
			continue
		}
		if file := p.owner[task]; file != last {
			merged = append(merged, FileMatches{Path: p.Files[file].Path})
			last = file
		}
		merged[len(merged)-1].Lines += n
	}
	return merged
}

// compilePattern compiles a pattern as the app grep does. The error is one line.
func compilePattern(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > app.MaxPatternBytes {
		return nil, fmt.Errorf("pattern: at most %d bytes, got %d", app.MaxPatternBytes, len(pattern))
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, errors.New("pattern: " + strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return re, nil
}
