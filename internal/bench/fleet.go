package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"dunnock/client"
	"dunnock/task"
)

// fleet is what is measured: a scheduler, worker processes, and a client in this one.
type fleet struct {
	scheduler *process
	workers   []*process
	client    *client.Client
}

// start starts a fleet and waits until all of it is connected.
func (o *options) start(ctx context.Context) (_ *fleet, err error) {
	f := new(fleet)
	defer func() {
		if err != nil {
			f.stop()
		}
	}()
	if f.scheduler, err = o.spawn(ctx, "scheduler"); err != nil {
		return nil, err
	}
	for i := range o.processes {
		first, end := i*o.workers/o.processes, (i+1)*o.workers/o.processes
		w, err := o.spawn(ctx, "worker", "-join", f.scheduler.gossip, "-first", strconv.Itoa(first), "-workers", strconv.Itoa(end-first))
		if err != nil {
			return nil, err
		}
		f.workers = append(f.workers, w)
	}
	if err := f.waitFor(ctx, o.workers); err != nil {
		return nil, err
	}
	f.client, err = client.New(client.Config{Schedulers: []string{f.scheduler.http}})
	return f, err
}

func (f *fleet) stop() {
	if f.client != nil {
		_ = f.client.Close()
	}
	for _, w := range f.workers {
		_ = w.stop()
	}
	if f.scheduler != nil {
		_ = f.scheduler.stop()
	}
}

// complete submits a job and waits until it has ended.
func (f *fleet) complete(ctx context.Context, job task.Job) error {
	_, err := f.client.Do(ctx, job)
	return err
}

// waitFor waits until the scheduler lists so many workers.
func (f *fleet) waitFor(ctx context.Context, workers int) error {
	for range 3000 {
		_, body, err := fasthttp.Get(nil, "http://"+f.scheduler.http+"/v1/workers")
		var list struct {
			Workers []json.RawMessage `json:"workers"`
		}
		if err = errors.Join(err, json.Unmarshal(body, &list)); err != nil {
			return fmt.Errorf("list the workers: %w", err)
		}
		if len(list.Workers) >= workers {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return errors.New("the workers do not connect")
}

// parts are who the cost of a task is told of.
const parts = 3

// usage is that of client, scheduler, and all worker processes together.
func (f *fleet) usage() (u [parts]usage, err error) {
	self, err1 := usageOf(os.Getpid())
	scheduler, err2 := usageOf(f.scheduler.cmd.Process.Pid)
	u = [parts]usage{self, scheduler, {}}
	err = errors.Join(err1, err2)
	for _, w := range f.workers {
		of, err1 := usageOf(w.cmd.Process.Pid)
		u[2], err = u[2].add(of), errors.Join(err, err1)
	}
	return u, err
}
