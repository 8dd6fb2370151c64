package stream

import "errors"

// What [Conn.Run] ends with, beside io.EOF (the peer closed the connection
// between two messages), io.ErrUnexpectedEOF (it did so within one), the
// context's error, the handler's, and what the network says.
var (
	// ErrSilent: nothing came from the peer for the lease.
	ErrSilent = errors.New("stream: peer is silent")
	// ErrSlowReader: the peer does not read what is sent to it; more than
	// [Config.MaxOutBytes] waited.
	ErrSlowReader = errors.New("stream: peer reads too slowly")
	// ErrMalformed: the peer sent what is not a frame.
	ErrMalformed = errors.New("stream: malformed frame")
	// ErrTooLarge: a message over [Config.MaxMessageBytes], of the peer's or of ours.
	ErrTooLarge = errors.New("stream: message too large")
	// ErrVersion: the peer speaks another version of the protocol.
	ErrVersion = errors.New("stream: protocol version differs")
	// ErrNotUpgraded: the answer to the Upgrade request was neither 101 nor one of
	// Dunnock's errors, so what listens there is something else.
	ErrNotUpgraded = errors.New("stream: peer does not speak " + Protocol)
	// ErrClosed: Run was called on a connection that had ended.
	ErrClosed = errors.New("stream: connection is closed")
)
