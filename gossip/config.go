package gossip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"dunnock/gossip/view"
	"dunnock/probe"
)

// Bounds of a [Config].
const (
	KeyBytes = 32 // of Config.Key
	MaxJoin  = 64 // entries of Config.Join
)

// Config says who a node is, where it gossips and whom it joins. The zero value
// of a field means its default.
type Config struct {
	// Name is the node's, unique among the live nodes of its role: 1 to 63 characters of a-z 0-9 . and -. Required.
	Name string
	// Role is scheduler or worker. Required.
	Role probe.Role
	// Incarnation is of this process's life, the same as in its other handshakes. Default: [NewIncarnation].
	Incarnation probe.Incarnation
	// Fleet separates fleets on one network: nodes of different fleets never merge, whoever joins whom. 1 to 63
	// characters of a-z 0-9 . and -. Default [DefaultFleet].
	Fleet string
	// Key encrypts and authenticates all gossip (AES-256-GCM); all nodes of a fleet have the same. 32 bytes,
	// or none: then gossip is in the clear, and whoever reaches the port can join.
	Key []byte

	// Bind is the host:port for gossip, over UDP and TCP. Port 0 picks a free one. Default "127.0.0.1:0".
	Bind string
	// Advertise is the host:port at which others reach Bind, if that is another one (NAT, containers); port 0 stands
	// for the bound port. Default: Bind, or if that is every address, the machine's only private one.
	Advertise string
	// Join is whom to ask for the fleet, at most 64 entries: "host:port" of a node, "dns+name:port" for all addresses
	// of a name, "file+path" for a file of host:port lines (# starts a comment). Names are resolved and files read at
	// each attempt. One live node is enough; naming some that rarely change lets a fleet heal after a partition. The
	// node itself may be among them. Default: none; others join this node.
	Join []string

	// HTTPAddr is the host:port where others reach this node's HTTP and fleet stream. Required.
	HTTPAddr string
	// Slots is how many tasks a worker runs at once, 1 to [probe.MaxSlots]. A scheduler has 0.
	Slots int
	// Labels are what tasks may require, in any order. With the zone and address they must
	// fit into [view.MaxMeta] bytes.
	Labels []probe.Label
	// Zone is the failure domain, at most 63 bytes. Default: none.
	Zone string

	// ProbeInterval is how often the node checks one random other, 100 ms to 1 m. A killed node is missed after about 5
	// of them. Shorter ones find dead nodes sooner and take overloaded ones for dead. Default 1 s.
	ProbeInterval time.Duration
	// GossipInterval is how often news is passed on, 10 ms to 10 s. With no
	// news nothing is sent. Default 50 ms.
	GossipInterval time.Duration
	// RejoinInterval is how often a node that is in a fleet looks whether someone in Join is outside it, 1 s to 1 h. It
	// bounds how long the parts of a divided fleet stay apart once they can talk again. Default 30 s.
	RejoinInterval time.Duration

	// Live asks whether m's process is up, as that very incarnation; see [HTTPLive]. It is called only for nodes with
	// this node's name, for at most a second by ctx. Default: [HTTPLive].
	Live func(ctx context.Context, m view.Member) bool
	// Resolver looks up host names. Default: the system's.
	Resolver Resolver
	// Logger gets what an operator should know. Default: none.
	Logger *slog.Logger

	// listen replaces the sockets in tests.
	listen func(netip.AddrPort) (transport, error)
}

// DefaultFleet is the fleet's name if none is configured. It is not empty, so that
// other programs' memberlists on the network are another fleet as well.
const DefaultFleet = "dunnock"

// Resolver looks up the addresses of a host name; [*net.Resolver] is one.
type Resolver interface {
	// LookupNetIP returns the addresses of host; network is "ip".
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

func (c Config) withDefaults() Config {
	if c.Incarnation == 0 {
		c.Incarnation = NewIncarnation()
	}
	c.Fleet = cmp.Or(c.Fleet, DefaultFleet)
	c.Bind = cmp.Or(c.Bind, "127.0.0.1:0")
	c.ProbeInterval = cmp.Or(c.ProbeInterval, time.Second)
	c.GossipInterval = cmp.Or(c.GossipInterval, 50*time.Millisecond)
	c.RejoinInterval = cmp.Or(c.RejoinInterval, 30*time.Second)
	if c.Live == nil {
		c.Live = HTTPLive
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.listen == nil {
		c.listen = listen
	}
	c.Labels = slices.Clone(c.Labels)
	slices.SortStableFunc(c.Labels, func(a, b probe.Label) int { return strings.Compare(a.Key, b.Key) })
	return c
}

// ErrConfig is in every error of [Config.Validate], and so in those of [Open] that no other try of the same would not
// meet.
var ErrConfig = errors.New("gossip")

// Validate reports all faults of the configuration at once, in one line that names the fields.
func (c Config) Validate() error {
	c = c.withDefaults()
	m := c.member(view.Active)
	faults := m.Faults()
	if faults == nil {
		if _, err := view.EncodeMeta(&m); err != nil {
			faults = append(faults, err.Error())
		}
	}
	if host, _, err := net.SplitHostPort(c.HTTPAddr); err == nil && isUnspecified(host) {
		faults = append(faults, fmt.Sprintf("http address: nobody can dial %s; give the machine's own address", c.HTTPAddr))
	}
	if !probe.ValidNodeName(c.Fleet) {
		faults = append(faults, fmt.Sprintf("fleet: want 1 to %d characters of a-z 0-9 . -, got %q", probe.MaxNodeName, c.Fleet))
	}
	if len(c.Key) != 0 && len(c.Key) != KeyBytes {
		faults = append(faults, fmt.Sprintf("key: want %d bytes, got %d", KeyBytes, len(c.Key)))
	}
	faults = append(faults, c.addressFaults()...)
	for _, d := range []struct {
		name             string
		value, low, high time.Duration
	}{
		{"probe interval", c.ProbeInterval, 100 * time.Millisecond, time.Minute},
		{"gossip interval", c.GossipInterval, 10 * time.Millisecond, 10 * time.Second},
		{"rejoin interval", c.RejoinInterval, time.Second, time.Hour},
	} {
		if d.value < d.low || d.value > d.high {
			faults = append(faults, fmt.Sprintf("%s: want %v to %v, got %v", d.name, d.low, d.high, d.value))
		}
	}
	if faults != nil {
		return fmt.Errorf("%w: %s", ErrConfig, strings.Join(faults, "; "))
	}
	return nil
}

func (c *Config) addressFaults() []string {
	var faults []string
	if _, _, err := splitHostPort(c.Bind); err != nil {
		faults = append(faults, "bind: "+err.Error())
	}
	if c.Advertise != "" {
		if host, _, err := splitHostPort(c.Advertise); err != nil {
			faults = append(faults, "advertise: "+err.Error())
		} else if isUnspecified(host) {
			faults = append(faults, fmt.Sprintf("advertise: nobody can dial %s; give the machine's own address", c.Advertise))
		}
	}
	if len(c.Join) > MaxJoin {
		faults = append(faults, fmt.Sprintf("join: at most %d entries, got %d", MaxJoin, len(c.Join)))
	}
	for _, s := range c.Join {
		if _, err := parseTarget(s); err != nil {
			faults = append(faults, "join: "+err.Error())
		}
	}
	return faults
}

// member is what the node announces.
func (c *Config) member(s view.State) view.Member {
	return view.Member{
		Name: c.Name, Incarnation: c.Incarnation, Role: c.Role, Addr: c.HTTPAddr,
		Slots: c.Slots, Labels: c.Labels, Zone: c.Zone, State: s, Version: probe.Version,
	}
}
