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
	MaxSlots    = task.MaxSlots
	MaxWeights  = 4096
	MaxWeight   = 1000
)

// Hello is the first message in both directions: who speaks. A worker fills Slots, Apps, Labels, Discipline, Resources
// and Weights; a scheduler Policy and Results; all fill Lease.
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
	b = appendLabels(b, h.Labels)
	b = appendBool(b, h.Draining)
	b = wire.AppendString(b, h.Policy)
	b = wire.AppendDuration(b, h.Lease)
	b = wire.AppendUint(b, h.Results)
	b = wire.AppendString(b, h.Discipline)
	b = appendAmounts(b, h.Resources)
	return appendAmounts(b, h.Weights)
}

func appendLabels(b []byte, labels []Label) []byte {
	b = wire.AppendUint(b, uint64(len(labels)))
	for _, l := range labels {
		b = wire.AppendString(b, l.Key)
		b = wire.AppendString(b, l.Value)
	}
	return b
}

func appendAmounts(b []byte, amounts []Amount) []byte {
	b = wire.AppendUint(b, uint64(len(amounts)))
	for _, a := range amounts {
		b = wire.AppendString(b, a.Name)
		b = wire.AppendUint(b, uint64(a.N))
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
	var good [4]bool
	h.Apps, good[0] = readApps(&r)
	h.Labels, good[1] = readLabels(&r, task.MaxLabels)
	h.Draining = r.Uint(1) == 1
	h.Policy = r.String(task.MaxNameLen)
	h.Lease = r.Duration()
	h.Results = r.Uint64()
	h.Discipline = r.String(task.MaxNameLen)
	h.Resources, good[2] = readResources(&r)
	h.Weights, good[3] = readWeights(&r)
	named := ValidNodeName(h.Name) || (h.Role == RoleClient && h.Name == "")
	if h.Role < RoleScheduler || h.Role > RoleClient || !named || good != [4]bool{true, true, true, true} {
		return Hello{}, wire.ErrMalformed
	}
	if err := r.Close(); err != nil {
		return Hello{}, err
	}
	return h, nil
}

// The readers of lists return false at the first element that is not as it should be.

func readApps(r *wire.Reader) (apps []string, ok bool) {
	for range r.Uint(MaxApps) {
		app := r.String(task.MaxNameLen)
		if !task.ValidApp(app) {
			return nil, false
		}
		apps = append(apps, app)
	}
	return apps, true
}

func readLabels(r *wire.Reader, most uint64) (labels []Label, ok bool) {
	for range r.Uint(most) {
		l := Label{Key: r.String(task.MaxNameLen), Value: r.String(task.MaxNameLen)}
		if !task.ValidApp(l.Key) {
			return nil, false
		}
		labels = append(labels, l)
	}
	return labels, true
}

func readResources(r *wire.Reader) (list []Amount, ok bool) {
	for range r.Uint(MaxResources) {
		a := Amount{Name: r.String(task.MaxNameLen), N: r.Uint32()}
		if !task.ValidApp(a.Name) || !follows(list, a) {
			return nil, false
		}
		list = append(list, a)
	}
	return list, true
}

func readWeights(r *wire.Reader) (list []Amount, ok bool) {
	for range r.Uint(MaxWeights) {
		w := Amount{Name: r.String(task.MaxUserLen), N: uint32(r.Uint(MaxWeight))}
		if w.Name == "" || w.N == 0 || !follows(list, w) {
			return nil, false
		}
		list = append(list, w)
	}
	return list, true
}

// follows reports whether a may come next in a list that is sorted by name.
func follows(list []Amount, a Amount) bool { return len(list) == 0 || list[len(list)-1].Name < a.Name }
