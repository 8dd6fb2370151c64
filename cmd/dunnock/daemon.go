package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"dunnock/gossip"
	"dunnock/internal/node"
	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker"
	"dunnock/worker/app"
)

// nodeFlags are what a scheduler and a worker have in common.
type nodeFlags struct {
	Name            string   `help:"Name of this node, unique in the fleet (default: the host's name and a random suffix)." placeholder:"NAME"`
	HTTP            string   `name:"http" help:"Address for users, schedulers, health and metrics; port 0 is a free one." default:"127.0.0.1:0" placeholder:"HOST:PORT"`
	Gossip          string   `help:"Address for membership, over UDP and TCP." default:"127.0.0.1:0" placeholder:"HOST:PORT"`
	Advertise       string   `help:"Where other nodes reach this one if that is not --http (NAT, containers): the host, and the port if it is another one (default: --http, or of 0.0.0.0 the machine's only private address)." placeholder:"HOST[:PORT]"`
	AdvertiseGossip string   `help:"The same of --gossip (default: the host of --advertise, and --gossip's port)." placeholder:"HOST[:PORT]"`
	Join            []string `help:"A node to join through: host:port, dns+name:port or file+path. Repeatable. Tried until it answers (default: none; others join this one)." placeholder:"ADDR"`
	Fleet           string   `help:"Name of the fleet; nodes of different fleets never meet." default:"dunnock" placeholder:"NAME"`
	GossipKey       string   `help:"Key that encrypts membership, from 'dunnock keygen', the same on all nodes. Better set by DUNNOCK_GOSSIP_KEY or in the file: command lines can be seen by others (default: none)." placeholder:"BASE64"`
	Zone            string   `help:"Failure domain of this node; on a worker also its label zone (default: none)." placeholder:"ZONE"`
	Insecure        bool     `help:"Allow addresses that are not loopback, without TLS and tokens (default: no)."`

	Beat  time.Duration `group:"leases" help:"The longest that this node is silent towards a live connection." default:"500ms" placeholder:"DURATION"`
	Lease time.Duration `group:"leases" help:"Silence after which a peer is given up: at least two beats, at most 1m. Of two peers the longer lease holds." default:"1500ms" placeholder:"DURATION"`

	DrainTimeout time.Duration `help:"Longest wait for running work when told to leave by SIGTERM, Ctrl-C or drain; a second signal ends at once." default:"30s" placeholder:"DURATION"`
}

// stream is what the flags say of connections.
func (f *nodeFlags) stream() stream.Config {
	return stream.Config{BeatInterval: f.Beat, Lease: f.Lease}
}

// check reports what the flags themselves can have wrong. key is the decoded gossip key.
func (f *nodeFlags) check() (key []byte, err error) {
	for _, a := range []struct{ flag, addr string }{{"http", f.HTTP}, {"gossip", f.Gossip}} {
		if err := checkListen(a.flag, a.addr, f.Insecure); err != nil {
			return nil, err
		}
	}
	if _, port, _ := net.SplitHostPort(f.HTTP); f.HTTP == f.Gossip && port != "0" {
		return nil, usagef("--gossip: %s is where --http listens", f.Gossip)
	}
	for _, a := range []struct{ flag, addr string }{{"advertise", f.Advertise}, {"advertise-gossip", f.AdvertiseGossip}} {
		if err := gossip.CheckAdvertised(a.addr); err != nil && a.addr != "" {
			return nil, usagef("--%s: %w", a.flag, err)
		}
	}
	for _, join := range f.Join {
		if err := gossip.CheckJoin(join); err != nil {
			return nil, usagef("--join: %w", err)
		}
	}
	if len(f.Join) > gossip.MaxJoin {
		return nil, usagef("--join: at most %d, got %d", gossip.MaxJoin, len(f.Join))
	}
	if f.Fleet != "" && !probe.ValidNodeName(f.Fleet) {
		return nil, usagef("--fleet: want 1 to %d characters of a-z 0-9 . -, got %q", probe.MaxNodeName, f.Fleet)
	}
	if len(f.Zone) > task.MaxNameLen {
		return nil, usagef("--zone: want at most %d bytes, got %d", task.MaxNameLen, len(f.Zone))
	}
	if f.Beat < stream.MinBeatInterval {
		return nil, usagef("--beat: want at least %v, got %v", stream.MinBeatInterval, f.Beat)
	}
	if f.Lease < 2*f.Beat || f.Lease > stream.MaxLease {
		return nil, usagef("--lease: want at least two beats (--beat %v) and at most %v, got %v", f.Beat, stream.MaxLease, f.Lease)
	}
	if f.DrainTimeout <= 0 {
		return nil, usagef("--drain-timeout: want more than 0, got %v", f.DrainTimeout)
	}
	if f.GossipKey == "" {
		return nil, nil
	}
	key, err = base64.StdEncoding.DecodeString(f.GossipKey)
	if err != nil || len(key) != gossip.KeyBytes {
		return nil, usagef("--gossip-key: want %d bytes as base64, such as 'dunnock keygen' prints", gossip.KeyBytes) // and never show it
	}
	return key, nil
}

// checkListen refuses an address that cannot be listened on, or is not to be.
func checkListen(flag, addr string, insecure bool) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return usagef("--%s: want host:port, got %q", flag, addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return usagef("--%s: want a port of 0 to 65535, got %q", flag, addr)
	}
	return usage(node.CheckLoopback("--"+flag, addr, insecure))
}

// announce prints the one line that says that a node is ready, for people and for scripts.
func (p *process) announce(role string) func(node.Ready) {
	return func(r node.Ready) {
		fmt.Fprintf(p.stdout, "%s %s ready http=%s gossip=%s\n", role, r.Name, r.HTTP, r.Gossip)
	}
}

// loadApps makes the handlers that flags name. closer ends what they started, once no handler runs any more.
func loadApps(specs []string, builtin bool, maxResultBytes int) (apps map[string]worker.Handler, closer io.Closer, err error) {
	apps, closer = map[string]worker.Handler{}, io.NopCloser(nil)
	if builtin {
		apps, closer = app.Builtin()
	}
	for _, spec := range specs {
		name, h, err := app.Options{MaxResultBytes: maxResultBytes}.Parse(spec)
		if err == nil && apps[name] != nil {
			err = fmt.Errorf("two apps are named %s", name)
		}
		if err != nil {
			_ = closer.Close() // has no error
			return nil, nil, usage(err)
		}
		apps[name] = h
	}
	return apps, closer, nil
}

// checkSlots refuses a number of slots that a worker cannot have.
func checkSlots(slots int) error {
	switch {
	case slots == 0:
		return usagef("--slots: want 1 to %d, got 0: a worker without slots can run nothing", probe.MaxSlots)
	case slots < 0 || slots > probe.MaxSlots:
		return usagef("--slots: want 1 to %d, got %d", probe.MaxSlots, slots)
	}
	return nil
}

// heapHelp is what the daemons say of their memory; see package heap.
const heapHelp = `Garbage is collected when the heap has doubled, as in every Go program, but not below 32 MiB, where a busy process would do little else. GOGC and GOMEMLIMIT in the environment mean what they mean to any Go program; with GOGC set, or a GOMEMLIMIT below 256MiB, there is no such floor. Where memory is bounded from outside, as by a control group, set GOMEMLIMIT to nine tenths of that.`
