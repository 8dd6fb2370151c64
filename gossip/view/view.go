package view

import (
	"cmp"
	"slices"

	"dunnock/probe"
)

// View is the fleet's membership at one moment: at most one member for each role and name, sorted
// by role and then name. It never changes, so it is shared without locks. The zero View is empty.
type View struct {
	members     []Member
	schedulers  int // members[:schedulers] are the schedulers, the rest the workers
	undecodable int
}

// New makes a view of members in any order: of several lives of one name the newest, and none that is [Joining]. It
// keeps the members' Labels and nothing else of the argument. Live views come from a [Table]; New serves fleets that
// are fixed in advance, and tests.
func New(members ...Member) *View {
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Name, b.Name), cmp.Compare(b.Incarnation, a.Incarnation))
	})
	sorted = slices.DeleteFunc(sorted, func(m Member) bool { return m.State == Joining })
	sorted = slices.CompactFunc(sorted, func(a, b Member) bool { return a.Key() == b.Key() })
	v := &View{members: slices.Clip(sorted)}
	for v.schedulers < len(sorted) && sorted[v.schedulers].Role == probe.RoleScheduler {
		v.schedulers++
	}
	return v
}

// Members returns all members. The slice is shared and must not be changed; so for the next two.
func (v *View) Members() []Member { return v.members }

// Schedulers returns the schedulers, sorted by name.
func (v *View) Schedulers() []Member { return v.members[:v.schedulers:v.schedulers] }

// Workers returns the workers, sorted by name.
func (v *View) Workers() []Member { return v.members[v.schedulers:] }

// Lookup finds the member with a role and name.
func (v *View) Lookup(role probe.Role, name string) (Member, bool) {
	i, ok := slices.BinarySearchFunc(v.members, Key{role, name}, func(m Member, k Key) int {
		return cmp.Or(cmp.Compare(m.Role, k.Role), cmp.Compare(m.Name, k.Name))
	})
	if !ok {
		return Member{}, false
	}
	return v.members[i], true
}

// Len is how many members there are.
func (v *View) Len() int { return len(v.members) }

// Undecodable is how many nodes gossip knows that are left out because their
// identity or metadata does not decode: nodes of another version, most likely.
func (v *View) Undecodable() int { return v.undecodable }
