package gossip_test

import (
	"context"
	"fmt"

	"dunnock/gossip"
	"dunnock/probe"
)

// A scheduler starts, a worker joins it, and the scheduler follows its view.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s, err := gossip.Open(gossip.Config{Name: "s1", Role: probe.RoleScheduler, HTTPAddr: "127.0.0.1:7070"})
	if err != nil {
		fmt.Println(err)
		return
	}
	w, err := gossip.Open(gossip.Config{Name: "w1", Role: probe.RoleWorker, HTTPAddr: "127.0.0.1:7171", Slots: 4, Join: []string{s.Addr()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error, 2)
	go func() { ended <- s.Run(ctx) }()
	go func() { ended <- w.Run(ctx) }()

	v := s.View()
	for len(v.Workers()) == 0 {
		<-s.Changed(v)
		v = s.View()
	}
	for _, m := range v.Members() {
		fmt.Println(m.Role, m.Name, m.Addr, m.Slots, m.State)
	}

	if err := w.Leave(0); err != nil {
		fmt.Println(err)
	}
	for len(v.Workers()) > 0 {
		<-s.Changed(v)
		v = s.View()
	}
	fmt.Println("the worker has left")
	cancel()
	for range 2 {
		if err := <-ended; err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// scheduler s1 127.0.0.1:7070 0 active
	// worker w1 127.0.0.1:7171 4 active
	// the worker has left
}
