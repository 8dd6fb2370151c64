package view

import (
	"strconv"
	"strings"

	"dunnock/internal/wire"
	"dunnock/probe"
)

const hexDigits = "0123456789abcdef"

// Hex returns the 16 lower-case hexadecimal digits by which an incarnation is written
// wherever people or other programs read it.
func Hex(i probe.Incarnation) string {
	var b [16]byte
	for k := range b {
		b[k] = hexDigits[i>>(60-4*k)&15]
	}
	return string(b[:])
}

// Identity returns the name under which gossip knows one life of a process, such as
// "worker/w1#0192f3a4b5c6d7e8". It is never reused, so gossip cannot confuse two lives.
func Identity(k Key, i probe.Incarnation) string {
	return k.Role.String() + "/" + k.Name + "#" + Hex(i)
}

// ParseIdentity undoes [Identity], and takes nothing that Identity would not write. The error is
// [wire.ErrMalformed].
func ParseIdentity(s string) (Key, probe.Incarnation, error) {
	role, rest, _ := strings.Cut(s, "/")
	name, digits, _ := strings.Cut(rest, "#")
	k := Key{Name: name}
	switch role {
	case probe.RoleScheduler.String():
		k.Role = probe.RoleScheduler
	case probe.RoleWorker.String():
		k.Role = probe.RoleWorker
	default:
		return Key{}, 0, wire.ErrMalformed
	}
	i, err := strconv.ParseUint(digits, 16, 64)
	if err != nil || i == 0 || Hex(probe.Incarnation(i)) != digits || !probe.ValidNodeName(name) {
		return Key{}, 0, wire.ErrMalformed
	}
	return k, probe.Incarnation(i), nil
}
