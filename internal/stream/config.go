package stream

import (
	"cmp"
	"fmt"
	"time"
)

// Config bounds and times one connection. The zero Config stands for the
// defaults; a field out of its bounds is moved to the nearest one.
type Config struct {
	// MaxMessageBytes is the size of the largest message that may be received
	// or sent, in bytes. Default 1 MiB + 64 KiB: the largest payload of a task
	// and what describes it. At least [MaxBody], at most 1 GiB.
	MaxMessageBytes int
	// MaxOutBytes is how much output may wait to be sent, in bytes. A connection that would hold more is cut with
	// [ErrSlowReader]; the sender never waits. Default 64 MiB, at least MaxMessageBytes + 64 KiB. Raise it where one
	// event may send more than that to one peer at once.
	MaxOutBytes int
	// BeatInterval is the longest that this side stays silent: a beat is sent
	// that often. Default 500 ms, at least 1 ms.
	BeatInterval time.Duration
	// Lease is the silence after which the peer is given up with [ErrSilent]; [Conn.RaiseLease] makes it longer.
	// Default 1.5 s; negative: never. Less than two of the peer's beats gives up peers that are well: with 16 handlers
	// that keep 2 cores busy a beat's round trip was seen at 212 ms, with 64 at 917 ms.
	Lease time.Duration
	// HandshakeTimeout is how long the HTTP Upgrade may take. Default 5 s.
	HandshakeTimeout time.Duration
}

// maxMaxMessageBytes keeps sizes within the 32 bits that the first chunk has for them, and sums
// of two within an int.
const maxMaxMessageBytes = 1 << 30

// Defaults of [Config].
const (
	DefaultMaxMessageBytes  = 1<<20 + 64<<10
	DefaultMaxOutBytes      = 64 << 20
	DefaultBeatInterval     = 500 * time.Millisecond
	DefaultLease            = 1500 * time.Millisecond
	DefaultHandshakeTimeout = 5 * time.Second
)

// Times returns BeatInterval and Lease with their defaults.
func (c Config) Times() (beat, lease time.Duration) {
	c = c.withDefaults()
	return c.BeatInterval, c.Lease
}

// Bounds of what [Config.ValidateTimes] lets pass.
const (
	MinBeatInterval = 10 * time.Millisecond
	MaxLease        = time.Minute
)

// ValidateTimes reports what is wrong with BeatInterval and Lease for two nodes of a fleet: a beat of at least 10 ms,
// and a lease of at least two beats and at most 1 m.
func (c Config) ValidateTimes() error {
	beat, lease := c.Times()
	switch {
	case c.BeatInterval < 0 || beat < MinBeatInterval:
		return fmt.Errorf("beat: want at least %v, got %v", MinBeatInterval, c.BeatInterval)
	case c.Lease < 0 || lease > MaxLease:
		return fmt.Errorf("lease: want two beats (%v) to %v, got %v", 2*beat, MaxLease, c.Lease)
	case lease < 2*beat:
		return fmt.Errorf("lease: want at least two beats (%v), or a peer that is well is given up; got %v", 2*beat, lease)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.MaxMessageBytes <= 0 {
		c.MaxMessageBytes = DefaultMaxMessageBytes
	}
	c.MaxMessageBytes = min(max(c.MaxMessageBytes, MaxBody), maxMaxMessageBytes)
	if c.MaxOutBytes <= 0 {
		c.MaxOutBytes = DefaultMaxOutBytes
	}
	c.MaxOutBytes = max(c.MaxOutBytes, c.MaxMessageBytes+MaxFrame)
	if c.BeatInterval <= 0 {
		c.BeatInterval = DefaultBeatInterval
	}
	c.BeatInterval = max(c.BeatInterval, time.Millisecond)
	c.Lease = cmp.Or(c.Lease, DefaultLease)
	if c.HandshakeTimeout <= 0 {
		c.HandshakeTimeout = DefaultHandshakeTimeout
	}
	return c
}
