// Package fleet runs a whole fleet in one process: schedulers and workers with
// real sockets and real gossip on loopback, set up by the same constructors as the
// daemons.
//
//	f, err := fleet.Start(ctx, fleet.Config{Schedulers: 2, Workers: 4, Slots: 4})
//	…
//	c, err := client.New(client.Config{Schedulers: f.Schedulers()})
//	…
//	err = f.Stop(ctx)
//
// It decides nothing: it wires, waits until everyone is connected, and ends everything that it began.
package fleet
