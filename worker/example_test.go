package worker_test

import (
	"bytes"
	"context"
	"fmt"

	"dunnock/worker"
)

// A worker with one app, in a fleet that is found through one of its nodes.
func Example() {
	upper := func(_ context.Context, t worker.Task) ([]byte, error) {
		return bytes.ToUpper(t.Payload), nil
	}
	err := worker.Run(context.Background(), worker.Config{
		Slots: 8,
		Apps:  map[string]worker.Handler{"upper": upper},
		Join:  []string{"127.0.0.1:7946"},
	})
	if err != nil {
		fmt.Println(err)
	}
}

// A worker with two GPUs, whose tasks are told how many of them they have, and how many slots. A job asks for them with
// task.Job{App: "train", Slots: 4, Resources: map[string]uint32{"gpu": 1}, …}.
func Example_resources() {
	train := func(_ context.Context, t worker.Task) ([]byte, error) {
		return fmt.Appendf(nil, "trained by %d threads on %d GPUs", t.Slots, t.Resources["gpu"]), nil
	}
	err := worker.Run(context.Background(), worker.Config{
		Slots:     16,
		Resources: map[string]uint32{"gpu": 2, "memory": 65536},
		Apps:      map[string]worker.Handler{"train": train},
		Join:      []string{"127.0.0.1:7946"},
	})
	if err != nil {
		fmt.Println(err)
	}
}

// A worker whose slots users share: org/team has three times as much as each other group beside it, and within it users
// have equal parts. What nobody wants, others get. A job says whose it is with task.Job{User: "org/team/ann", …}.
func Example_sharing() {
	scan := func(_ context.Context, t worker.Task) ([]byte, error) {
		return bytes.ToLower(t.Payload), nil
	}
	err := worker.Run(context.Background(), worker.Config{
		Slots:      8,
		Apps:       map[string]worker.Handler{"scan": scan},
		Join:       []string{"127.0.0.1:7946"},
		Discipline: "fair",
		Weights:    map[string]int{"org/team": 3},
	})
	if err != nil {
		fmt.Println(err)
	}
}
