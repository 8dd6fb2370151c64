package main

import (
	"context"
	"slices"
	"time"
)

// contender is a way of getting tasks done.
type contender struct {
	name string
	// what it is, how it was set up, and what it does not do that others do.
	what, setup, lacks string

	// Roles. A role says where it listens through ready, once, and returns when ctx is done. Workers are started once
	// the broker is ready, and the client once all workers are; the broker may be nil.
	broker func(ctx context.Context, s *setup, ready func(addr string)) error
	worker func(ctx context.Context, s *setup, ready func(addr string)) error
	// client returns when every worker can be reached.
	client func(ctx context.Context, s *setup) (submitter, error)
	// missing says what a machine lacks to run it; empty if nothing. May be nil.
	missing func() string
}

// setup is what a process has to know.
type setup struct {
	Role      string
	Contender string
	Index     int // of the worker
	Workers   int
	Slots     int // of a worker
	Sleep     bool
	// Broker and WorkerAddrs are what these said that they listen at.
	Broker      string
	WorkerAddrs []string
	Profile     string // prefix of the files that profiles go to; empty: none

	// What the client is to do, and whose processor time counts.
	Cell       cell
	BrokerPID  int
	WorkerPIDs []int
}

// submitter sends jobs. It is used by many goroutines at once.
type submitter interface {
	// do sends the tasks of a job, waits until all are done, and writes how long each was served into served, as its
	// worker measured it. What it is given is the caller's again when it returns.
	do(ctx context.Context, payloads [][]byte, served []time.Duration) error
	close() error
}

func contenders() []contender {
	return []contender{
		dunnockContender(), natsContender(), natsRequestContender(), grpcContender(), fasthttpContender(), centralContender(), jetstreamContender(), asynqContender(),
	}
}

func contenderNamed(name string) *contender {
	all := contenders()
	if i := slices.IndexFunc(all, func(c contender) bool { return c.name == name }); i >= 0 {
		return &all[i]
	}
	return nil
}
