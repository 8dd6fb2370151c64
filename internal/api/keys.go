package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"dunnock/task"
)

// encoding/json takes "App" for "app", and of a key that is there twice the last value: what a user wrote twice, or
// almost right, would quietly be something else. So a body that it has decoded is looked through once more, for its
// keys alone.

// shape says which keys an object of a body has.
type shape uint8

const (
	anyShape      shape = iota // labels, resources: any, each once. Also what is no object
	jobShape                   // received
	taskShape                  // receivedTask
	attemptsShape              // Attempts
)

// field is a key of an object, and the shape of what it holds, or of what is in its list.
type field struct {
	name string
	in   shape
}

// fields are those of each shape; at most 64.
var fields = [...][]field{ //nolint:gochecknoglobals // a constant
	jobShape: {
		{"app", 0},
		{"tasks", taskShape},
		{"id", 0},
		{"user", 0},
		{"priority", 0},
		{"probe_ratio", 0},
		{"deadline", 0},
		{"task_timeout", 0},
		{"estimate", 0},
		{"max_attempts", 0},
		{"delivery", 0},
		{"on_failure", 0},
		{"on_disconnect", 0},
		{"require", 0},
		{"prefer", 0},
		{"exclude", 0},
		{"spread", 0},
		{"slots", 0},
		{"resources", 0},
		{"affinity", 0},
		{"epoch", 0},
		{"finished", 0},
		{"attempts", attemptsShape},
	},
	taskShape: {
		{"payload", 0}, {"text", 0}, {"require", 0}, {"prefer", 0}, {"exclude", 0}, {"slots", 0}, {"resources", 0}, {"affinity", 0},
	},
	attemptsShape: {{"task", 0}, {"failed", 0}},
}

// checkKeys refuses a job that has a key which is written otherwise than it is to be, or twice. The body is one that
// encoding/json has decoded as a job.
func checkKeys(body []byte) error {
	k := keys{body: body}
	if fault := k.value(jobShape); fault != nil {
		return task.Errorf(task.CodeInvalidJob, "%s", fault.text())
	}
	return nil
}

// keys looks through JSON that is known to be good.
type keys struct {
	body []byte
	at   int
}

// keyFault is a key that is not as it is to be.
type keyFault struct {
	where string // the object, such as tasks[3].require
	key   string
	want  string // how the key is written; empty: it is there twice
}

func (f *keyFault) text() string {
	if f.want == "" {
		return strings.TrimPrefix(f.where+"."+clipKey(f.key), ".") + ": given twice"
	}
	text := fmt.Sprintf("unknown field %q; want %q", clipKey(f.key), f.want)
	if f.where != "" {
		return f.where + ": " + text
	}
	return text
}

func clipKey(key string) string {
	const most = 80
	if len(key) > most {
		return strings.ToValidUTF8(key[:most], "") + "…"
	}
	return key
}

// within says where the object is that a fault was found in.
func (f *keyFault) within(where string) *keyFault {
	if f.where != "" && f.where[0] != '[' {
		where += "."
	}
	f.where = where + f.where
	return f
}

// value passes over one value.
func (k *keys) value(s shape) *keyFault {
	switch k.next() {
	case '{':
		return k.object(s)
	case '[':
		return k.list(s)
	case '"':
		k.text()
	default: // a number, true, false or null ends before one of these
		if n := bytes.IndexAny(k.body[k.at:], ",]} \t\r\n"); n >= 0 {
			k.at += n
		} else {
			k.at = len(k.body)
		}
	}
	return nil
}

// next returns the next byte that is no blank, and stays at it.
func (k *keys) next() byte {
	for k.at < len(k.body) {
		switch b := k.body[k.at]; b {
		case ' ', '\t', '\r', '\n':
			k.at++
		default:
			return b
		}
	}
	return 0
}

// text passes over a string and returns what is between its quotes.
func (k *keys) text() []byte {
	from := k.at + 1
	for k.at = from; k.at < len(k.body); {
		n := bytes.IndexByte(k.body[k.at:], '"')
		if n < 0 {
			break
		}
		k.at += n + 1
		end := k.at - 1
		slashes := 0
		for end-slashes > from && k.body[end-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return k.body[from:end]
		}
	}
	k.at = len(k.body)
	return nil
}

func (k *keys) list(s shape) *keyFault {
	k.at++
	for i := 0; k.next() != 0; i++ {
		if k.body[k.at] == ']' {
			k.at++
			return nil
		}
		if fault := k.value(s); fault != nil {
			return fault.within(fmt.Sprintf("[%d]", i))
		}
		if k.next() == ',' {
			k.at++
		}
	}
	return nil
}

func (k *keys) object(s shape) *keyFault {
	var once seenKeys
	k.at++
	for k.next() == '"' {
		key := k.text()
		if bytes.IndexByte(key, '\\') >= 0 {
			key = unquoted(key)
		}
		in := anyShape
		if s == anyShape {
			if once.key(key) {
				return &keyFault{key: string(key)}
			}
		} else {
			place, known := find(fields[s], key)
			if !known {
				return &keyFault{key: string(key), want: meant(fields[s], key)}
			}
			if once.place(place) {
				return &keyFault{key: string(key)}
			}
			in = fields[s][place].in
		}
		if k.next() == ':' {
			k.at++
		}
		if fault := k.value(in); fault != nil {
			return fault.within(string(key))
		}
		if k.next() == ',' {
			k.at++
		}
	}
	k.at++ // its end
	return nil
}

// unquoted is what a string with escapes stands for.
func unquoted(s []byte) []byte {
	var text string
	_ = json.Unmarshal(slices.Concat([]byte{'"'}, s, []byte{'"'}), &text) // it has been decoded before
	return []byte(text)
}

func find(list []field, key []byte) (place int, known bool) {
	for i := range list {
		if list[i].name == string(key) {
			return i, true
		}
	}
	return 0, false
}

// meant is the field that encoding/json has taken a key for.
func meant(list []field, key []byte) string {
	for i := range list {
		if strings.EqualFold(list[i].name, string(key)) {
			return list[i].name
		}
	}
	return "another one"
}

// fewKeys is how many keys of an object are compared one by one.
const fewKeys = 8

// seenKeys are those that an object had so far.
type seenKeys struct {
	places uint64 // of known ones
	few    [fewKeys][]byte
	n      int
	many   map[string]bool // from fewKeys on
}

// place reports whether a known key was there before.
func (s *seenKeys) place(p int) bool {
	was := s.places>>p&1 == 1
	s.places |= 1 << p
	return was
}

// key reports whether any key was there before.
func (s *seenKeys) key(key []byte) bool {
	for i := range min(s.n, fewKeys) {
		if bytes.Equal(s.few[i], key) {
			return true
		}
	}
	if s.n < fewKeys {
		s.few[s.n] = key
		s.n++
		return false
	}
	if s.many[string(key)] {
		return true
	}
	if s.many == nil {
		s.many = make(map[string]bool)
	}
	s.many[string(key)] = true
	return false
}
