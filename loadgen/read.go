package loadgen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxResults bounds a file of results, in bytes.
const maxResults = 256 << 20

// ReadResults reads what `dunnock loadgen run --json` has printed: one object a run, one after the other. There is at
// least one. Errors name the line.
func ReadResults(r io.Reader) ([]*Result, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxResults+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxResults:
		return nil, fmt.Errorf("longer than %d bytes", maxResults)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	var results []*Result
	for {
		begin := decoder.InputOffset()
		var one Result
		err := decoder.Decode(&one)
		line := 1 + bytes.Count(text[:begin], []byte("\n"))
		switch {
		case errors.Is(err, io.EOF) && len(results) > 0:
			return results, nil
		case errors.Is(err, io.EOF):
			return nil, errors.New("no results")
		case err != nil:
			return nil, fmt.Errorf("the object from line %d on: not what 'loadgen run --json' prints: %w", line, err)
		case one.Digest == "" || one.Histogram == "" || one.Jobs == 0:
			return nil, fmt.Errorf("the object from line %d on: not what 'loadgen run --json' prints", line)
		}
		results = append(results, &one)
	}
}
