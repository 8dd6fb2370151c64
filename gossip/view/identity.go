package view

import (
	"strconv"
	"strings"

	"dunnock/internal/wire"
	"dunnock/probe"
)

// Identity returns the name under which gossip knows one life of a process, such as
// "worker/w1#0192f3a4b5c6d7e8". It is never reused, so gossip cannot confuse two lives.
func Identity(k Key, i probe.Incarnation) string {
	return k.Role.String() + "/" + k.Name + "#" + i.String()
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
	if err != nil || i == 0 || len(digits) != 16 || strings.Trim(digits, "0123456789abcdef") != "" || !probe.ValidNodeName(name) {
		return Key{}, 0, wire.ErrMalformed
	}
	return k, probe.Incarnation(i), nil
}
