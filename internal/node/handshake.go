package node

import (
	"errors"
	"time"
)

// handshakeTimeout is how long a fleet connection may be open before its peer has said who it is. Beats alone would
// keep it open for ever.
const handshakeTimeout = 5 * time.Second

var errNoHandshake = errors.New("the peer has not said who it is in time")

// HandshakeBy calls a connection's Close after a while, unless the timer is stopped before: its caller does so at the
// handshake, and when the connection has ended.
func HandshakeBy(closeConn func(error)) *time.Timer {
	return time.AfterFunc(handshakeTimeout, func() { closeConn(errNoHandshake) })
}
