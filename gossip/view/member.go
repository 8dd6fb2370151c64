package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"dunnock/probe"
	"dunnock/task"
)

// State is what a member says about its own life. Values are on the wire: append only.
type State uint8

// The states.
const (
	// Active members take new work.
	Active State = iota + 1
	// Draining members finish what they have and leave.
	Draining
	// Joining members are still making sure that no other live process has
	// their name. Views leave them out.
	Joining
)

// String returns the word used in labels and listings.
func (s State) String() string {
	switch s {
	case Active:
		return "active"
	case Draining:
		return "draining"
	case Joining:
		return "joining"
	default:
		return "unknown"
	}
}

// Member is one life of a scheduler or worker, as it announces itself.
// Members in a [View] are shared: neither they nor their Labels may be changed.
type Member struct {
	Name        string            // [a-z0-9.-]{1,63}, unique per role
	Incarnation probe.Incarnation // of this life, never 0
	Role        probe.Role        // RoleScheduler or RoleWorker
	Addr        string            // host:port where it serves HTTP and the fleet stream
	GossipAddr  string            // ip:port of its gossip, as gossip knows it; not part of the metadata
	Slots       int               // tasks it runs at once: 1 to probe.MaxSlots for a worker, 0 for a scheduler
	Labels      []probe.Label     // sorted by key, no key twice
	Zone        string            // failure domain, at most 63 bytes; may be empty
	State       State
	Version     uint32 // of the fleet protocol that it speaks: probe.Version there
}

// Key names a member across its lives.
type Key struct {
	Role probe.Role
	Name string
}

// Key returns the member's role and name.
func (m *Member) Key() Key { return Key{m.Role, m.Name} }

// Equal reports whether two members are the same in every field.
func (m *Member) Equal(o *Member) bool {
	return m.Name == o.Name && m.Incarnation == o.Incarnation && m.Role == o.Role && m.Addr == o.Addr &&
		m.GossipAddr == o.GossipAddr && m.Slots == o.Slots && m.Zone == o.Zone && m.State == o.State &&
		m.Version == o.Version && slices.Equal(m.Labels, o.Labels)
}

// Faults lists all that is wrong with a member that wants to announce itself, each in one line that names the field;
// nil if nothing is. GossipAddr is not looked at.
func (m *Member) Faults() []string {
	var faults []string
	if !probe.ValidNodeName(m.Name) {
		faults = append(faults, fmt.Sprintf("name: want 1 to %d characters of a-z 0-9 . -, got %q", probe.MaxNodeName, clip(m.Name)))
	}
	if m.Incarnation == 0 {
		faults = append(faults, "incarnation: want a number other than 0")
	}
	if !ValidAddr(m.Addr) {
		faults = append(faults, fmt.Sprintf("http address: want host:port with a port of 1 to 65535, got %q", clip(m.Addr)))
	}
	switch m.Role {
	case probe.RoleWorker:
		if m.Slots < 1 || m.Slots > probe.MaxSlots {
			faults = append(faults, fmt.Sprintf("slots: want 1 to %d, got %d", probe.MaxSlots, m.Slots))
		}
	case probe.RoleScheduler:
		if m.Slots != 0 {
			faults = append(faults, fmt.Sprintf("slots: a scheduler has none, got %d", m.Slots))
		}
	case probe.RoleClient:
		faults = append(faults, "role: a client is no member of the fleet")
	default:
		faults = append(faults, "role: want scheduler or worker")
	}
	faults = append(faults, labelFaults(m.Labels)...)
	if !validText(m.Zone) {
		faults = append(faults, fmt.Sprintf("zone: want at most %d bytes of printable text, got %q", task.MaxNameLen, clip(m.Zone)))
	}
	if m.State < Active || m.State > Joining {
		faults = append(faults, "state: want active, draining or joining")
	}
	if m.Version == 0 {
		faults = append(faults, "version: want a number other than 0")
	}
	return faults
}

func labelFaults(labels []probe.Label) []string {
	var faults []string
	if len(labels) > task.MaxLabels {
		faults = append(faults, fmt.Sprintf("labels: at most %d, got %d", task.MaxLabels, len(labels)))
	}
	for i, l := range labels {
		if !validLabel(l) {
			faults = append(faults, fmt.Sprintf("labels: %q: want a key of 1 to %d characters of a-z 0-9 . _ - and a value of at most %d bytes of printable text",
				clip(l.Key+"="+l.Value), task.MaxNameLen, task.MaxNameLen))
		}
		if i > 0 && labels[i-1].Key >= l.Key {
			faults = append(faults, fmt.Sprintf("labels: %q: want each key once, in order", clip(l.Key)))
		}
	}
	return faults
}

func validLabel(l probe.Label) bool { return task.ValidApp(l.Key) && validText(l.Value) }

// validText says whether s can be the value of a label or a zone. Control characters are
// refused because listings print these on terminals.
func validText(s string) bool {
	return len(s) <= task.MaxNameLen && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || (r >= 0x7f && r < 0xa0) })
}

// ValidAddr says whether s is host:port, by form alone: a name, an IPv4 address or an IPv6 address in brackets.
func ValidAddr(s string) bool {
	colon := strings.LastIndexByte(s, ':')
	if colon < 1 {
		return false
	}
	host, port := s[:colon], s[colon+1:]
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' || port[0] == '+' {
		return false
	}
	if host[0] == '[' {
		inner := strings.TrimSuffix(host[1:], "]")
		return len(inner) == len(host)-2 && len(inner) > 0 && strings.Trim(inner, "0123456789abcdefABCDEF:.") == ""
	}
	return strings.Trim(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == ""
}

// clip shortens text from outside for an error message.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
