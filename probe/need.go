package probe

import (
	"dunnock/internal/wire"
	"dunnock/task"
)

// MaxResources bounds how many resources a worker has beside its slots.
const MaxResources = task.MaxResources

// Amount is so much of a resource: what a worker has of it, or what a task takes. The unit is the fleet's own affair.
type Amount struct {
	Name string // [a-z0-9._-]{1,63}
	N    uint32
}

// Need is what one task takes of a worker while it runs. The zero Need is that of most tasks: one slot, and nothing
// else.
type Need struct {
	Slots     uint16               // 0 is 1
	Resources [MaxResources]uint32 // by place in the worker's [Hello].Resources
}

// Plain reports whether a task takes one slot and nothing else.
func (n *Need) Plain() bool { return n.Slots <= 1 && n.Resources == [MaxResources]uint32{} }

// AppendNeedReserve appends the encoding of m with the class of its job and what its tasks take: a [KindReserveNeed]. A
// Reserve of plain tasks is sent as [KindReserve], which costs the less.
func AppendNeedReserve(b []byte, m Reserve, c *Class, n *Need) []byte {
	b = AppendClassedReserve(b, m, c)
	b = wire.AppendUint(b, uint64(n.Slots))
	last := len(n.Resources)
	for last > 0 && n.Resources[last-1] == 0 {
		last--
	}
	for _, amount := range n.Resources[:last] {
		b = wire.AppendUint(b, uint64(amount))
	}
	return b
}

// DecodeNeedReserve reads what [AppendNeedReserve] wrote. c.User aliases body.
func DecodeNeedReserve(body []byte, c *Class, n *Need) (Reserve, error) {
	r := wire.NewReader(body)
	m := readReserve(&r)
	readClass(&r, c)
	*n = Need{Slots: uint16(r.Uint(MaxSlots))}
	for i := 0; r.Len() > 0 && i < MaxResources; i++ {
		n.Resources[i] = r.Uint32()
	}
	if m.Count == 0 || !c.valid() || n.Slots == 0 {
		return Reserve{}, wire.ErrMalformed
	}
	return m, r.Close()
}
