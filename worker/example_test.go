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
