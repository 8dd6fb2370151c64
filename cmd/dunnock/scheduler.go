package main

import (
	"time"

	"dunnock/internal/heap"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

type schedulerCmd struct {
	nodeFlags `embed:""`

	Policy    string        `help:"How tasks are placed: idle-offer, late-binding or late-binding-nocancel. One per fleet." default:"idle-offer" placeholder:"POLICY"`
	ResultTTL time.Duration `name:"result-ttl" help:"How long a finished job stays readable." default:"1m" placeholder:"DURATION"`

	AffinityWait time.Duration `help:"How long tasks with an affinity key wait for the workers that it has chosen before others are tried, at most 1m; 0s: no time." default:"20ms" placeholder:"DURATION"`
	PreferWait   time.Duration `help:"How long tasks wait for workers that they prefer before any other will do, at most 1m; 0s: no time." default:"50ms" placeholder:"DURATION"`

	ClientGrace time.Duration `group:"leases" help:"How long a job whose client's connection has ended waits for the client to come back. It starts nothing meanwhile." default:"1s" placeholder:"DURATION"`
	ResultGrace time.Duration `group:"leases" help:"How long workers keep a result that its client has not had, once the client is gone: it may come for it, to any scheduler. At most 25s." default:"20s" placeholder:"DURATION"`

	MaxQueueTime time.Duration `group:"limits" help:"How long a job's tasks may have to wait at the present rate; a job that would wait longer is refused with 'overloaded'." default:"10s" placeholder:"DURATION"`

	MaxJobs          int   `group:"limits" help:"Unfinished jobs at once; more are refused with 'overloaded'." default:"100000" placeholder:"N"`
	MaxWaitingTasks  int   `group:"limits" help:"Waiting tasks over all jobs." default:"1000000" placeholder:"N"`
	MaxPayloadBytes  int64 `group:"limits" help:"Payloads held for unfinished jobs, in bytes." default:"1073741824" placeholder:"BYTES"`
	MaxRetainedBytes int64 `group:"limits" help:"Finished jobs and kept results, in bytes; the oldest go first." default:"67108864" placeholder:"BYTES"`
	MaxTasks         int   `group:"limits" help:"Tasks of one job." default:"100000" placeholder:"N"`
	MaxTaskBytes     int   `group:"limits" help:"Payload of one task, in bytes." default:"1048576" placeholder:"BYTES"`
	MaxJobBytes      int   `group:"limits" help:"Payloads of one job together, in bytes." default:"67108864" placeholder:"BYTES"`
}

// Help is shown above the flags.
func (*schedulerCmd) Help() string {
	return `A scheduler takes jobs over HTTP and from Go clients and places their tasks on every worker of the fleet. Any number of them share the workers. When it is ready it prints one line with its addresses. SIGTERM or Ctrl-C drains it: no new job, accepted ones finish.

Examples:

    dunnock scheduler --name s1 --http 127.0.0.1:7070 --gossip 127.0.0.1:7946
    dunnock scheduler --name s2 --join 127.0.0.1:7946
    DUNNOCK_JOIN=dns+nodes.internal:7946 dunnock scheduler

` + heapHelp
}

// Run runs a scheduler until it is told to leave.
func (c *schedulerCmd) Run(p *process) error {
	key, err := c.check()
	if err != nil {
		return err
	}
	policy, err := placement.ParsePolicy(c.Policy)
	if err != nil {
		return usagef("--%w", err)
	}
	if err := c.checkLimits(); err != nil {
		return err
	}
	cfg := scheduler.Config{
		Name: c.Name, HTTP: c.HTTP, Gossip: c.Gossip, Join: c.Join, Fleet: c.Fleet, GossipKey: key, Zone: c.Zone, Insecure: c.Insecure,
		Advertise: c.Advertise, AdvertiseGossip: c.AdvertiseGossip,
		Logger: p.log, Policy: policy,
		Limits:  task.Limits{MaxTasks: c.MaxTasks, MaxPayloadBytes: c.MaxTaskBytes, MaxJobBytes: c.MaxJobBytes},
		MaxJobs: c.MaxJobs, MaxWaitingTasks: c.MaxWaitingTasks, MaxPayloadBytes: c.MaxPayloadBytes, MaxRetainedBytes: c.MaxRetainedBytes,
		ResultTTL: c.ResultTTL, PreferWait: c.PreferWait, AffinityWait: c.AffinityWait, MaxQueueTime: c.MaxQueueTime,
		ClientGrace: c.ClientGrace, ResultGrace: c.ResultGrace, Stream: c.stream(), DrainTimeout: c.DrainTimeout, OnReady: p.announce("scheduler"),
	}
	if c.PreferWait == 0 {
		cfg.PreferWait = -1 // which is no time there
	}
	if c.AffinityWait == 0 {
		cfg.AffinityWait = -1
	}
	if err := cfg.Validate(); err != nil {
		return usage(err)
	}
	defer heap.Floor()()
	return scheduler.Run(p.ctx, cfg)
}

// checkLimits refuses zeros, which the configuration would take for "the default".
func (c *schedulerCmd) checkLimits() error {
	for _, limit := range []struct {
		flag  string
		value int64
	}{
		{"max-jobs", int64(c.MaxJobs)},
		{"max-waiting-tasks", int64(c.MaxWaitingTasks)},
		{"max-payload-bytes", c.MaxPayloadBytes},
		{"max-retained-bytes", c.MaxRetainedBytes},
		{"max-tasks", int64(c.MaxTasks)},
		{"max-task-bytes", int64(c.MaxTaskBytes)},
		{"max-job-bytes", int64(c.MaxJobBytes)},
	} {
		if limit.value < 1 {
			return usagef("--%s: want at least 1, got %d", limit.flag, limit.value)
		}
	}
	if c.AffinityWait < 0 || c.AffinityWait > time.Minute {
		return usagef("--affinity-wait: want 0s to %v, got %v", time.Minute, c.AffinityWait)
	}
	if c.PreferWait < 0 || c.PreferWait > time.Minute {
		return usagef("--prefer-wait: want 0s to %v, got %v", time.Minute, c.PreferWait)
	}
	if c.MaxQueueTime <= 0 {
		return usagef("--max-queue-time: want more than 0, got %v", c.MaxQueueTime)
	}
	if c.ClientGrace <= 0 {
		return usagef("--client-grace: want more than 0, got %v", c.ClientGrace)
	}
	if c.ResultGrace < c.ClientGrace || c.ResultGrace > scheduler.MaxResultGrace {
		return usagef("--result-grace: want at least --client-grace (%v) and at most %v, got %v", c.ClientGrace, scheduler.MaxResultGrace, c.ResultGrace)
	}
	if c.ResultTTL <= 0 {
		return usagef("--result-ttl: want more than 0, got %v", c.ResultTTL)
	}
	return nil
}
