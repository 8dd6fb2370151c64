package workload

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a [Users].
const (
	MaxUsers = 256
	minShare = 1e-6
	maxShare = 1e6
)

// Users says whose the jobs are, and how many of them each user submits. The zero value is nobody; [ParseUsers] makes
// one.
type Users struct{ list []userShare }

type userShare struct {
	name  string
	share float64
}

// ParseUsers reads users and their shares of the jobs:
//
//	ann:1,org/bob:3      one job in four is ann's, the others are bob's
//
// What counts is a share beside the sum of all; where the sum is the load, each share is its user's load. Each job is
// drawn for itself, so that where all jobs are a Poisson process, each user's are one too.
func ParseUsers(s string) (Users, error) {
	var u Users
	fault := func(format string, args ...any) error {
		return fmt.Errorf("users %s: %s", quote(s), fmt.Sprintf(format, args...))
	}
	for part := range strings.SplitSeq(s, ",") {
		name, number, found := cutLast(strings.TrimSpace(part), ":")
		if !found || name == "" || len(name) > MaxUser || !utf8.ValidString(name) {
			return Users{}, fault("want USER:SHARE,…, where a user has 1 to %d bytes, got %s", MaxUser, quote(part))
		}
		share, err := strconv.ParseFloat(number, 64)
		if err != nil || !within(share, minShare, maxShare) {
			return Users{}, fault("share of %s: want a number from %g to %g, got %s", quote(name), minShare, maxShare, quote(number))
		}
		if slices.ContainsFunc(u.list, func(k userShare) bool { return k.name == name }) {
			return Users{}, fault("%s is there twice", quote(name))
		}
		if len(u.list) == MaxUsers {
			return Users{}, fault("at most %d users", MaxUsers)
		}
		u.list = append(u.list, userShare{name, share})
	}
	return u, nil
}

// cutLast is strings.Cut at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// String returns the form that [ParseUsers] reads; empty for the zero value.
func (u Users) String() string {
	parts := make([]string, len(u.list))
	for i, k := range u.list {
		parts[i] = k.name + ":" + formatFloat(k.share)
	}
	return strings.Join(parts, ",")
}

// MarshalText is [Users.String] for encoders.
func (u Users) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText is [ParseUsers] for decoders and command lines.
func (u *Users) UnmarshalText(b []byte) (err error) {
	*u, err = ParseUsers(string(b))
	return err
}

// has reports whether some jobs are a user's.
func (u Users) has(name string) bool {
	return slices.ContainsFunc(u.list, func(k userShare) bool { return k.name == name })
}

// Len is how many there are.
func (u Users) Len() int { return len(u.list) }

// Draw returns the user for 64 random bits; nobody for the zero value.
func (u Users) Draw(random uint64) string {
	if len(u.list) == 0 {
		return ""
	}
	var sum float64
	for _, k := range u.list {
		sum += k.share
	}
	at := float64(uniform(random) * sum)
	for _, k := range u.list {
		if at < k.share {
			return k.name
		}
		at -= k.share
	}
	return u.list[len(u.list)-1].name // what rounding leaves
}
