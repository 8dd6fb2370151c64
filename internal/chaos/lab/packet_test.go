package lab

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// headers is an IPv4 packet without payload. flags are TCP's; for UDP they are not written.
func headers(protocol byte, from, to string, fromPort, toPort uint16, flags byte) []byte {
	b := make([]byte, 40)
	b[0], b[9] = 0x45, protocol
	binary.BigEndian.PutUint32(b[12:], number(netip.MustParseAddr(from)))
	binary.BigEndian.PutUint32(b[16:], number(netip.MustParseAddr(to)))
	binary.BigEndian.PutUint16(b[20:], fromPort)
	binary.BigEndian.PutUint16(b[22:], toPort)
	b[33] = flags
	return b
}

const (
	a, b, c  = "10.77.0.2", "10.77.0.3", "10.77.0.4"
	syn, ack = 0x02, 0x10
)

func addrs(of ...string) []netip.Addr {
	var all []netip.Addr
	for _, s := range of {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

func TestParse(t *testing.T) {
	p, ok := parse(headers(protocolTCP, a, b, 1000, 7070, syn))
	if !ok || !p.tcp || p.udp || !p.syn || p.ports != [2]uint16{1000, 7070} || p.from != number(netip.MustParseAddr(a)) || p.to != number(netip.MustParseAddr(b)) {
		t.Errorf("a SYN: %+v, %t", p, ok)
	}
	if p, _ := parse(headers(protocolTCP, a, b, 1000, 7070, syn|ack)); p.syn {
		t.Error("a SYN with ACK opens nothing")
	}
	if p, ok := parse(headers(protocolUDP, a, b, 1, 2, 0)); !ok || !p.udp || p.tcp || p.ports != [2]uint16{1, 2} {
		t.Errorf("UDP: %+v", p)
	}
	fragment := headers(protocolTCP, a, b, 1000, 7070, syn)
	fragment[7] = 1
	if p, ok := parse(fragment); !ok || p.tcp || p.ports != [2]uint16{} {
		t.Errorf("a later fragment has no ports: %+v", p)
	}
	whole := headers(protocolTCP, a, b, 1000, 7070, syn)
	for n := range whole {
		_, _ = parse(whole[:n]) // must not panic
	}
	if _, ok := parse([]byte{0x60, 0, 0}); ok {
		t.Error("IPv6")
	}
}

func TestDecide(t *testing.T) {
	udp := func(from, to string) []byte { return headers(protocolUDP, from, to, 7946, 7946, 0) }
	tcp := func(from, to string, flags byte) []byte { return headers(protocolTCP, from, to, 7070, 7070, flags) }
	cut := Rule{From: addrs(a), To: addrs(b, c), Drop: 1}
	for _, tt := range []struct {
		name   string
		rule   Rule
		packet []byte
		drop   bool
	}{
		{"cut there", cut, udp(a, b), true},
		{"cut there, the other one", cut, tcp(a, c, ack), true},
		{"not back", cut, udp(b, a), false},
		{"not between others", cut, udp(b, c), false},
		{"from anyone", Rule{To: addrs(b), Drop: 1}, udp(c, b), true},
		{"its port", Rule{Port: 7946, Drop: 1}, udp(a, b), true},
		{"another port", Rule{Port: 7946, Drop: 1}, tcp(a, b, ack), false},
		{"an old connection", Rule{From: addrs(a), To: addrs(b), Established: true}, tcp(a, b, ack), true},
		{"an old connection, back", Rule{From: addrs(a), To: addrs(b), Established: true}, tcp(b, a, ack), true},
		{"a new connection", Rule{From: addrs(a), To: addrs(b), Established: true}, tcp(b, a, syn), false},
		{"no connection", Rule{From: addrs(a), To: addrs(b), Established: true}, udp(a, b), false},
	} {
		p, _ := parse(tt.packet)
		if f := decide([]*rule{newRule(tt.rule)}, &p, time.Time{}, func() float64 { return 0.5 }); f.drop != tt.drop {
			t.Errorf("%s: dropped %t", tt.name, f.drop)
		}
	}
}

func TestDecideByChance(t *testing.T) {
	p, _ := parse(headers(protocolUDP, a, b, 1, 2, 0))
	random := func(values ...float64) func() float64 {
		return func() float64 {
			v := values[0]
			values = values[1:]
			return v
		}
	}
	r := newRule(Rule{Drop: 0.1, Duplicate: 0.2, Delay: time.Second, Jitter: 10 * time.Second})
	if f := decide([]*rule{r}, &p, time.Time{}, random(0.05)); !f.drop || r.dropped != 1 {
		t.Errorf("to be dropped: %+v", f)
	}
	if f := decide([]*rule{r}, &p, time.Time{}, random(0.5, 0.1, 0, 0.5)); f.drop || len(f.delays) != 2 || f.delays[0] != time.Second || f.delays[1] != 6*time.Second {
		t.Errorf("to be doubled: %+v", f)
	}
	if f := decide([]*rule{r}, &p, time.Time{}, random(0.5, 0.5, 0.9)); len(f.delays) != 1 || f.delays[0] != 10*time.Second {
		t.Errorf("to be late: %+v", f)
	}
	if f := decide(nil, &p, time.Time{}, nil); f.drop || f.delays != nil {
		t.Errorf("without a rule: %+v", f)
	}
}

func TestEstablished(t *testing.T) {
	first := newRule(Rule{From: addrs(a), To: addrs(b), Established: true})
	slow := newRule(Rule{Delay: time.Second})
	at := time.Unix(5, 0)
	drop := func(bytes []byte) bool {
		p, _ := parse(bytes)
		return decide([]*rule{first, slow}, &p, at, nil).drop
	}
	if !drop(headers(protocolTCP, a, b, 1000, 7070, ack)) {
		t.Error("the old connection passes")
	}
	if drop(headers(protocolTCP, b, a, 2000, 7070, syn)) || drop(headers(protocolTCP, a, b, 7070, 2000, syn|ack)) || drop(headers(protocolTCP, b, a, 2000, 7070, ack)) {
		t.Error("a new connection is held up")
	}
	if !first.first.Equal(at) || first.dropped != 1 {
		t.Errorf("%v, %d dropped", first.first, first.dropped)
	}
	// What it lets pass is subject to the other rules.
	p, _ := parse(headers(protocolTCP, b, a, 2000, 7070, ack))
	if f := decide([]*rule{first, slow}, &p, at, nil); len(f.delays) != 1 || f.delays[0] != time.Second {
		t.Errorf("%+v", f)
	}
	if !drop(headers(protocolTCP, a, b, 1000, 7070, ack)) {
		t.Error("the old connection passes since there is a new one")
	}
}
