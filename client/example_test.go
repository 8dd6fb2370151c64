package client_test

import (
	"context"
	"errors"
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

// Call a fleet as one calls a server: one task, and its result.
func ExampleClient_Do() {
	c, err := client.New(client.Config{Schedulers: []string{"127.0.0.1:7070"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	results, err := c.Do(ctx, task.Job{App: "upper", Tasks: []task.Task{{Payload: []byte("hedge")}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(results[0].Value))
}

// Say by a key what a task reads, so that it runs where that is in a cache, as long as there is a slot in time.
func ExampleClient_Submit_affinity() {
	c, err := client.New(client.Config{Schedulers: []string{"127.0.0.1:7070"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()

	job := task.Job{App: "scan"}
	for part := range 100 {
		key := fmt.Sprintf("lineitem/%d", part)
		job.Tasks = append(job.Tasks, task.Task{Payload: []byte(key), Affinity: key})
	}
	h, err := c.Submit(context.Background(), job)
	if err != nil {
		fmt.Println(err)
		return
	}
	for r := range h.Results() {
		fmt.Println(r.Task, r.Outcome, r.Worker) // of the next job with the same keys nearly always the same workers
	}
}

// Say which workers may run a job, and more of single tasks.
func ExampleClient_Submit_constraints() {
	c, err := client.New(client.Config{Schedulers: []string{"127.0.0.1:7070"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()

	job := task.Job{
		App:     "train",
		Require: map[string]string{"zone": "a"},
		Exclude: []string{"w7", "disk=old"},
		Tasks: []task.Task{
			{Payload: []byte("prepare")},
			{Payload: []byte("fit"), Require: map[string]string{"gpu": "a100"}},
			{Payload: []byte("score"), Prefer: map[string]string{"worker": "w3"}}, // who has the data
		},
	}
	h, err := c.Submit(context.Background(), job)
	if errors.Is(err, task.CodeUnsatisfiable) {
		fmt.Println(err) // which task, and which label
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	for r := range h.Results() {
		fmt.Println(r.Task, r.Outcome, r.Worker)
	}
}

// Say whose a job is, how urgent and how long its tasks: workers that are not first in, first out go by that.
func ExampleClient_Submit_sharing() {
	c, err := client.New(client.Config{Schedulers: []string{"127.0.0.1:7070"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()

	job := task.Job{
		App:      "report",
		User:     "org/team/ann",         // fair: her part of her team's part of the organisation's
		Priority: 10,                     // priority: before all below
		Deadline: 2 * time.Second,        // edf: before all that end later
		Estimate: 100 * time.Millisecond, // srpt: before all that have more left to run; elsewhere slots are asked for ahead by it
		Tasks:    []task.Task{{Payload: []byte("sales")}, {Payload: []byte("stock")}},
	}
	h, err := c.Submit(context.Background(), job)
	if errors.Is(err, task.CodeOverloaded) {
		fmt.Println(err) // she has as much here as is left for all others, or the fleet is full
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.Wait(context.Background()))
}

// Say what a job's tasks take of their worker, and what single ones take instead.
func ExampleClient_Submit_wide() {
	c, err := client.New(client.Config{Schedulers: []string{"127.0.0.1:7070"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()

	job := task.Job{
		App:       "train",
		Slots:     4, // of each worker's
		Resources: map[string]uint32{"memory": 4096},
		Tasks: []task.Task{
			{Payload: []byte("fit a")},
			{Payload: []byte("fit b"), Slots: 8, Resources: map[string]uint32{"gpu": 2}}, // and the memory
			{Payload: []byte("sum up"), Slots: 1, Resources: map[string]uint32{"memory": 0}},
		},
	}
	h, err := c.Submit(context.Background(), job)
	if errors.Is(err, task.CodeUnsatisfiable) {
		fmt.Println(err) // nobody has as much, and how much there is at most
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.Wait(context.Background()))
}

// See attempts fail as they do, and not only how tasks end.
func ExampleHandle_Events() {
	c, err := client.New(client.Config{Schedulers: []string{"127.0.0.1:7070"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()

	h, err := c.Submit(context.Background(), task.Job{App: "fetch", MaxAttempts: 5, Tasks: make([]task.Task, 100)})
	if err != nil {
		fmt.Println(err)
		return
	}
	for e := range h.Events() {
		switch {
		case e.Retry != nil:
			fmt.Println(e.Retry.Task, "attempt", e.Retry.Attempt, "on", e.Retry.Worker, e.Retry.Err) // there will be another
		case e.Result != nil:
			fmt.Println(e.Result.Task, e.Result.Outcome)
		}
	}
}
