package view_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"dunnock/gossip/view"
	"dunnock/probe"
)

type announcement struct{ addr, meta string }

// reference is the dumb way to the same view: go through all that is alive,
// as often as there are names.
func reference(alive map[string]announcement) (members []view.Member, undecodable int) {
	for id, a := range alive {
		m, err := view.Decode(id, a.addr, []byte(a.meta))
		if err != nil {
			undecodable++
			continue
		}
		newest := m.State != view.Joining
		for other, b := range alive {
			o, err := view.Decode(other, b.addr, []byte(b.meta))
			if err == nil && o.Role == m.Role && o.Name == m.Name && o.Incarnation > m.Incarnation && o.State != view.Joining {
				newest = false
			}
		}
		if newest {
			members = append(members, m)
		}
	}
	slices.SortFunc(members, func(a, b view.Member) int {
		return strings.Compare(a.Role.String()+" "+a.Name, b.Role.String()+" "+b.Name)
	})
	return members, undecodable
}

// Any events in any order give the view of the dumb reference, a change is reported exactly if there is one, and views
// that were handed out stay as they were.
func TestTableFoldsLikeTheReference(t *testing.T) {
	genIdentity := rapid.Custom(func(t *rapid.T) string {
		return view.Identity(
			view.Key{
				Role: rapid.SampledFrom([]probe.Role{probe.RoleScheduler, probe.RoleWorker}).Draw(t, "role"),
				Name: rapid.SampledFrom([]string{"a", "b", "c.d"}).Draw(t, "name"),
			}, probe.Incarnation(rapid.Uint64Range(1, 3).Draw(t, "incarnation")))
	})
	identity := rapid.OneOf(genIdentity, genIdentity, genIdentity, rapid.SampledFrom([]string{"", "stranger", "worker/a#1"}))
	rapid.Check(t, func(t *rapid.T) {
		table, alive := view.NewTable(), map[string]announcement{}
		var handedOut *view.View
		var was []view.Member
		var ignored uint64
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				id, a := identity.Draw(t, "identity"), announcement{rapid.SampledFrom([]string{"127.0.0.1:1", "127.0.0.1:2"}).Draw(t, "addr"), drawMeta(t)}
				expectChange(t, table, alive, func() { alive[id] = a }, func() bool { return table.Join(id, a.addr, []byte(a.meta)) })
			},
			"update": func(t *rapid.T) {
				id, a := identity.Draw(t, "identity"), announcement{"127.0.0.1:1", drawMeta(t)}
				expectChange(t, table, alive, func() { alive[id] = a }, func() bool { return table.Update(id, a.addr, []byte(a.meta)) })
			},
			"leave": func(t *rapid.T) {
				id := identity.Draw(t, "identity")
				if _, known := alive[id]; !known {
					ignored++
				}
				expectChange(t, table, alive, func() { delete(alive, id) }, func() bool { return table.Leave(id) })
			},
			"": func(t *rapid.T) {
				if err := table.CheckInvariants(); err != nil {
					t.Fatal(err)
				}
				if table.Nodes() != len(alive) || table.Ignored() != ignored {
					t.Fatalf("%d nodes, %d events ignored; want %d and %d", table.Nodes(), table.Ignored(), len(alive), ignored)
				}
				addrs := make([]string, 0, len(alive))
				for _, a := range alive {
					addrs = append(addrs, a.addr)
				}
				if diff := cmp.Diff(slices.Sorted(slices.Values(addrs)), slices.Sorted(table.GossipAddrs()), cmpopts.EquateEmpty()); diff != "" {
					t.Fatal(diff)
				}
				if handedOut != nil {
					if diff := cmp.Diff(was, handedOut.Members(), cmpopts.EquateEmpty()); diff != "" {
						t.Fatalf("a view changed after it was handed out: %s", diff)
					}
				}
				handedOut = table.View()
				was = slices.Clone(handedOut.Members())
			},
		})
	})
}

// drawMeta draws few metadata, so that events repeat and contradict one another.
func drawMeta(t *rapid.T) string {
	m := worker()
	m.State = rapid.SampledFrom([]view.State{view.Active, view.Draining, view.Joining}).Draw(t, "state")
	switch rapid.IntRange(0, 3).Draw(t, "meta") {
	case 0:
		return "not metadata"
	case 1:
		m.Role, m.Slots = probe.RoleScheduler, 0
	default:
	}
	meta, err := view.EncodeMeta(&m)
	if err != nil {
		t.Fatal(err)
	}
	return string(meta)
}

func expectChange(t *rapid.T, table *view.Table, alive map[string]announcement, inReference func(), inTable func() bool) {
	before := table.View()
	membersBefore, badBefore := reference(alive)
	inReference()
	members, bad := reference(alive)
	changed := inTable()
	v := table.View()
	if diff := cmp.Diff(members, v.Members(), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("view (-want +got): %s", diff)
	}
	if v.Undecodable() != bad {
		t.Fatalf("%d undecodable, want %d", v.Undecodable(), bad)
	}
	want := bad != badBefore || !slices.EqualFunc(members, membersBefore, func(a, b view.Member) bool { return a.Equal(&b) })
	if changed != want || (before == v) == want {
		t.Fatalf("change reported %t, another view %t, want %t", changed, before != v, want)
	}
}

func TestLivesOfAName(t *testing.T) {
	table, m := view.NewTable(), worker()
	join := func(i probe.Incarnation, s view.State) {
		m.Incarnation, m.State = i, s
		meta, err := view.EncodeMeta(&m)
		if err != nil {
			t.Fatal(err)
		}
		table.Join(view.Identity(m.Key(), i), m.GossipAddr, meta)
	}
	join(5, view.Active)
	join(9, view.Joining)
	join(7, view.Draining)
	lives := table.Lives(m.Key())
	if len(lives) != 3 || lives[0].Incarnation != 9 || lives[1].Incarnation != 7 || lives[2].Incarnation != 5 {
		t.Errorf("lives are not newest first: %+v", lives)
	}
	if seen, _ := table.View().Lookup(probe.RoleWorker, "w1"); seen.Incarnation != 7 {
		t.Errorf("incarnation %d is in the view, want the newest that has joined", seen.Incarnation)
	}
	table.Leave(view.Identity(m.Key(), 7))
	if seen, _ := table.View().Lookup(probe.RoleWorker, "w1"); seen.Incarnation != 5 {
		t.Errorf("incarnation %d is in the view, want the one that is left", seen.Incarnation)
	}
	if lives := table.Lives(view.Key{Role: probe.RoleScheduler, Name: "w1"}); lives != nil {
		t.Errorf("a scheduler of that name has lives %v", lives)
	}
}

func TestView(t *testing.T) {
	named := func(role probe.Role, names ...string) map[string]view.Member {
		all := map[string]view.Member{}
		for i, n := range names {
			all[n] = view.Member{Role: role, Name: n, Incarnation: probe.Incarnation(i + 1), State: view.Active}
		}
		return all
	}
	workers, schedulers := named(probe.RoleWorker, "w2", "w10", "x"), named(probe.RoleScheduler, "s1", "x")
	v := view.New(slices.Collect(func(yield func(view.Member) bool) {
		for _, all := range []map[string]view.Member{workers, schedulers} {
			for _, m := range all {
				if !yield(m) {
					return
				}
			}
		}
	})...)
	names := func(members []view.Member) string {
		s := make([]string, 0, len(members))
		for _, m := range members {
			s = append(s, m.Name)
		}
		return strings.Join(s, " ")
	}
	if got := names(v.Members()); got != "s1 x w10 w2 x" || v.Len() != 5 {
		t.Errorf("%d members %s", v.Len(), got)
	}
	if got := names(v.Schedulers()) + "|" + names(v.Workers()); got != "s1 x|w10 w2 x" {
		t.Errorf("by role: %s", got)
	}
	for name, want := range maps.All(workers) {
		if got, ok := v.Lookup(probe.RoleWorker, name); !ok || !got.Equal(&want) {
			t.Errorf("lookup of worker %s: %+v, %t", name, got, ok)
		}
	}
	for _, k := range []view.Key{{Role: probe.RoleScheduler, Name: "w2"}, {Role: probe.RoleWorker, Name: ""}, {Role: probe.RoleWorker, Name: "zzz"}, {Role: probe.RoleClient, Name: "x"}} {
		if got, ok := v.Lookup(k.Role, k.Name); ok {
			t.Errorf("lookup of %v: %+v", k, got)
		}
	}
	if zero := new(view.View); zero.Len() != 0 || len(zero.Workers()) != 0 || len(zero.Schedulers()) != 0 {
		t.Error("the zero view is not empty")
	}
}

func BenchmarkTableJoin1000(b *testing.B) {
	m := worker()
	meta, err := view.EncodeMeta(&m)
	if err != nil {
		b.Fatal(err)
	}
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = view.Identity(view.Key{Role: probe.RoleWorker, Name: "w" + strconv.Itoa(i)}, probe.Incarnation(i+1))
	}
	b.ReportAllocs()
	for b.Loop() {
		table := view.NewTable()
		for _, id := range ids {
			table.Join(id, "127.0.0.1:1", meta)
		}
		table.View()
	}
}
