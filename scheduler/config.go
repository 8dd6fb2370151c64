package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"time"

	"dunnock/internal/node"
	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/scheduler/ack"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// Config of a scheduler. Zero fields take the default that their comment gives.
type Config struct {
	// Name of this node, [a-z0-9.-]{1,63}. Default: the host's name and a random suffix.
	Name string
	// HTTP address to listen on for users, health and metrics. Default "127.0.0.1:0", a free port.
	HTTP string
	// Gossip address to listen on. Default "127.0.0.1:0".
	Gossip string
	// Advertise is where other nodes reach HTTP if that is somewhere else (NAT, containers): a host, or host:port if
	// the port is another one too. Default: HTTP, or if that is every address, the machine's only private one.
	Advertise string
	// AdvertiseGossip is the same of Gossip. Default: the host of Advertise, else Gossip.
	AdvertiseGossip string
	// Join names nodes to join through: "host:port", "dns+name:port" or "file+path".
	Join []string
	// Fleet that this node belongs to; workers of another are refused. Default "dunnock".
	Fleet string
	// GossipKey encrypts membership: 32 bytes, the same on all nodes. Default none.
	GossipKey []byte
	// Zone of this scheduler, for listings.
	Zone string
	// Insecure allows addresses that are not loopback without TLS, token and gossip key.
	Insecure bool
	// Logger for what an operator wants to know. Default slog.Default().
	Logger *slog.Logger

	// Policy of the fleet. Default placement.IdleOffer.
	Policy placement.Policy
	// Seed of the sampling. 0 (the default) draws one.
	Seed uint64
	// Limits of one job: tasks, bytes of a payload, bytes of a job. Default task.DefaultLimits(); a payload at most 16
	// MiB.
	Limits task.Limits
	// MaxJobs unfinished at once, refused beyond with overloaded. Default 100,000; raise it with memory, about 2 KiB a
	// job.
	MaxJobs int
	// MaxWaitingTasks over all jobs, refused beyond with overloaded. Default 1,000,000.
	MaxWaitingTasks int
	// MaxPayloadBytes held for unfinished jobs, refused beyond with overloaded. Default 1 GiB.
	MaxPayloadBytes int64
	// ResultTTL is how long a finished job stays readable. Default 1 m.
	ResultTTL time.Duration
	// MaxRetainedBytes bounds what finished jobs and the results of detached ones take up; the oldest go first. Default
	// 64 MiB.
	MaxRetainedBytes int64
	// MaxUnreadBytes is how much in results a job's client may have been sent and not read before the job starts
	// nothing more. A client says at least twice a second what it has read. Default 32 MiB.
	MaxUnreadBytes int64
	// PreferWait is how long tasks wait for workers that they prefer before any other will do. Default
	// placement.DefaultPreferWait, 50 ms; below 0: no time. At most 1 m.
	PreferWait time.Duration
	// AffinityWait is how long tasks with an affinity key wait for the workers that it has chosen before others are
	// tried. Default placement.DefaultAffinityWait, 20 ms; below 0: no time. At most 1 m.
	AffinityWait time.Duration
	// MaxQueueTime is how long a job's tasks may have to wait, at the rate at which such tasks are launched now, for
	// the job to be accepted; it is refused beyond with overloaded. Default placement.DefaultMaxQueueTime, 10 s.
	MaxQueueTime time.Duration
	// ClientGrace is how long a job without an owner, whose connection has ended, waits for one to come back before it
	// is cancelled, or drains if it asks for that. It starts nothing meanwhile. Default 1 s.
	ClientGrace time.Duration
	// ResultGrace is how long a result stays at its worker that its client has not had, from when the client left: it
	// may come for it, to this scheduler or another one. Default 20 s, at least ClientGrace and at most 25 s, since
	// workers keep nothing longer than 30 s by themselves.
	ResultGrace time.Duration
	// DrainTimeout bounds how long a draining scheduler waits for its jobs. Default 30 s.
	DrainTimeout time.Duration
	// Stream tunes the connections to workers and clients. BeatInterval is at least 10 ms; Lease at least two of those,
	// and at most 1 m. A peer's longer lease holds for the connection with it.
	Stream stream.Config

	// OnReady is called once with the addresses that were bound.
	OnReady func(node.Ready)

	// Listener replaces HTTP, Members gossip and Dial the network: for tests and for fleets inside one process.
	Listener net.Listener
	Members  node.Membership
	Dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	// Incarnation of this process. Default: a new one.
	Incarnation probe.Incarnation
}

func (c Config) withDefaults() Config {
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	c.Policy = cmp.Or(c.Policy, placement.IdleOffer)
	limits := task.DefaultLimits()
	c.Limits.MaxTasks = cmp.Or(c.Limits.MaxTasks, limits.MaxTasks)
	c.Limits.MaxPayloadBytes = cmp.Or(c.Limits.MaxPayloadBytes, limits.MaxPayloadBytes)
	c.Limits.MaxJobBytes = cmp.Or(c.Limits.MaxJobBytes, limits.MaxJobBytes)
	c.Stream.MaxMessageBytes = max(c.Stream.MaxMessageBytes, probe.MaxMessage)
	c.Stream.BeatInterval, c.Stream.Lease = c.Stream.Times() // the lease is announced
	c.MaxJobs = cmp.Or(c.MaxJobs, 100_000)
	c.MaxWaitingTasks = cmp.Or(c.MaxWaitingTasks, 1_000_000)
	c.MaxPayloadBytes = cmp.Or(c.MaxPayloadBytes, 1<<30)
	c.ResultTTL = cmp.Or(c.ResultTTL, time.Minute)
	c.MaxRetainedBytes = cmp.Or(c.MaxRetainedBytes, 64<<20)
	c.MaxUnreadBytes = cmp.Or(c.MaxUnreadBytes, 32<<20)
	c.ClientGrace = cmp.Or(c.ClientGrace, time.Second)
	c.ResultGrace = cmp.Or(c.ResultGrace, ack.DefaultKeepFor)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 30*time.Second)
	return c
}

// placement is what the core is made with. Its bounds are those here, since users share them.
func (c *Config) placement() placement.Config {
	waiting := min(c.MaxWaitingTasks, math.MaxInt32)
	return placement.Config{
		Policy: c.Policy, PreferWait: c.PreferWait, AffinityWait: c.AffinityWait, MaxQueueTime: c.MaxQueueTime, DoubtWait: c.Stream.Lease,
		MaxJobs: min(c.MaxJobs, math.MaxInt32), MaxWaiting: waiting, MaxTasks: min(max(placement.DefaultMaxTasks, 2*waiting), math.MaxInt32),
	}
}

// MaxResultGrace bounds [Config.ResultGrace]: a worker that drops results by itself says ever after that something may
// be missing.
const MaxResultGrace = 25 * time.Second

// queueResultTTL is what workers are made with; see dunnock/worker/queue.
const queueResultTTL = 30 * time.Second

// Validate reports all faults of the configuration at once.
func (c Config) Validate() error {
	var faults []error
	if c.Name != "" && !probe.ValidNodeName(c.Name) {
		faults = append(faults, fmt.Errorf("name: want 1 to %d characters of a-z 0-9 . -, got %q", probe.MaxNodeName, c.Name))
	}
	if len(c.GossipKey) != 0 && len(c.GossipKey) != 32 {
		faults = append(faults, fmt.Errorf("gossip key: want 32 bytes, got %d", len(c.GossipKey)))
	}
	if c.Limits.MaxPayloadBytes > probe.MaxPayload {
		faults = append(faults, fmt.Errorf("limits: payload of a task: at most %d bytes, got %d", probe.MaxPayload, c.Limits.MaxPayloadBytes))
	}
	if c.PreferWait > time.Minute {
		faults = append(faults, fmt.Errorf("prefer wait: at most %v, got %v", time.Minute, c.PreferWait))
	}
	if c.AffinityWait > time.Minute {
		faults = append(faults, fmt.Errorf("affinity wait: at most %v, got %v", time.Minute, c.AffinityWait))
	}
	if err := c.Stream.ValidateTimes(); err != nil {
		faults = append(faults, err)
	}
	if c.ResultGrace > MaxResultGrace {
		faults = append(faults, fmt.Errorf("result grace: at most %v, got %v: workers keep nothing longer than %v by themselves", MaxResultGrace, c.ResultGrace, queueResultTTL))
	}
	if d := c.withDefaults(); d.ResultGrace < d.ClientGrace {
		faults = append(faults, fmt.Errorf("result grace: want at least the client grace (%v), got %v: a client that is back in time must find what it has not had", d.ClientGrace, d.ResultGrace))
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"limits: tasks of a job", int64(c.Limits.MaxTasks)},
		{"limits: payload of a task", int64(c.Limits.MaxPayloadBytes)},
		{"limits: payloads of a job", int64(c.Limits.MaxJobBytes)},
		{"max jobs", int64(c.MaxJobs)},
		{"max waiting tasks", int64(c.MaxWaitingTasks)},
		{"max payload bytes", c.MaxPayloadBytes},
		{"result ttl", int64(c.ResultTTL)},
		{"max retained bytes", c.MaxRetainedBytes},
		{"max unread bytes", c.MaxUnreadBytes},
		{"max queue time", int64(c.MaxQueueTime)},
		{"client grace", int64(c.ClientGrace)},
		{"result grace", int64(c.ResultGrace)},
		{"drain timeout", int64(c.DrainTimeout)},
	} {
		if f.value < 0 {
			faults = append(faults, fmt.Errorf("%s: want at least 0 (0 is the default), got %d", f.name, f.value))
		}
	}
	return errors.Join(faults...)
}
