package probe

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"dunnock/internal/wire"
	"dunnock/task"
)

// Role says what kind of process a node is. Values are on the wire: append only.
type Role uint8

// The roles.
const (
	RoleScheduler Role = iota + 1
	RoleWorker
	RoleClient
)

// String returns the word used in labels and listings.
func (r Role) String() string {
	switch r {
	case RoleScheduler:
		return "scheduler"
	case RoleWorker:
		return "worker"
	case RoleClient:
		return "client"
	default:
		return "unknown"
	}
}

// Incarnation names one life of a process: random in its low bits, later lives of one machine
// larger. A restart voids all that an earlier incarnation had promised.
type Incarnation uint64

// String returns 16 hexadecimal digits.
func (i Incarnation) String() string { return fmt.Sprintf("%016x", uint64(i)) }

// Limits of a Hello.
const (
	MaxNodeName = 63
	MaxApps     = 1024
	MaxSlots    = 4096
	MaxWeights  = 4096
	MaxWeight   = 1000
)

// Hello is the first message in both directions: who speaks. A worker
// fills Slots, Apps, Labels, Discipline, Resources and Weights; a scheduler Policy and Results; all fill Lease.
type Hello struct {
	Version     uint32 // Version
	Role        Role
	Name        string // [a-z0-9.-]{1,63}; empty for a client
	Incarnation Incarnation
	Fleet       string // fleet name; peers of another fleet are refused
	Slots       uint16
	Apps        []string // sorted; Launch.App indexes it
	Labels      []Label  // sorted by key
	Draining    bool
	Policy      string
	Lease       time.Duration // silence after which the speaker gives a peer up, two beats of its own at least; on a connection the longer one of both sides holds
	Discipline  string        // whose turn it is at the worker; see [NeedsClass]
	Resources   []Amount      // of a worker beside its slots, sorted by name; at most [MaxResources]
	Weights     []Amount      // of a fair worker's users and groups of users, 1 to [MaxWeight], sorted by path; at most [MaxWeights]
	Results     uint64        // the speaker has taken all results of this life of the worker up to this number
}

// Label is one key and value that a worker has and a task may require.
type Label struct{ Key, Value string }

// ValidNodeName reports whether s can name a node.
func ValidNodeName(s string) bool {
	return len(s) >= 1 && len(s) <= MaxNodeName && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}

// AppendHello appends the encoding of h.
func AppendHello(b []byte, h *Hello) []byte {
	b = wire.AppendUint(b, uint64(h.Version))
	b = wire.AppendUint(b, uint64(h.Role))
	b = wire.AppendString(b, h.Name)
	b = wire.AppendUint(b, uint64(h.Incarnation))
	b = wire.AppendString(b, h.Fleet)
	b = wire.AppendUint(b, uint64(h.Slots))
	b = wire.AppendUint(b, uint64(len(h.Apps)))
	for _, a := range h.Apps {
		b = wire.AppendString(b, a)
	}
	b = wire.AppendUint(b, uint64(len(h.Labels)))
	for _, l := range h.Labels {
		b = wire.AppendString(b, l.Key)
		b = wire.AppendString(b, l.Value)
	}
	b = appendBool(b, h.Draining)
	b = wire.AppendString(b, h.Policy)
	b = wire.AppendDuration(b, h.Lease)
	b = wire.AppendUint(b, h.Results)
	b = wire.AppendString(b, h.Discipline)
	b = wire.AppendUint(b, uint64(len(h.Resources)))
	for _, r := range h.Resources {
		b = wire.AppendString(b, r.Name)
		b = wire.AppendUint(b, uint64(r.N))
	}
	b = wire.AppendUint(b, uint64(len(h.Weights)))
	for _, w := range h.Weights {
		b = wire.AppendString(b, w.Name)
		b = wire.AppendUint(b, uint64(w.N))
	}
	return b
}

// ErrVersion says that a peer speaks another version of the protocol.
var ErrVersion = errors.New("the protocol version differs")

// DecodeHello reads a Hello. It checks names and bounds, so that what it returns can be used as it is. The error is
// [wire.ErrMalformed], or [ErrVersion] with both versions: they are the first field in all of them, and nothing behind
// it can be relied on in another one.
func DecodeHello(body []byte) (Hello, error) {
	r := wire.NewReader(body)
	h := Hello{Version: r.Uint32()}
	if h.Version != Version && (r.Len() > 0 || r.Close() == nil) {
		return Hello{}, fmt.Errorf("%w: ours is %d, the peer's %d", ErrVersion, Version, h.Version)
	}
	h.Role = Role(r.Uint8())
	h.Name = r.String(MaxNodeName)
	h.Incarnation = Incarnation(r.Uint64())
	h.Fleet = r.String(MaxNodeName)
	h.Slots = uint16(r.Uint(MaxSlots))
	for range r.Uint(MaxApps) {
		if app := r.String(task.MaxNameLen); task.ValidApp(app) {
			h.Apps = append(h.Apps, app)
		} else {
			return Hello{}, wire.ErrMalformed
		}
	}
	for range r.Uint(task.MaxLabels) {
		l := Label{Key: r.String(task.MaxNameLen), Value: r.String(task.MaxNameLen)}
		if !task.ValidApp(l.Key) {
			return Hello{}, wire.ErrMalformed
		}
		h.Labels = append(h.Labels, l)
	}
	h.Draining = r.Uint(1) == 1
	h.Policy = r.String(task.MaxNameLen)
	h.Lease = r.Duration()
	h.Results = r.Uint64()
	h.Discipline = r.String(task.MaxNameLen)
	for range r.Uint(MaxResources) {
		a := Amount{Name: r.String(task.MaxNameLen), N: r.Uint32()}
		if n := len(h.Resources); !task.ValidApp(a.Name) || n > 0 && h.Resources[n-1].Name >= a.Name {
			return Hello{}, wire.ErrMalformed
		}
		h.Resources = append(h.Resources, a)
	}
	for range r.Uint(MaxWeights) {
		w := Amount{Name: r.String(task.MaxUserLen), N: uint32(r.Uint(MaxWeight))}
		if n := len(h.Weights); w.Name == "" || w.N == 0 || n > 0 && h.Weights[n-1].Name >= w.Name {
			return Hello{}, wire.ErrMalformed
		}
		h.Weights = append(h.Weights, w)
	}
	if err := r.Close(); err != nil {
		return Hello{}, err
	}
	named := ValidNodeName(h.Name) || (h.Role == RoleClient && h.Name == "")
	if h.Role < RoleScheduler || h.Role > RoleClient || !named {
		return Hello{}, wire.ErrMalformed
	}
	return h, nil
}
