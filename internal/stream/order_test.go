package stream

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// orderCase is what TestConnOrder draws.
type orderCase struct {
	limit  int    // bytes that the connection takes without a reader
	seed   uint64 // of how reads and writes are cut up
	direct bool   // the sender makes non-blocking writes
	sent   []plan
	flush  []int // what follows each message: 0 Flush, 1 FlushSoon, 2 quiet, 3 nothing
}

func drawOrderCase(t *rapid.T) orderCase {
	oc := orderCase{
		limit:  rapid.SampledFrom([]int{1, 100, 8 << 10, 1 << 20}).Draw(t, "buffer"),
		seed:   rapid.Uint64Range(1, 1<<40).Draw(t, "seed"),
		direct: rapid.Bool().Draw(t, "direct"),
	}
	for i := range rapid.IntRange(1, 25).Draw(t, "messages") {
		p := drawPlan(t, i)
		if oc.limit < 1000 { // a few bytes at a time take long
			p.size = min(p.size, 500)
		}
		oc.sent = append(oc.sent, p)
		oc.flush = append(oc.flush, rapid.IntRange(0, 3).Draw(t, "flush"))
	}
	return oc
}

// run sends what the case says and returns what was wrong with what arrived.
func (oc *orderCase) run() error {
	began := time.Now()
	fa, fb := fakePair(oc.limit, oc.seed)
	a, b := New(fa, nil, quiet), newDirect(fb, quiet)
	if oc.direct {
		a = newDirect(fa, quiet)
	}
	r := &recorder{}
	endA, endB := run(context.Background(), a, &recorder{}), run(context.Background(), b, r)
	for i, p := range oc.sent {
		sendPlan(a, p)
		switch oc.flush[i] {
		case 0:
			a.Flush()
		case 1:
			a.FlushSoon()
		case 2:
			synctest.Wait()
		}
	}
	if oc.seed%2 == 0 {
		a.FlushSoon()
	} else {
		a.Flush()
	}
	synctest.Wait()
	err := checkOrder(oc.sent, r.got)
	if sent, processed := a.Stats().MessagesOut, b.Stats().MessagesIn; sent != processed || sent != uint64(len(oc.sent)) {
		err = errors.Join(err, fmt.Errorf("%d messages sent, %d processed", sent, processed))
	}
	a.Close(nil)
	<-endA
	<-endB
	if passed := time.Since(began); passed != 0 {
		err = errors.Join(err, fmt.Errorf("took %v of the bubble's time", passed))
	}
	return err
}

// Any sequence of sends arrives whole and in the promised order, whatever the kind of flush, however writes and reads
// are cut up, and with writes that the connection takes only in part. It arrives at once: a lost wake-up would show as
// messages that are not there although nothing moves any more.
func TestConnOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		oc := drawOrderCase(rt)
		var err error
		synctest.Test(t, func(*testing.T) { err = oc.run() })
		if err != nil {
			rt.Fatal(err)
		}
	})
}
