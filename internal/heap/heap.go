// Package heap keeps a daemon with little in its memory from collecting garbage all the time.
//
// Go collects when the heap has doubled, but not below 4 MiB. A scheduler or a worker at rest has 1 or 2, so that under
// load it collected every 40,000 tasks, and each collection has threads woken, and a sweeper beside it that spins for
// as long as the operating system keeps another thread of the same process from going on: a fifteenth of all CPU time,
// and twice the 99th percentile of a job.
package heap

import (
	"os"
	"runtime"
	"runtime/debug"
)

// floor is memory that is taken and never touched: it counts as live, so that the heap doubles to twice this at least,
// and the kernel never provides it. A larger GOGC would do the same to a small heap, and let that of a scheduler with a
// million tasks grow to several times what they need.
const floor = 16 << 20

// leastLimit is the memory limit below which every byte is the operator's.
const leastLimit = 16 * floor

// Floor takes the floor until the returned function is called. It leaves alone what the operator has set: with GOGC, or
// a GOMEMLIMIT below 256 MiB, it does nothing.
func Floor() (release func()) {
	if os.Getenv("GOGC") != "" || debug.SetMemoryLimit(-1) < leastLimit {
		return func() {}
	}
	b := make([]byte, floor)
	return func() { runtime.KeepAlive(b) }
}
