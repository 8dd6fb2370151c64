package stream

import (
	"net"
	"time"
)

// Arrived reports whether all that was written to a network connection, be it a fleet connection or not, has arrived at
// the peer's machine, and fails if the peer has hung up. So it tells, some time after something was written, that the
// connection lived then, for peers who have no beats of their own. Where that cannot be known, as with connections in
// memory, it reports true.
func Arrived(nc net.Conn) (bool, error) {
	s := newSocket(nc)
	return s.arrived()
}

// Owing is for how long the peer's machine has acknowledged nothing although something that was written is on its way
// to it; 0 if nothing is, or where that cannot be known. A peer that does not read acknowledges all the same. After a
// pause of this process something may have been written just now and the last word be old: who judges by it asks twice,
// some time apart.
func Owing(nc net.Conn) time.Duration {
	s := newSocket(nc)
	return s.owing()
}
