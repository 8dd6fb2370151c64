//go:build race

package scheduler_test

// raceEnabled: the race detector has goroutines run in random order, so that fewer
// of them flush together.
const raceEnabled = true
