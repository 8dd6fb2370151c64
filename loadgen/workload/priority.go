package workload

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Priorities says which priority the jobs of users have. Those of others, and jobs of nobody, have 0. The zero value is
// 0 for all; [ParsePriorities] makes one.
type Priorities struct{ list []userPriority }

type userPriority struct {
	name     string
	priority int
}

// ParsePriorities reads users and the priority of their jobs, −1000 to 1000:
//
//	ann:5,org/bob:-3
func ParsePriorities(s string) (Priorities, error) {
	var p Priorities
	fault := func(format string, args ...any) error {
		return fmt.Errorf("priority %s: %s", quote(s), fmt.Sprintf(format, args...))
	}
	for part := range strings.SplitSeq(s, ",") {
		name, number, found := cutLast(strings.TrimSpace(part), ":")
		if !found || name == "" || len(name) > MaxUser || !utf8.ValidString(name) {
			return Priorities{}, fault("want USER:PRIORITY,…, where a user has 1 to %d bytes, got %s", MaxUser, quote(part))
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < -maxPriority || n > maxPriority {
			return Priorities{}, fault("that of %s: want a whole number from %d to %d, got %s", quote(name), -maxPriority, maxPriority, quote(number))
		}
		for _, k := range p.list {
			if k.name == name {
				return Priorities{}, fault("%s is there twice", quote(name))
			}
		}
		if len(p.list) == MaxUsers {
			return Priorities{}, fault("at most %d users", MaxUsers)
		}
		p.list = append(p.list, userPriority{name, n})
	}
	return p, nil
}

// String returns the form that [ParsePriorities] reads; empty for the zero value.
func (p Priorities) String() string {
	parts := make([]string, len(p.list))
	for i, k := range p.list {
		parts[i] = k.name + ":" + strconv.Itoa(k.priority)
	}
	return strings.Join(parts, ",")
}

// MarshalText is [Priorities.String] for encoders.
func (p Priorities) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is [ParsePriorities] for decoders and command lines.
func (p *Priorities) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePriorities(string(b))
	return err
}

// of returns the priority of a user's jobs.
func (p Priorities) of(user string) int {
	for i := range p.list {
		if p.list[i].name == user {
			return p.list[i].priority
		}
	}
	return 0
}

// validatePriorities reports priorities of users whose jobs do not come.
func (s *Spec) validatePriorities() (faults []error) {
	for _, k := range s.Priorities.list {
		if !s.Users.has(k.name) {
			faults = append(faults, fmt.Errorf("priority %s: no job is of user %s", s.Priorities, quote(k.name)))
		}
	}
	return faults
}
