package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"dunnock/client"
	"dunnock/internal/api"
	"dunnock/internal/node"
	"dunnock/scheduler"
	"dunnock/task"
	"dunnock/worker"
)

// dunnockContender is the daemons and the SDKs as any Go program embeds them.
func dunnockContender() contender {
	return contender{
		name: "dunnock", what: "Dunnock, one scheduler", setup: "all defaults: idle offers",
		lacks:  "nothing on disk; a job does not outlive its client",
		broker: runScheduler, worker: runWorker, client: newDunnockClient,
	}
}

func runScheduler(ctx context.Context, _ *setup, ready func(string)) error {
	return scheduler.Run(ctx, scheduler.Config{
		Name: "s1", Logger: quiet(), OnReady: func(r node.Ready) { ready(r.HTTP + " " + r.Gossip) },
	})
}

func runWorker(ctx context.Context, s *setup, ready func(string)) error {
	e := newExecutor(s.Slots)
	defer e.close()
	var http, gossip string
	if _, err := fmt.Sscan(s.Broker, &http, &gossip); err != nil {
		return err
	}
	handle := func(ctx context.Context, t worker.Task) ([]byte, error) {
		result := make([]byte, resultBytes)
		return result, e.run(ctx, t.Payload, result)
	}
	return worker.Run(ctx, worker.Config{
		Name: "w" + strconv.Itoa(s.Index+1), Slots: s.Slots, Apps: map[string]worker.Handler{"work": handle}, Join: []string{gossip},
		Logger: quiet(), OnReady: func(r node.Ready) { ready(r.HTTP) },
	})
}

type dunnockClient struct{ c *client.Client }

func newDunnockClient(ctx context.Context, s *setup) (submitter, error) {
	var http, gossip string
	if _, err := fmt.Sscan(s.Broker, &http, &gossip); err != nil {
		return nil, err
	}
	ask, err := api.NewCaller("http://" + http)
	if err != nil {
		return nil, err
	}
	err = until(ctx, func() error {
		f, err := ask.Fleet(ctx)
		if err == nil && f.Connected < s.Workers {
			err = fmt.Errorf("%d of %d workers are connected", f.Connected, s.Workers)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	c, err := client.New(client.Config{Schedulers: []string{http}, Logger: quiet()})
	return &dunnockClient{c}, err
}

func (d *dunnockClient) do(ctx context.Context, payloads [][]byte, served []time.Duration) error {
	tasks := make([]task.Task, len(payloads))
	for i := range tasks {
		tasks[i].Payload = payloads[i]
	}
	results, err := d.c.Do(ctx, task.Job{App: "work", Tasks: tasks})
	if err != nil {
		return err
	}
	for i := range results {
		if served[i], err = readServed(results[i].Value); err != nil {
			return err
		}
	}
	return nil
}

func (d *dunnockClient) close() error { return d.c.Close() }
