package probe

// MaxResources bounds how many resources a worker has beside its slots.
const MaxResources = 8

// Amount is so much of a resource: what a worker has of it, or what a task takes. The unit is the fleet's own affair.
type Amount struct {
	Name string // [a-z0-9._-]{1,63}
	N    uint32
}

// Need is what one task takes of a worker while it runs. The zero Need is that of most tasks: one slot, and nothing else.
type Need struct {
	Slots     uint16               // 0 is 1
	Resources [MaxResources]uint32 // by place in the worker's [Hello].Resources
}

// Plain reports whether a task takes one slot and nothing else.
func (n *Need) Plain() bool { return n.Slots <= 1 && n.Resources == [MaxResources]uint32{} }
