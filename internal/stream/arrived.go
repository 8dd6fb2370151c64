package stream

import "net"

// Arrived reports whether all that was written to a network connection, be it a fleet connection or not, has arrived at the peer's
// machine, and fails if the peer has hung up. So it tells, some time after something was written, that the connection lived then, for peers who
// have no beats of their own. Where that cannot be known, as with connections in memory, it reports true.
func Arrived(nc net.Conn) (bool, error) {
	s := newSocket(nc)
	return s.arrived()
}
