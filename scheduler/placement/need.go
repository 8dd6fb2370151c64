package placement

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"

	"dunnock/probe"
	"dunnock/task"
)

// Need is what each task of a group takes of its worker while it runs. The zero Need is one slot, and nothing else.
//
// What a task needs is an implied constraint: workers that have less in all are not sampled. Whether there is enough at
// the moment is the worker's affair: its slot asks when everything has been set aside, so that such a task is only ever
// launched on the reservations of its own kind, and never on an offer, which is of one slot. So under [IdleOffer] what
// needs more than a slot is sampled for as under [LateBinding].
type Need struct {
	Slots     int            // 0 is 1
	Resources []probe.Amount // sorted by name, each once and more than 0
}

// need is a Need of a set that is not the plain one.
type need struct {
	Need
	number uint32 // in Core.needs, from 1; 0: the set is not kept
}

// plain reports whether a task takes one slot and nothing else.
func (n *Need) plain() bool { return n.Slots <= 1 && len(n.Resources) == 0 }

// valid reports whether a need is within its bounds.
func (n *Need) valid() bool {
	for i, r := range n.Resources {
		if r.N == 0 || i > 0 && n.Resources[i-1].Name >= r.Name {
			return false
		}
	}
	return n.Slots >= 0 && n.Slots <= probe.MaxSlots && len(n.Resources) <= probe.MaxResources
}

// equal reports whether two tasks need the same; nil is the plain need.
func (n *need) equal(o *need) bool {
	if n == nil || o == nil {
		return n == o
	}
	return n.Slots == o.Slots && slices.Equal(n.Resources, o.Resources)
}

// fits reports whether a worker has as much in all.
func (n *need) fits(w *Worker) bool {
	if n.Slots > w.Slots {
		return false
	}
	for _, r := range n.Resources {
		if has(w, r.Name) < r.N {
			return false
		}
	}
	return true
}

// has is how much a worker has of a resource.
func has(w *Worker, name string) uint32 {
	for _, r := range w.Resources {
		if r.Name == name {
			return r.N
		}
	}
	return 0
}

// appendNeed appends to a set's key what its tasks need, behind what no label's key begins with. For plain tasks that
// is nothing.
func appendNeed(b []byte, n *Need) []byte {
	if n.plain() {
		return b
	}
	b = binary.AppendUvarint(append(b, 0), uint64(max(n.Slots, 1)))
	for _, r := range n.Resources {
		b = binary.AppendUvarint(b, uint64(len(r.Name)))
		b = append(b, r.Name...)
		b = binary.AppendUvarint(b, uint64(r.N))
	}
	return b
}

// newNeed returns what a set keeps of a need.
func newNeed(n *Need) *need {
	if n.plain() {
		return nil
	}
	return &need{Need: Need{Slots: max(n.Slots, 1), Resources: slices.Clone(n.Resources)}}
}

// number is that of what a set's tasks need.
func (s *set) number() uint32 {
	if s.need == nil {
		return 0
	}
	return s.need.number
}

// numberNeed gives the need of a set that is kept from now on a number for effects.
func (c *Core) numberNeed(s *set) {
	if s.need == nil {
		return
	}
	i := slices.Index(c.needs, nil)
	if i < 0 {
		i = len(c.needs)
		c.needs = append(c.needs, nil)
	}
	c.needs[i] = s.need
	s.need.number = uint32(i) + 1
}

// forgetNeed has the number used again.
func (c *Core) forgetNeed(s *set) {
	if s.need != nil {
		c.needs[s.need.number-1] = nil
		s.need.number = 0
	}
}

// Need returns what the number in an EffectReserve stands for at its worker: it is in that worker's order of resources.
// It must be asked for before the next event.
func (c *Core) Need(number uint32, w probe.WorkerID) (n probe.Need) {
	if number == 0 || int64(number) > int64(len(c.needs)) || c.needs[number-1] == nil || c.worker(w) == nil {
		return n
	}
	from, offer := c.needs[number-1], c.offer(c.worker(w))
	n.Slots = uint16(from.Slots)
	for _, r := range from.Resources {
		if i := slices.IndexFunc(offer.Resources, func(o probe.Amount) bool { return o.Name == r.Name }); i >= 0 {
			n.Resources[i] = r.N
		}
	}
	return n
}

// shortage says in words what of a need no worker of a list has, and who has most of it.
func (c *Core) shortage(n *need, list []probe.WorkerID, within *set) string {
	most := func(amount func(*Worker) uint32) (best uint32, of string) {
		for _, id := range list {
			if w := c.offer(&c.workers[id]); within.matches(w) && amount(w) > best {
				best, of = amount(w), w.called()
			}
		}
		return best, of
	}
	if best, of := most(func(w *Worker) uint32 { return uint32(min(w.Slots, math.MaxUint16)) }); int64(n.Slots) > int64(best) {
		return strconv.Itoa(n.Slots) + " slots; the most is " + strconv.Itoa(int(best)) + of
	}
	for _, r := range n.Resources {
		best, of := most(func(w *Worker) uint32 { return has(w, r.Name) })
		switch amount := r.Name + "=" + strconv.FormatUint(uint64(r.N), 10); {
		case best == 0:
			return amount + "; none has any " + r.Name
		case best < r.N:
			return amount + "; the most is " + strconv.FormatUint(uint64(best), 10) + of
		}
	}
	return n.String() + " together"
}

// called is a worker's name, after a word; nothing if it is not known.
func (w *Worker) called() string {
	for _, l := range w.Labels {
		if l.Key == task.WorkerLabel {
			return ", of " + l.Value
		}
	}
	return ""
}

// String writes a need as users do: "4 slots, gpu=2".
func (n *Need) String() string {
	var parts []string
	if n.Slots > 1 {
		parts = append(parts, strconv.Itoa(n.Slots)+" slots")
	}
	for _, r := range n.Resources {
		parts = append(parts, r.Name+"="+strconv.FormatUint(uint64(r.N), 10))
	}
	return strings.Join(parts, ", ")
}

// scarce is the error of a job of which some task needs more than any worker has that could run it otherwise.
func scarce(where, app string, require []probe.Label, what string, n *need) *task.Error {
	field := "resources"
	if strings.HasPrefix(what, strconv.Itoa(n.Slots)+" slots;") {
		field = "slots"
	}
	return task.Errorf(task.CodeUnsatisfiable, "%s%s: no connected worker with app %q%s has %s", where, field, app, and(require), what)
}
