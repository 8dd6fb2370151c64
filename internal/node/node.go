package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"

	"dunnock/gossip"
	"dunnock/gossip/view"
	"dunnock/probe"
)

// Membership is where a node learns of the others: a *gossip.Node, or a fixed
// list in tests.
type Membership interface {
	// View returns the members as known now.
	View() *view.View
	// Changed returns a channel that is closed once the view is no longer since: at
	// once if it is not.
	Changed(since *view.View) <-chan struct{}
	// SetState announces this node's own state to the others.
	SetState(s view.State) error
}

// Config says who the node is and where it listens. Zero fields take the
// default that their comment gives.
type Config struct {
	Name        string // default: the host's name and a random suffix
	Role        probe.Role
	Incarnation probe.Incarnation // default: a new one
	HTTP        string            // address to listen on; default "127.0.0.1:0"
	Gossip      string            // address to listen on; default "127.0.0.1:0"
	// Advertise and AdvertiseGossip are where others reach HTTP and Gossip, as a host or host:port, if that is
	// somewhere else. Default: there, and of gossip the host of Advertise.
	Advertise, AdvertiseGossip string

	Join      []string
	Fleet     string // default "dunnock"
	GossipKey []byte
	Insecure  bool // allows addresses that are not loopback
	Slots     int
	Labels    []probe.Label
	Zone      string
	Logger    *slog.Logger // default slog.Default()
	Listener  net.Listener // replaces HTTP
	Members   Membership   // replaces Gossip and Join
}

// Node is an open listener and a membership. Its fields do not change.
type Node struct {
	Name        string
	Role        probe.Role
	Incarnation probe.Incarnation
	Fleet       string
	Listener    net.Listener
	Members     Membership
	Logger      *slog.Logger

	gossip *gossip.Node // nil when Config.Members was set
}

// Ready says where a node listens.
type Ready struct {
	Name   string
	HTTP   string // host:port
	Gossip string // host:port; empty without gossip
}

// Ready returns the addresses that were bound.
func (n *Node) Ready() Ready {
	r := Ready{Name: n.Name, HTTP: n.Listener.Addr().String()}
	if n.gossip != nil {
		r.Gossip = n.gossip.Addr()
	}
	return r
}

// Open checks the addresses, binds them, and starts nothing: [Node.Run] does.
func Open(cfg Config) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{
		Name: cfg.Name, Role: cfg.Role, Incarnation: cfg.Incarnation, Fleet: cfg.Fleet, Listener: cfg.Listener, Members: cfg.Members,
		Logger: cfg.Logger.With(slog.String("role", cfg.Role.String()), slog.String("node", cfg.Name)),
	}
	if n.Listener == nil {
		if n.Listener, err = Listen("http", cfg.HTTP, cfg.Insecure); err != nil {
			return nil, err
		}
	}
	if n.Members != nil {
		return n, nil
	}
	if err := n.openGossip(cfg); err != nil {
		return nil, errors.Join(err, n.Listener.Close())
	}
	return n, nil
}

func (n *Node) openGossip(cfg Config) error {
	if err := CheckLoopback("gossip", cfg.Gossip, cfg.Insecure); err != nil {
		return err
	}
	addr, err := cfg.reachable(n.Listener.Addr().String())
	if err != nil {
		return err
	}
	at, err := cfg.advertisedGossip()
	if err != nil {
		return err
	}
	g, err := gossip.Open(gossip.Config{
		Name: n.Name, Role: n.Role, Incarnation: n.Incarnation, Bind: cfg.Gossip, Advertise: at, Join: cfg.Join, Fleet: n.Fleet, Key: cfg.GossipKey,
		HTTPAddr: addr, Slots: cfg.Slots, Labels: cfg.Labels, Zone: cfg.Zone, Logger: n.Logger,
	})
	if err != nil {
		return err
	}
	n.gossip, n.Members = g, g
	if len(cfg.GossipKey) == 0 && CheckLoopback("gossip", g.Addr(), false) != nil {
		n.Logger.Warn("whoever reaches the gossip address can join the fleet: there is no gossip key", slog.String("addr", g.Addr()))
	}
	return nil
}

// reachable is where others reach the HTTP server.
func (c *Config) reachable(bound string) (string, error) {
	if c.Advertise == "" {
		addr, err := gossip.Reachable(bound)
		if err != nil {
			err = fmt.Errorf("%w, with --advertise", err)
		}
		return addr, err
	}
	addr, err := gossip.Advertised(c.Advertise, bound)
	if err != nil {
		err = fmt.Errorf("advertise: %w", err)
	}
	return addr, err
}

// advertisedGossip is where others reach gossip, with port 0 for the one that is bound; empty: where it is bound.
func (c *Config) advertisedGossip() (string, error) {
	const bound = "there:0"
	switch {
	case c.AdvertiseGossip != "":
		addr, err := gossip.Advertised(c.AdvertiseGossip, bound)
		if err != nil {
			err = fmt.Errorf("advertise gossip: %w", err)
		}
		return addr, err
	case c.Advertise != "":
		addr, err := gossip.Advertised(c.Advertise, bound)
		if err != nil {
			return "", fmt.Errorf("advertise: %w", err)
		}
		host, _, _ := net.SplitHostPort(addr) // it has just been joined
		return net.JoinHostPort(host, "0"), nil
	}
	return "", nil
}

// Run keeps the membership until ctx is done, then leaves it. It fails when another
// live node has this one's name.
func (n *Node) Run(ctx context.Context) error {
	if n.gossip == nil {
		<-ctx.Done()
		return nil
	}
	return n.gossip.Run(ctx)
}

func (c Config) withDefaults() (Config, error) {
	if c.Name == "" {
		c.Name = defaultName()
	}
	if !probe.ValidNodeName(c.Name) {
		return c, fmt.Errorf("name: want 1 to %d characters of a-z 0-9 . -, got %q", probe.MaxNodeName, c.Name)
	}
	if c.Incarnation == 0 {
		c.Incarnation = gossip.NewIncarnation()
	}
	c.HTTP = cmp.Or(c.HTTP, "127.0.0.1:0")
	c.Gossip = cmp.Or(c.Gossip, "127.0.0.1:0")
	c.Fleet = cmp.Or(c.Fleet, "dunnock")
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}

// defaultName is the host's name, cleaned, and six random characters.
func defaultName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "node"
	}
	clean := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, strings.ToLower(host))
	return fmt.Sprintf("%.48s-%06x", clean, uint64(gossip.NewIncarnation())&0xffffff)
}

// Listen opens a TCP listener on a loopback address, or on any with insecure. what names
// the flag in the error.
func Listen(what, addr string, insecure bool) (net.Listener, error) {
	if err := CheckLoopback(what, addr, insecure); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %s is in use by another process", what, addr)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: cannot listen on %s: %w", what, addr, err)
	}
	return l, nil
}

// CheckLoopback refuses what is no host:port, and an address that others could reach, unless insecure. what names the
// flag in the error.
func CheckLoopback(what, addr string, insecure bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%s: want host:port, got %q", what, addr)
	}
	if insecure || host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return nil
	}
	could := "submit work without TLS and a token"
	if strings.HasSuffix(what, "gossip") {
		could = "join the fleet, which nothing but a --gossip-key keeps it from"
	}
	return fmt.Errorf("%s: %s is not a loopback address: the network could %s; use 127.0.0.1, or allow it with --insecure", what, addr, could)
}
