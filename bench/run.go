package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// runOnce starts a contender's processes, has its client drive them, and ends them.
func runOnce(ctx context.Context, c *contender, load *cell, profile string) (out *sample, err error) {
	runtime.LockOSThread() // see spawn
	defer runtime.UnlockOSThread()
	var all []*process
	defer func() {
		for _, p := range slices.Backward(all) {
			err = errors.Join(err, p.end())
		}
	}()
	base := setup{Contender: c.name, Workers: load.Workers, Slots: load.Slots, Sleep: load.sleep(), Profile: profile, Cell: *load}
	start := func(role string, index int) (*process, error) {
		s := base
		s.Role, s.Index = role, index
		p, err := spawn(&s)
		if err == nil {
			all = append(all, p)
		}
		return p, err
	}
	if c.broker != nil {
		p, err := start(roleBroker, 0)
		if err == nil {
			err = p.ready(ctx)
		}
		if err != nil {
			return nil, err
		}
		base.Broker, base.BrokerPID = p.addr, p.cmd.Process.Pid
	}
	workers := make([]*process, load.Workers)
	for i := range workers {
		if workers[i], err = start(roleWorker, i); err != nil {
			return nil, err
		}
	}
	for _, w := range workers {
		if err := w.ready(ctx); err != nil {
			return nil, err
		}
		base.WorkerAddrs = append(base.WorkerAddrs, w.addr)
		base.WorkerPIDs = append(base.WorkerPIDs, w.cmd.Process.Pid)
	}
	client, err := start(roleClient, 0)
	if err != nil {
		return nil, err
	}
	line, err := client.line(ctx, startTimeout+load.Warmup+load.Length+patience)
	if err != nil {
		return nil, fmt.Errorf("the client: %w", err)
	}
	if err := json.Unmarshal([]byte(line), &out); err != nil {
		return nil, fmt.Errorf("the client said %q: %w", line, err)
	}
	out.Version, out.At, out.Cell, out.Contender, out.Seed = version, time.Now().UTC().Truncate(time.Second), load.Name, c.name, load.Seed
	out.Precedence = precedence()
	return out, nil
}
