package client_test

import (
	"context"
	"fmt"
	"time"

	"dunnock/client"
	"dunnock/task"
)

// Submit a job of two tasks and take the results as they come.
func Example() {
	c, err := client.New(client.Config{Schedulers: []string{"127.0.0.1:7070"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()

	job := task.Job{
		App:      "upper",
		Deadline: 2 * time.Second,
		Tasks:    []task.Task{{Payload: []byte("hedge")}, {Payload: []byte("sparrow")}},
	}
	h, err := c.Submit(context.Background(), job)
	if err != nil {
		fmt.Println(err) // refused: nothing was started
		return
	}
	for r := range h.Results() {
		fmt.Println(r.Task, r.Outcome, r.Worker, string(r.Value))
	}
}
