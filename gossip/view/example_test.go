package view_test

import (
	"fmt"

	"dunnock/gossip/view"
	"dunnock/probe"
)

// A worker is started anew while gossip still holds its earlier life for alive.
func Example() {
	w := view.Member{
		Name: "w1", Role: probe.RoleWorker, Addr: "127.0.0.1:7171", Slots: 4,
		Zone: "a", State: view.Active, Version: probe.Version,
	}
	table := view.NewTable()
	for life, gossipAddr := range map[probe.Incarnation]string{1: "127.0.0.1:7947", 2: "127.0.0.1:7999"} {
		w.Incarnation = life
		meta, err := view.EncodeMeta(&w)
		if err != nil {
			fmt.Println(err)
			return
		}
		table.Join(view.Identity(w.Key(), w.Incarnation), gossipAddr, meta)
	}
	for _, m := range table.View().Workers() {
		fmt.Println(m.Name, m.Incarnation, m.GossipAddr, m.Slots, m.State)
	}
	// Output: w1 0000000000000002 127.0.0.1:7999 4 active
}
