package search

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"

	"dunnock/worker/app"
)

// Count is the reference: the lines that match re in the files that [NewPlan] would plan, one file after another in
// this goroutine, and nothing clever. A line is what [app.GrepPayload] says. It returns the files with matches in path
// order. The error is a path that does not exist or a file that cannot be read to its end.
func Count(paths []string, re *regexp.Regexp) ([]FileMatches, error) {
	files, _, err := find(paths)
	if err != nil {
		return nil, err
	}
	var found []FileMatches
	for _, file := range files {
		if file.Bytes == 0 {
			continue // or not a file with bytes in it, like those of /proc
		}
		n, err := countFile(file.real, re)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			found = append(found, FileMatches{Path: file.Path, Lines: n})
		}
	}
	return found, nil
}

func countFile(path string, re *regexp.Regexp) (int64, error) {
	f, err := os.Open(path) //nolint:gosec // the files that the user names
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // only read from
	in := bufio.NewReaderSize(f, 64<<10)
	n := int64(0)
	var line []byte
	for {
		line, err = readLine(in, line[:0])
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if err != nil && len(line) == 0 {
			return n, nil
		}
		if len(line) > 0 && line[len(line)-1] == '\n' {
			line = line[:len(line)-1]
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		if re.Match(line[:min(len(line), app.MaxLineBytes)]) {
			n++
		}
	}
}

// readLine appends the next line with its end to line, or of a very long line the beginning.
func readLine(in *bufio.Reader, line []byte) ([]byte, error) {
	for {
		piece, err := in.ReadSlice('\n')
		if len(line) <= app.MaxLineBytes+1 {
			line = append(line, piece...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}
