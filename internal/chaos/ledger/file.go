package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

// Writer appends to a ledger file. It is safe for use by many goroutines, and
// many processes may append to one file.
type Writer struct{ f *os.File }

// Open opens a file for appending and creates it if there is none.
func Open(path string) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the harness names its own files
	if err != nil {
		return nil, err
	}
	return &Writer{f: f}, nil
}

// Append writes one line in one system call.
func (w *Writer) Append(r Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = w.f.Write(append(line, '\n'))
	return err
}

// Close closes the file.
func (w *Writer) Close() error { return w.f.Close() }

// Read returns the records of a file in their order. The last line counts only if it is whole: torn says that it was
// not, as after a machine's crash or on a full disk. Any other line that is no record is an error.
func Read(path string) (records []Record, torn bool, err error) {
	data, err := os.ReadFile(path) //nolint:gosec // the harness names its own files
	if err != nil {
		return nil, false, err
	}
	for n := 1; len(data) > 0; n++ {
		line, rest, whole := bytes.Cut(data, []byte{'\n'})
		if !whole {
			return records, true, nil
		}
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, false, fmt.Errorf("%s:%d: no record: %w", path, n, err)
		}
		records = append(records, r)
		data = rest
	}
	return records, false, nil
}

// Proof is what a handler returns as its result: it names the one attempt that made it.
func Proof(start Record) string {
	return start.Node + "/" + strconv.Itoa(start.Life) + "/" + strconv.FormatInt(start.At, 10)
}
