package lab

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

const (
	protocolTCP = 6
	protocolUDP = 17
)

// packet is what rules look at.
type packet struct {
	from, to uint32 // IPv4
	tcp, udp bool
	ports    [2]uint16 // source, destination
	syn      bool      // opens a TCP connection
}

// flow names a TCP connection, the same for both directions.
type flow struct {
	a, b         uint32
	aPort, bPort uint16
}

func (p *packet) flow() flow {
	if p.from < p.to || p.from == p.to && p.ports[0] < p.ports[1] {
		return flow{p.from, p.to, p.ports[0], p.ports[1]}
	}
	return flow{p.to, p.from, p.ports[1], p.ports[0]}
}

// parse reads the headers of an IPv4 packet; false if it is none, or cut short.
func parse(b []byte) (p packet, ok bool) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return packet{}, false
	}
	header := int(b[0]&15) * 4
	p.from, p.to = binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint32(b[16:])
	if header < 20 || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 || len(b) < header+4 {
		return p, true // a later fragment has no ports
	}
	body := b[header:]
	switch b[9] {
	case protocolTCP:
		p.tcp = true
		p.syn = len(body) >= 14 && body[13]&0x12 == 0x02 // SYN without ACK
	case protocolUDP:
		p.udp = true
	default:
		return p, true
	}
	p.ports = [2]uint16{binary.BigEndian.Uint16(body), binary.BigEndian.Uint16(body[2:])}
	return p, true
}

// Rule does something to packets that travel from one set of hosts to another. Only that direction: a rule for both
// ways is two.
type Rule struct {
	From, To []netip.Addr // empty: any
	Port     uint16       // only TCP and UDP with this port at either end; 0: all
	// Established drops TCP connections that were there when the rule was made, silently and both ways whichever way
	// the rule goes, and lets new ones pass, as a firewall does that has lost its state. Nothing else applies then.
	Established bool

	Drop      float64       // probability, 0 to 1
	Duplicate float64       // probability, of what is not dropped
	Delay     time.Duration // of every packet
	Jitter    time.Duration // more, from 0 to this, each packet its own: packets overtake each other
}

// rule is a Rule as the switch holds it against packets.
type rule struct {
	Rule
	from, to []uint32
	fresh    map[flow]bool // connections opened since; with Established only
	dropped  uint64
	first    time.Time // when the first fresh connection was opened
}

func newRule(r Rule) *rule {
	compiled := &rule{Rule: r, from: numbers(r.From), to: numbers(r.To)}
	if r.Established {
		compiled.fresh = map[flow]bool{}
	}
	return compiled
}

func numbers(addrs []netip.Addr) []uint32 {
	all := make([]uint32, 0, len(addrs))
	for _, a := range addrs {
		all = append(all, number(a))
	}
	return all
}

func number(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func (r *rule) matches(p *packet) bool {
	if r.Port != 0 && (!p.tcp && !p.udp || p.ports[0] != r.Port && p.ports[1] != r.Port) {
		return false
	}
	there := in(r.from, p.from) && in(r.to, p.to)
	if !r.Established {
		return there
	}
	return p.tcp && (there || in(r.from, p.to) && in(r.to, p.from))
}

func in(set []uint32, a uint32) bool { return len(set) == 0 || slices.Contains(set, a) }

// fate is what becomes of one packet.
type fate struct {
	drop   bool
	delays []time.Duration // of each copy; one copy at once if empty
}

// decide holds a packet against the rules, in their order; the first that matches decides.
// random returns numbers from 0 to 1.
func decide(rules []*rule, p *packet, now time.Time, random func() float64) fate {
	for _, r := range rules {
		if r.matches(p) {
			f, decided := r.apply(p, now, random)
			if f.drop {
				r.dropped++
			}
			if decided {
				return f
			}
		}
	}
	return fate{}
}

// apply decides unless the packet belongs to a connection that an Established rule lets pass.
func (r *rule) apply(p *packet, now time.Time, random func() float64) (f fate, decided bool) {
	if r.Established {
		if p.syn {
			if len(r.fresh) == 0 {
				r.first = now
			}
			r.fresh[p.flow()] = true
		}
		if r.fresh[p.flow()] {
			return fate{}, false
		}
		return fate{drop: true}, true
	}
	if r.Drop > 0 && random() < r.Drop {
		return fate{drop: true}, true
	}
	copies := 1
	if r.Duplicate > 0 && random() < r.Duplicate {
		copies = 2
	}
	for range copies {
		delay := r.Delay
		if r.Jitter > 0 {
			delay += time.Duration(random() * float64(r.Jitter))
		}
		f.delays = append(f.delays, delay)
	}
	return f, true
}
