package gossip

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a goroutine is left. memberlist's probe under way at a shutdown ends by itself, in at most four
// seconds with these tests' ProbeIntervals, and cannot be waited for; so there are several attempts, each of which
// goleak spaces over half a second. What never ends fails them all.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		var err error
		for range 20 {
			if err = goleak.Find(); err == nil {
				break
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
