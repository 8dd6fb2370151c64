package gossip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dunnock/probe"
)

func valid() Config {
	return Config{Name: "w1", Role: probe.RoleWorker, HTTPAddr: "127.0.0.1:7171", Slots: 4}
}

func TestValidateTellsAllFaults(t *testing.T) {
	if err := valid().Validate(); err != nil {
		t.Errorf("the smallest configuration: %v", err)
	}
	bad := Config{
		Name: "W 1", Role: probe.RoleClient, HTTPAddr: "0.0.0.0:80", Fleet: "the fleet", Key: []byte("short"),
		Bind: "7946", Advertise: "0.0.0.0:7946", Join: append(slices.Repeat([]string{"a:1"}, MaxJoin), "nowhere"),
		Labels: []probe.Label{{Key: "Rack"}}, Zone: strings.Repeat("z", 64),
		ProbeInterval: time.Millisecond, GossipInterval: time.Hour, RejoinInterval: 1,
	}
	err := bad.Validate()
	if err == nil {
		t.Fatal("taken")
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %v", err)
	}
	for _, field := range []string{
		"name:", "role:", "http address:", "fleet:", "key:", "bind:", "advertise:", "join: at most", "join: want host:port",
		"labels:", "zone:", "probe interval:", "gossip interval:", "rejoin interval:",
	} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not in %v", field, err)
		}
	}
	if _, err := Open(bad); err == nil {
		t.Error("opened all the same")
	}
}

func TestLabelsThatDoNotFit(t *testing.T) {
	cfg := valid()
	for i := range 5 {
		cfg.Labels = append(cfg.Labels, probe.Label{Key: fmt.Sprintf("key%d", i), Value: strings.Repeat("v", 40)})
	}
	if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "shorten the labels (key0=vvv") {
		t.Errorf("%v", err)
	}
	cfg.Labels = []probe.Label{{Key: "a", Value: "1"}, {Key: "a", Value: "2"}}
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "each key once") {
		t.Errorf("a label twice: %v", err)
	}
}

// table resolves the names in it.
type table map[string][]netip.Addr

// LookupNetIP looks into the table.
func (r table) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	if a, ok := r[host]; ok && network == "ip" {
		return a, nil
	}
	return nil, errors.New("no such host")
}

func TestTargets(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file+" + path
	}
	ip := netip.MustParseAddr
	r := table{
		"seeds.example.org": {ip("2001:db8::1"), ip("::ffff:10.0.0.1"), ip("fe80::1%eth0"), ip("10.0.0.2")},
		"empty":             {},
	}
	for _, c := range []struct{ entry, addrs, fault string }{
		{"127.0.0.1:7946", "127.0.0.1:7946", ""},
		{"[::1]:7946", "[::1]:7946", ""},
		{"seeds.example.org:7946", "10.0.0.1:7946 10.0.0.2:7946 [2001:db8::1]:7946", ""},
		{"dns+seeds.example.org:1", "10.0.0.1:1 10.0.0.2:1 [2001:db8::1]:1", ""},
		{"dns+missing:1", "", "look up missing: no such host"},
		{"empty:1", "", "look up empty: no address"},
		{"[fe80::1%eth0]:1", "", "zone"},
		{write("some", "10.0.0.9:1\n  dns+seeds.example.org:2 # all of them\n\n#10.0.0.8:1\n"), "10.0.0.9:1 10.0.0.1:2 10.0.0.2:2 [2001:db8::1]:2", ""},
		{write("faults", "10.0.0.9:1\nnowhere\nfile+/etc/hosts\nmissing:1"), "10.0.0.9:1", `faults:2: want host:port, got "nowhere"`},
		{write("long", strings.Repeat("x", 100_000)), "", "too long"},
		{write("none", ""), "", ""},
		{"file+" + filepath.Join(dir, "absent"), "", "no such file"},
	} {
		target, err := parseTarget(c.entry)
		if err != nil {
			t.Errorf("%s: %v", c.entry, err)
			continue
		}
		addrs, err := target.resolve(t.Context(), r)
		s := make([]string, 0, len(addrs))
		for _, a := range addrs {
			s = append(s, a.String())
		}
		if got := strings.Join(s, " "); got != c.addrs {
			t.Errorf("%s: %s, want %s", c.entry, got, c.addrs)
		}
		if (err != nil) != (c.fault != "") || (err != nil && !strings.Contains(err.Error(), c.fault)) {
			t.Errorf("%s: error %v, want %q", c.entry, err, c.fault)
		}
	}
	for _, bad := range []string{"", "host", ":7946", "host:0", "host:65536", "host:http", "file+", "dns+host", "::1:7946"} {
		if target, err := parseTarget(bad); err == nil {
			t.Errorf("%q was taken for %+v", bad, target)
		}
	}
}

func TestBindByName(t *testing.T) {
	cfg := valid()
	cfg.Bind, cfg.Advertise = "here:0", "there:0"
	cfg.Resolver = table{"here": {netip.MustParseAddr("127.0.0.1")}, "there": {netip.MustParseAddr("10.1.2.3")}}
	n, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	port := n.transport.bound().Port()
	if n.transport.bound().Addr().String() != "127.0.0.1" || n.advertised != netip.AddrPortFrom(netip.MustParseAddr("10.1.2.3"), port) {
		t.Errorf("bound to %s, advertises %s", n.Addr(), n.advertised)
	}
	cfg.Bind = "missing:0"
	if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "bind: look up missing") {
		t.Errorf("%v", err)
	}
	cfg.Bind, cfg.Advertise = "here:0", "missing:0"
	if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "advertise: look up missing") {
		t.Errorf("%v", err)
	}
}

// TestAdvertised: a host alone goes with the port that is bound, and what nobody can dial is refused.
func TestAdvertised(t *testing.T) {
	for wanted, want := range map[string]string{
		"203.0.113.7": "203.0.113.7:7070", "203.0.113.7:80": "203.0.113.7:80", "node.example": "node.example:7070", "node.example:80": "node.example:80",
		"::1": "[::1]:7070", "[::1]": "[::1]:7070", "[::1]:80": "[::1]:80",
	} {
		got, err := Advertised(wanted, "127.0.0.1:7070")
		if got != want || err != nil || CheckAdvertised(wanted) != nil {
			t.Errorf("%s: %s, %v, want %s", wanted, got, err, want)
		}
	}
	for _, wanted := range []string{"", ":80", "node:", "node:0", "node:70000", "node:x", "a:b:c", "a b", "[::1", "::1]", "[::1]x", "0.0.0.0", "0.0.0.0:80", "::", "[::]:80", "[node]:80x"} {
		if got, err := Advertised(wanted, "127.0.0.1:7070"); err == nil || CheckAdvertised(wanted) == nil {
			t.Errorf("%s: %s", wanted, got)
		}
	}
}

func TestReachable(t *testing.T) {
	for _, same := range []string{"127.0.0.1:7946", "[::1]:1", "host:80"} {
		if got, err := Reachable(same); got != same || err != nil {
			t.Errorf("%s: %s, %v", same, got, err)
		}
	}
	if got, err := Reachable("nowhere"); err == nil {
		t.Errorf("nowhere: %s", got)
	}
	if got, err := Reachable("0.0.0.0:7946"); err == nil && (strings.HasPrefix(got, "0.0.0.0") || !strings.HasSuffix(got, ":7946")) {
		t.Errorf("every address: %s", got)
	}
	on := func(addrs ...string) []net.Addr {
		all := make([]net.Addr, 0, len(addrs))
		for _, a := range addrs {
			ip, n, err := net.ParseCIDR(a)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, &net.IPNet{IP: ip, Mask: n.Mask})
		}
		return all
	}
	if ip, err := onlyPrivate(on("127.0.0.1/8", "198.51.100.7/24", "10.0.0.5/8", "fe80::1/64")); err != nil || ip.String() != "10.0.0.5" {
		t.Errorf("one private address: %v, %v", ip, err)
	}
	if _, err := onlyPrivate(on("127.0.0.1/8", "198.51.100.7/24")); err == nil {
		t.Error("a public address was chosen")
	}
	if _, err := onlyPrivate(on("10.0.0.5/8", "172.17.0.1/16")); err == nil || !strings.Contains(err.Error(), "10.0.0.5, 172.17.0.1") {
		t.Errorf("two private addresses: %v", err)
	}
}

func TestIncarnationsGrow(t *testing.T) {
	before := probe.Incarnation(time.Now().UnixMilli()) << incarnationRandomBits
	i := NewIncarnation()
	if after := probe.Incarnation(time.Now().UnixMilli()+1) << incarnationRandomBits; i < before || i >= after {
		t.Errorf("%s is not between %s and %s", i.String(), before.String(), after.String())
	}
	lives := map[probe.Incarnation]bool{}
	for range 10 {
		lives[NewIncarnation()] = true
	}
	if len(lives) < 5 { // two in one millisecond are the same once in a million
		t.Errorf("ten lives have %d incarnations", len(lives))
	}
}

func TestBackoff(t *testing.T) {
	var b backoff
	const s = time.Second
	for _, want := range []time.Duration{s, 2 * s, 4 * s, 8 * s, 10 * s, 10 * s} {
		if got := b.next(time.Second, 10*time.Second); got < want/2 || got >= want*3/2 {
			t.Errorf("%v is more than half off %v", got, want)
		}
	}
	b.reset()
	if got := b.next(time.Second, 10*time.Second); got >= 3*time.Second/2 {
		t.Errorf("%v after a reset", got)
	}
}

func TestOneLine(t *testing.T) {
	e := errors.New
	for want, errs := range map[string][]error{
		"<nil>":               {nil, nil},
		"a":                   {nil, e("a")},
		"a; b; c":             {e("a"), e("b"), nil, e("c")},
		"a; b; c; and 2 more": {e("a"), e("b"), e("c"), e("d"), e("e")},
	} {
		if got := fmt.Sprint(oneLine(errs)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
