package worker

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"time"

	"dunnock/internal/node"
	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker/queue"
)

// Config of a worker. Zero fields take the default that their comment gives.
type Config struct {
	// Name of this node, [a-z0-9.-]{1,63}. Default: the host's name and a random suffix.
	Name string
	// Slots is how many tasks run at once, 1…4096. Default: the number of CPUs.
	Slots int
	// Apps are the handlers by name ([a-z0-9._-]{1,63}); at least one.
	Apps map[string]Handler
	// Resources that tasks may take beside slots, such as gpu: 2 or memory: 65536, in whatever units the fleet agrees
	// on; at most 8. Tasks that run together never take more. Nothing but that is done with them: no memory is set
	// aside, no device chosen.
	Resources map[string]uint32
	// Labels that jobs may require. Announced by gossip, where name, address, zone and labels share 200 bytes.
	Labels map[string]string
	// Zone of this worker; also its label "zone".
	Zone string
	// HTTP address to listen on for schedulers, health and metrics. Default "127.0.0.1:0", a free port.
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
	// Fleet that this node belongs to. Default "dunnock".
	Fleet string
	// GossipKey encrypts membership: 32 bytes, the same on all nodes. Default none.
	GossipKey []byte
	// Insecure allows addresses that are not loopback without TLS, token and gossip key.
	Insecure bool
	// Logger for what an operator wants to know. Default slog.Default().
	Logger *slog.Logger

	// Discipline says whose turn it is when a slot is free: "fifo", "priority" (of the job), "fair" (between users),
	// "edf" (the earliest deadline first) or "srpt" (the least work left first, as the job estimates). Default "fifo".
	Discipline string
	// Weights of users and groups of users under fair, by path such as "org/team": 1 to 1000. Default 1 each.
	Weights map[string]int
	// Ageing is how long a reservation must wait under priority to count as of one priority more. Default 0: priorities
	// are strict.
	Ageing time.Duration
	// StarvationBound is how long a reservation may wait under srpt before it is served next. Default 1 s.
	StarvationBound time.Duration
	// MaxReservations queued here, refused beyond. Default 100,000 entries.
	MaxReservations int
	// MaxResultBytes of one result; a longer one fails the task with result_too_large. Default 1 MiB, at most 16 MiB.
	MaxResultBytes int
	// StopGrace is how long a handler has to return after its context ended, before the
	// attempt is reported without it and its slot counted as stuck. Default 100 ms.
	StopGrace time.Duration
	// OrphanGrace is how long an attempt runs on whose scheduler is gone: until then that scheduler may come back, or
	// another adopt the attempt. Default 2 s, at least the lease, at most 1 h.
	OrphanGrace time.Duration
	// DrainTimeout bounds how long a draining worker waits for running tasks. Default 30 s.
	DrainTimeout time.Duration
	// Stream tunes the connections from schedulers. BeatInterval is at least 10 ms; Lease at least two of those, and at
	// most 1 m. A scheduler's longer lease holds for the connection with it.
	Stream stream.Config

	// OnReady is called once with the addresses that were bound.
	OnReady func(node.Ready)

	// Listener replaces HTTP, and Members gossip: for tests and for fleets inside one process.
	Listener net.Listener
	Members  node.Membership
	// Incarnation of this process. Default: a new one.
	Incarnation probe.Incarnation
}

// Validate reports all faults of the configuration at once.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Name != "" && !probe.ValidNodeName(c.Name) {
		fault("name: want 1 to %d characters of a-z 0-9 . -, got %q", probe.MaxNodeName, c.Name)
	}
	if c.Slots < 0 || c.Slots > probe.MaxSlots {
		fault("slots: want 1 to %d, got %d", probe.MaxSlots, c.Slots)
	}
	if len(c.Apps) == 0 {
		fault("apps: a worker needs at least one app")
	}
	for name, h := range c.Apps {
		if !task.ValidApp(name) {
			fault("apps: name %q: want 1 to %d characters of a-z 0-9 . _ -", name, task.MaxNameLen)
		}
		if h == nil {
			fault("apps: %q has no handler", name)
		}
	}
	if len(c.Labels) > task.MaxLabels {
		fault("labels: at most %d, got %d", task.MaxLabels, len(c.Labels))
	}
	for k, v := range c.Labels {
		if !task.ValidApp(k) || len(v) > task.MaxNameLen {
			fault("labels: %q=%q: want a key of 1 to %d characters of a-z 0-9 . _ - and a value of at most %d bytes", k, v, task.MaxNameLen, task.MaxNameLen)
		}
	}
	if zone, said := c.Labels["zone"]; said && c.Zone != "" && zone != c.Zone {
		fault("labels: zone=%s, and the zone is %s: a worker is in one", zone, c.Zone)
	}
	if len(c.Resources) > task.MaxResources {
		fault("resources: at most %d, got %d", task.MaxResources, len(c.Resources))
	}
	for name, n := range c.Resources {
		if !task.ValidApp(name) || name == task.SlotsName || n == 0 {
			fault("resources: %q=%d: want a name of 1 to %d characters of a-z 0-9 . _ - other than %s, and at least 1", name, n, task.MaxNameLen, task.SlotsName)
		}
	}
	if len(c.GossipKey) != 0 && len(c.GossipKey) != 32 {
		fault("gossip key: want 32 bytes, got %d", len(c.GossipKey))
	}
	if _, err := c.discipline(); err != nil {
		faults = append(faults, err)
	} else if err := c.queue().Validate(); err != nil && len(faults) == 0 {
		faults = append(faults, err)
	}
	if c.MaxResultBytes > probe.MaxPayload {
		fault("max result bytes: at most %d, got %d", probe.MaxPayload, c.MaxResultBytes)
	}
	if err := c.Stream.ValidateTimes(); err != nil {
		faults = append(faults, err)
	} else if _, lease := c.Stream.Times(); c.orphanGrace() < lease {
		fault("orphan grace: want at least the lease (%v): attempts must not end before their scheduler is given up; got %v", lease, c.orphanGrace())
	}
	if c.MaxReservations < 0 || c.MaxResultBytes < 0 || c.StopGrace < 0 || c.DrainTimeout < 0 {
		fault("limits: none may be negative")
	}
	return errors.Join(faults...)
}

func (c Config) discipline() (queue.Discipline, error) {
	if c.Discipline == "" {
		return queue.FIFO, nil
	}
	return queue.ParseDiscipline(c.Discipline)
}

func (c Config) orphanGrace() time.Duration {
	if c.OrphanGrace == 0 {
		return queue.DefaultOrphanGrace
	}
	return c.OrphanGrace
}

// amounts are the resources in the order of their names.
func (c Config) amounts() []probe.Amount {
	list := make([]probe.Amount, 0, len(c.Resources))
	for _, name := range slices.Sorted(maps.Keys(c.Resources)) {
		list = append(list, probe.Amount{Name: name, N: c.Resources[name]})
	}
	return list
}

// weights are the users', sorted by path, where they count.
func (c Config) weights() []probe.Amount {
	if c.Discipline != queue.Fair.String() {
		return nil
	}
	list := make([]probe.Amount, 0, len(c.Weights))
	for _, path := range slices.Sorted(maps.Keys(c.Weights)) {
		list = append(list, probe.Amount{Name: path, N: uint32(c.Weights[path])})
	}
	return list
}

// queue is the core's part of the configuration.
func (c Config) queue() queue.Config {
	d, _ := c.discipline() // Validate has looked
	has := make([]uint32, 0, len(c.Resources))
	for _, r := range c.amounts() {
		has = append(has, r.N)
	}
	return queue.Config{
		Resources: has,
		Slots:     c.Slots, MaxReservations: c.MaxReservations, StopGrace: c.StopGrace, OrphanGrace: c.OrphanGrace, Apps: len(c.Apps),
		Offers: true, Seed: uint64(c.Incarnation), // to schedulers that take them; which do is learnt from them
		Discipline: d, Weights: c.Weights, Ageing: c.Ageing, StarvationBound: c.StarvationBound,
	}
}
