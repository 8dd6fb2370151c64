package worker

import "time"

// Brief attempts. To run an attempt on a goroutine of its own takes two wake-ups, the runner's and the writer's, of
// which either may be one of a sleeping thread: 5 to 10 µs, on a machine at rest 50. A handler that returns within less
// is better run by the reader that has its launch, which then writes the result together with all else that it has to
// say. But a reader that waits for user code reads nothing, and who says that the code will return?
//
// Its app's past does, and where that is wrong somebody else goes on with the reading: see leader.
const (
	// briefTime is what an attempt may take to be brief. 16 of them, one after the other, take about as long as it
	// takes until 16 runners have woken one another up.
	briefTime = 5 * time.Microsecond
	// briefAfter is how many brief attempts in a row an app has had for the next to be believed to be brief. One that
	// is not takes longBack back, since a thread may be taken off its processor in the midst of any.
	briefAfter = 32
	briefMost  = 2 * briefAfter
	longBack   = briefAfter / 4
)

// habit is what an app's attempts have taken lately. Worker.mu guards it.
type habit struct {
	score int
}

// took takes note of an attempt.
func (h *habit) took(d time.Duration) {
	if d <= briefTime {
		h.score = min(h.score+1, briefMost)
	} else {
		h.score = max(h.score-longBack, min(h.score, 0))
	}
}

// mistaken takes note of an attempt that was believed to be brief and has kept its reader waiting.
func (h *habit) mistaken() { h.score = -briefMost }

// brief reports whether the next attempt is believed to be brief.
func (h *habit) brief() bool { return h.score >= briefAfter }
