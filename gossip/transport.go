package gossip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// ErrInUse says that something else listens on the address to bind.
var ErrInUse = errors.New("is in use")

const (
	maxStreams     = 256      // open at once; memberlist itself serves at most 128 exchanges
	packetBytes    = 64 << 10 // largest UDP packet
	udpBufferBytes = 2 << 20  // asked of the kernel: a whole fleet may speak at once
	bindAttempts   = 10       // for port 0, whose UDP side may be taken
)

// transport is memberlist's network. Ours, unlike memberlist's own, closes every connection and ends every
// dial when it is shut down, so that the goroutines that use them end too.
type transport interface {
	memberlist.NodeAwareTransport
	// start begins to take in packets and connections.
	start()
	// bound is the local address.
	bound() netip.AddrPort
	// advertise sets the address that memberlist tells others.
	advertise(addr netip.AddrPort)
}

// sockets is the transport over UDP and TCP on one port.
type sockets struct {
	tcp        *net.TCPListener
	udp        *net.UDPConn
	advertised netip.AddrPort
	packets    chan *memberlist.Packet // capacity 0
	conns      chan net.Conn           // capacity 0
	ctx        context.Context         //nolint:containedctx // ends with Shutdown, whose signature is memberlist's
	cancel     context.CancelFunc
	loops      sync.WaitGroup

	// mu guards open: the connections to close at the end.
	mu   sync.Mutex
	open map[*stream]struct{}
}

// listen binds both protocols; port 0 picks one that is free for both.
func listen(at netip.AddrPort) (transport, error) {
	var err error
	for range bindAttempts {
		var s *sockets
		if s, err = bind(at); err == nil {
			return s, nil
		}
		if at.Port() != 0 || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("gossip: %s %w", at, ErrInUse)
	}
	return nil, fmt.Errorf("gossip: %w", err)
}

func bind(at netip.AddrPort) (*sockets, error) {
	tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(localAddr(tcp)))
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	_ = udp.SetReadBuffer(udpBufferBytes) // as much as the kernel grants
	ctx, cancel := context.WithCancel(context.Background())
	return &sockets{
		tcp: tcp, udp: udp, ctx: ctx, cancel: cancel,
		packets: make(chan *memberlist.Packet), conns: make(chan net.Conn), open: map[*stream]struct{}{},
	}, nil
}

func localAddr(tcp *net.TCPListener) netip.AddrPort {
	var at netip.AddrPort
	if addr, ok := tcp.Addr().(*net.TCPAddr); ok {
		at = addr.AddrPort()
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

func (s *sockets) bound() netip.AddrPort         { return localAddr(s.tcp) }
func (s *sockets) advertise(addr netip.AddrPort) { s.advertised = addr }

func (s *sockets) start() {
	s.loops.Go(s.accept)
	s.loops.Go(s.receive)
}

// accept hands connections to memberlist until the listener is closed.
func (s *sockets) accept() {
	var pause backoff
	for {
		conn, err := s.tcp.AcceptTCP()
		if err != nil {
			// Out of files, say. Trying at once would spin.
			if !s.sleep(pause.next(5*time.Millisecond, time.Second)) {
				return
			}
			continue
		}
		pause.reset()
		tracked, err := s.track(conn)
		if err != nil {
			continue
		}
		select {
		case s.conns <- tracked:
		case <-s.ctx.Done():
			_ = tracked.Close()
			return
		}
	}
}

// receive hands packets to memberlist until the socket is closed.
func (s *sockets) receive() {
	var pause backoff
	buf := make([]byte, packetBytes)
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(buf)
		at := time.Now()
		if err != nil {
			if !s.sleep(pause.next(5*time.Millisecond, time.Second)) {
				return
			}
			continue
		}
		pause.reset()
		if n == 0 {
			continue
		}
		// memberlist keeps the packet, and most are far smaller than the buffer.
		packet := &memberlist.Packet{Buf: append([]byte(nil), buf[:n]...), From: net.UDPAddrFromAddrPort(from), Timestamp: at}
		select {
		case s.packets <- packet:
		case <-s.ctx.Done():
			return
		}
	}
}

// sleep waits, and reports false at once when the transport is shut down.
func (s *sockets) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// stream is a connection that the transport can close.
type stream struct {
	net.Conn
	s *sockets
}

// Close closes the connection. It may be called again.
func (c *stream) Close() error {
	c.s.mu.Lock()
	delete(c.s.open, c)
	c.s.mu.Unlock()
	return c.Conn.Close()
}

// track takes charge of a connection, or closes it if there are too many or the transport is shut down.
func (s *sockets) track(conn net.Conn) (net.Conn, error) {
	c := &stream{Conn: conn, s: s}
	s.mu.Lock()
	err := s.ctx.Err()
	if len(s.open) >= maxStreams {
		err = fmt.Errorf("more than %d connections at once", maxStreams)
	}
	if err == nil {
		s.open[c] = struct{}{}
	}
	s.mu.Unlock()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// FinalAdvertiseAddr returns the address that others are told.
func (s *sockets) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return s.advertised.Addr().AsSlice(), int(s.advertised.Port()), nil
}

// WriteTo sends a packet to ip:port.
func (s *sockets) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return time.Time{}, fmt.Errorf("packet to %q: %w", addr, err)
	}
	_, err = s.udp.WriteToUDPAddrPort(b, to)
	return time.Now(), err
}

// WriteToAddress sends a packet to ip:port.
func (s *sockets) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return s.WriteTo(b, a.Addr)
}

// PacketCh gives what came in over UDP.
func (s *sockets) PacketCh() <-chan *memberlist.Packet { return s.packets }

// DialTimeout opens a connection to ip:port. It ends early when the transport is shut down.
func (s *sockets) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	if timeout <= 0 { // for net.Dialer that would be no timeout
		return nil, os.ErrDeadlineExceeded
	}
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(s.ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return s.track(conn)
}

// DialAddressTimeout opens a connection to ip:port.
func (s *sockets) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return s.DialTimeout(a.Addr, timeout)
}

// StreamCh gives the connections that others opened.
func (s *sockets) StreamCh() <-chan net.Conn { return s.conns }

// Shutdown closes everything and waits for the two loops. It may be called again.
func (s *sockets) Shutdown() error {
	s.cancel()
	err := errors.Join(s.tcp.Close(), s.udp.Close())
	s.mu.Lock()
	for c := range s.open {
		_ = c.Conn.Close()
	}
	s.mu.Unlock()
	s.loops.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
