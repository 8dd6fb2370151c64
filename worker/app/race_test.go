//go:build race

package app

// raceEnabled: sync.Pool forgets at random under the race detector, so that
// allocations cannot be counted.
const raceEnabled = true
