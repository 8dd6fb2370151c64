package workload

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// The fields of a job in NDJSON.
const (
	nameAt       = "at_ms"
	nameUser     = "user"
	nameService  = "service_ms"
	nameEst      = "est_ms"
	namePriority = "priority"
	nameDeadline = "deadline_ms"
	nameSlots    = "slots"
	nameKeys     = "keys"

	nameResources = "resources"
	nameRequire   = "require"
	namePrefer    = "prefer"
	nameExclude   = "exclude"
	nameSpread    = "spread"
	nameGroups    = "groups"
	nameTasks     = "tasks" // of a group
)

func ndjsonNames() names {
	return names{
		nameAt, nameUser, nameService, nameEst, namePriority, nameDeadline, nameSlots, nameKeys,
		nameResources, nameRequire, namePrefer, nameExclude, nameSpread, nameGroups,
	}
}

// millisecond is the power of ten that makes milliseconds nanoseconds.
const millisecond = 6

// maxInterned bounds how many users' names are kept so that a job of a known user allocates nothing.
const maxInterned = 4096

// ndjson parses lines of NDJSON. It reads the one shape it knows, in place and exactly: numbers become nanoseconds
// without a float between, and an unknown or repeated field is an error that names it.
type ndjson struct {
	line  []byte
	at    int // of the next byte to read
	text  []byte
	users map[string]string
}

func (*ndjson) names() names { return ndjsonNames() }

func (p *ndjson) parse(line []byte, j *Job) *InputError {
	p.line, p.at = line, 0
	j.At, j.User, j.Service, j.Est, j.Unsaid, j.Keys = 0, "", j.Service[:0], 0, false, j.Keys[:0]
	j.Priority, j.Deadline = 0, 0
	j.Demand, j.Spread, j.Groups = Demand{}, "", nil
	var seen [fields]bool
	if err := p.object("", func(name []byte) *InputError { return p.field(name, &seen, j) }); err != nil {
		return err
	}
	if p.peek(); p.at < len(p.line) {
		return p.unexpected("the end of the line")
	}
	return missing(&seen)
}

// field reads the value of a field, after its name.
func (p *ndjson) field(name []byte, seen *[fields]bool, j *Job) (err *InputError) {
	known := ndjsonNames()
	i := slices.Index(known[:], string(name))
	if i < 0 {
		return &InputError{Field: quote(string(name)), Reason: "unknown field; a job has " + strings.Join(known[:fields-1], ", ") + " and " + known[fields-1]}
	}
	if seen[i] {
		return &InputError{Field: known[i], Reason: "is there twice"}
	}
	seen[i] = true
	switch field(i) {
	case fieldAt:
		j.At, err = p.number(nameAt, -1)
	case fieldUser:
		j.User, err = p.user()
	case fieldService:
		j.Service, err = p.numbers(j.Service)
	case fieldEst:
		j.Est, err = p.number(nameEst, -1)
	case fieldPriority:
		j.Priority, err = p.integer(namePriority, -maxPriority, maxPriority)
	case fieldDeadline:
		j.Deadline, err = p.number(nameDeadline, -1)
	case fieldSlots, fieldResources, fieldRequire, fieldPrefer, fieldExclude:
		err = p.demand(known[i], known[i], &j.Demand)
	case fieldKeys:
		j.Keys, err = p.integers(nameKeys, 1, MaxKeys, j.Keys)
	case fieldSpread:
		var key []byte
		key, err = p.string(nameSpread)
		j.Spread = string(key)
	case fieldGroups:
		err = p.array(nameGroups, func(i int) *InputError {
			j.Groups = append(j.Groups, Group{})
			return p.group(i, &j.Groups[i])
		})
	}
	return err
}

// missing names the first field that must be there and is not.
func missing(seen *[fields]bool) *InputError {
	switch {
	case !seen[fieldAt]:
		return &InputError{Field: nameAt, Reason: "is missing"}
	case !seen[fieldService]:
		return &InputError{Field: nameService, Reason: "is missing"}
	}
	return nil
}

// peek skips white space and returns the next byte, or 0 at the end.
func (p *ndjson) peek() byte {
	for ; p.at < len(p.line); p.at++ {
		switch c := p.line[p.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (p *ndjson) expect(c byte) *InputError {
	if p.peek() != c {
		return p.unexpected(strconv.QuoteRune(rune(c)))
	}
	p.at++
	return nil
}

// unexpected says what stands where something else was wanted.
func (p *ndjson) unexpected(want string) *InputError {
	if p.at >= len(p.line) {
		return &InputError{Reason: "truncated: the line ends where " + want + " should come"}
	}
	r, _ := utf8.DecodeRune(p.line[p.at:])
	return &InputError{Reason: fmt.Sprintf("column %d: want %s, got %q", p.at+1, want, r)}
}

// number reads a time in milliseconds. index is that within an array, or −1.
func (p *ndjson) number(name string, index int) (time.Duration, *InputError) {
	p.peek()
	v, n, fault := scanDecimal(p.line[p.at:], millisecond, false)
	if fault == 0 && !delimits(p.line[p.at+n:]) {
		fault = numberMalformed
	}
	if fault == 0 {
		p.at += n
		return time.Duration(v), nil
	}
	if index >= 0 {
		name = element(name, index)
	}
	token := p.line[p.at:]
	if end := bytes.IndexAny(token, " \t\r\n,]}"); end >= 0 {
		token = token[:end]
	}
	if len(token) == 0 {
		err := p.unexpected("a number")
		err.Field = name
		return 0, err
	}
	return 0, &InputError{Field: name, Reason: fault.reason(token)}
}

// integer reads a whole number from low to high.
func (p *ndjson) integer(name string, low, high int) (int, *InputError) {
	p.peek()
	n := 0
	for p.at+n < len(p.line) && !delimits(p.line[p.at+n:]) {
		n++
	}
	token := string(p.line[p.at : p.at+n])
	v, err := strconv.Atoi(token)
	if err != nil || v < low || v > high || token[0] == '+' {
		return 0, &InputError{Field: name, Reason: fmt.Sprintf("want a whole number from %d to %d, got %s", low, high, quote(token))}
	}
	p.at += n
	return v, nil
}

// delimits reports whether a number can end before rest.
func delimits(rest []byte) bool {
	if len(rest) == 0 {
		return true
	}
	switch rest[0] {
	case ' ', '\t', '\r', '\n', ',', ']', '}':
		return true
	}
	return false
}

// numbers reads the array of service times and appends them.
func (p *ndjson) numbers(times []time.Duration) ([]time.Duration, *InputError) {
	err := p.array(nameService, func(i int) *InputError {
		v, err := p.number(nameService, i)
		times = append(times, v)
		return err
	})
	return times, err
}

// integers reads an array of whole numbers from low to high and appends them.
func (p *ndjson) integers(name string, low, high int, keys []uint32) ([]uint32, *InputError) {
	err := p.array(name, func(i int) *InputError {
		k, err := p.integer(name, low, high)
		if err != nil {
			err.Field = element(name, i)
		}
		keys = append(keys, uint32(k))
		return err
	})
	return keys, err
}

// array reads an array of no more elements than a job may have tasks. An empty one is none.
func (p *ndjson) array(name string, read func(i int) *InputError) *InputError {
	if p.peek() != '[' {
		err := p.unexpected("'['")
		err.Field = name
		return err
	}
	p.at++
	if p.peek() == ']' {
		p.at++
		return nil // Source refuses a job without tasks
	}
	for i := 0; ; i++ {
		if i == MaxTasks {
			return &InputError{Field: name, Reason: "a job has at most " + strconv.Itoa(MaxTasks) + " tasks"}
		}
		if err := read(i); err != nil {
			return err
		}
		if p.peek() == ']' {
			p.at++
			return nil
		}
		if err := p.expect(','); err != nil {
			err.Field = name
			return err
		}
	}
}

// user reads the name of a user.
func (p *ndjson) user() (string, *InputError) {
	b, err := p.string(nameUser)
	if err != nil {
		return "", err
	}
	if known, ok := p.users[string(b)]; ok {
		return known, nil
	}
	name := string(b)
	if p.users == nil {
		p.users = make(map[string]string)
	}
	if len(p.users) < maxInterned && len(name) <= MaxUser {
		p.users[name] = name
	}
	return name, nil
}

// string reads a string of at most MaxUser bytes. The result is valid until the next call.
func (p *ndjson) string(name string) ([]byte, *InputError) {
	if p.peek() != '"' {
		err := p.unexpected("a string")
		err.Field = name
		return nil, err
	}
	p.at++
	p.text = p.text[:0]
	for p.at < len(p.line) {
		c := p.line[p.at]
		switch {
		case c == '"':
			p.at++
			if !utf8.Valid(p.text) {
				return nil, &InputError{Field: name, Reason: "not valid UTF-8: " + quote(string(p.text))}
			}
			return p.text, nil
		case len(p.text) > MaxUser:
			return nil, &InputError{Field: name, Reason: "a string of more than " + strconv.Itoa(MaxUser) + " bytes: " + quote(string(p.text))}
		case c == '\r' || c == '\n':
			return nil, &InputError{Field: name, Reason: "truncated: the line ends within a string"}
		case c < ' ':
			return nil, &InputError{Field: name, Reason: fmt.Sprintf("column %d: control character %q in a string", p.at+1, c)}
		case c == '\\':
			if !p.escape() {
				return nil, &InputError{Field: name, Reason: fmt.Sprintf("column %d: not an escape sequence of JSON", p.at+1)}
			}
		default:
			p.text = append(p.text, c)
			p.at++
		}
	}
	return nil, &InputError{Field: name, Reason: "truncated: the line ends within a string"}
}

// escape reads one escape sequence, or two that make a pair of surrogates, and appends what it stands for.
func (p *ndjson) escape() bool {
	rest := p.line[p.at:]
	if len(rest) < 2 {
		return false
	}
	if i := strings.IndexByte(`"\/bfnrt`, rest[1]); i >= 0 {
		p.text = append(p.text, "\"\\/\b\f\n\r\t"[i])
		p.at += 2
		return true
	}
	r, ok := unicodeEscape(rest)
	if !ok {
		return false
	}
	p.at += 6
	if utf16.IsSurrogate(r) {
		low, ok := unicodeEscape(rest[6:])
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			p.at -= 6
			return false
		}
		p.at += 6
	}
	p.text = utf8.AppendRune(p.text, r)
	return true
}

// unicodeEscape reads the \u00e4 at the start of b.
func unicodeEscape(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(v), err == nil
}
