package gossip

import (
	"math/rand/v2"
	"time"

	"dunnock/probe"
)

// incarnationRandomBits are the low bits of an incarnation. The milliseconds
// above them suffice until the year 2527.
const incarnationRandomBits = 20

// NewIncarnation names a life of a process that begins now: the time in milliseconds in the high bits, so that a later
// life on one machine is the larger number and everyone agrees which one is newer, and random low bits. It is a name,
// not a timestamp: nobody computes with it.
func NewIncarnation() probe.Incarnation {
	ms := uint64(time.Now().UnixMilli())
	return probe.Incarnation(ms<<incarnationRandomBits | rand.Uint64N(1<<incarnationRandomBits))
}
