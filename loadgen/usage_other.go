//go:build !linux

package loadgen

import "time"

// ownCPU is known on Linux only.
func ownCPU() time.Duration { return 0 }

// ownRSS is known on Linux only.
func ownRSS() int64 { return 0 }
