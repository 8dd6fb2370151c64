package gossip

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// memnet is a network in memory, for bubbles: packets arrive at once or, between
// nodes that are cut off, never.
type memnet struct {
	// mu guards what follows.
	mu    sync.Mutex
	ports map[netip.AddrPort]*memport
	cut   func(from, to netip.AddrPort) bool // nil: nobody is cut off
	// silent lets who dials one that is cut off wait, as where packets are dropped.
	silent bool
}

func newMemnet() *memnet { return &memnet{ports: map[netip.AddrPort]*memport{}} }

// memport is one node's transport.
type memport struct {
	net     *memnet
	at      netip.AddrPort
	packets chan *memberlist.Packet
	conns   chan net.Conn

	// mu guards what follows.
	mu     sync.Mutex
	closed bool
	open   []net.Conn
}

var errUnreachable = errors.New("unreachable")

func (m *memnet) listen(at netip.AddrPort) (transport, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ports[at] != nil {
		return nil, ErrInUse
	}
	p := &memport{net: m, at: at, packets: make(chan *memberlist.Packet, 1024), conns: make(chan net.Conn, 64)}
	m.ports[at] = p
	return p, nil
}

// setCut decides from now on who is cut off from whom.
func (m *memnet) setCut(cut func(from, to netip.AddrPort) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut = cut
}

// setSilent decides whether who is cut off is told at once.
func (m *memnet) setSilent(silent bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.silent = silent
}

// await waits as a dialler does whose packets are dropped: they are sent again after 1, 3 and 7 s.
func (m *memnet) await(from netip.AddrPort, addr string, timeout time.Duration) *memport {
	m.mu.Lock()
	silent := m.silent
	m.mu.Unlock()
	for waited, step := time.Duration(0), time.Second; ; step *= 2 {
		if to := m.reach(from, addr); to != nil || !silent || waited >= timeout {
			return to
		}
		pause := min(step, timeout-waited)
		time.Sleep(pause)
		waited += pause
	}
}

func (m *memnet) reach(from netip.AddrPort, to string) *memport {
	at, err := netip.ParseAddrPort(to)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil || (m.cut != nil && m.cut(from, at)) {
		return nil
	}
	return m.ports[at]
}

func (p *memport) start()                              {}
func (p *memport) bound() netip.AddrPort               { return p.at }
func (p *memport) advertise(netip.AddrPort)            {}
func (p *memport) PacketCh() <-chan *memberlist.Packet { return p.packets }
func (p *memport) StreamCh() <-chan net.Conn           { return p.conns }
func (p *memport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return p.at.Addr().AsSlice(), int(p.at.Port()), nil
}

func (p *memport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return p.WriteTo(b, a.Addr)
}

func (p *memport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return p.DialTimeout(a.Addr, timeout)
}

func (p *memport) WriteTo(b []byte, addr string) (time.Time, error) {
	if to := p.net.reach(p.at, addr); to != nil {
		select {
		case to.packets <- &memberlist.Packet{Buf: append([]byte(nil), b...), From: net.UDPAddrFromAddrPort(p.at), Timestamp: time.Now()}:
		default: // as a socket drops them
		}
	}
	return time.Now(), nil
}

func (p *memport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	to := p.net.await(p.at, addr, timeout)
	if to == nil {
		return nil, errUnreachable
	}
	here, there := net.Pipe()
	if !p.keep(here) || !to.keep(there) {
		return nil, errUnreachable
	}
	select {
	case to.conns <- there:
		return here, nil
	default:
		return nil, errUnreachable
	}
}

// keep takes charge of a connection that the port's end closes.
func (p *memport) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return false
	}
	p.open = append(p.open, c)
	return true
}

func (p *memport) Shutdown() error {
	p.net.mu.Lock()
	if p.net.ports[p.at] == p {
		delete(p.net.ports, p.at)
	}
	p.net.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.open {
		_ = c.Close()
	}
	return nil
}
