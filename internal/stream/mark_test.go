package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// meteredConn lets its reader have only as many bytes as the test grants.
type meteredConn struct {
	*fakeConn
	mu    sync.Mutex // guards all below
	cond  *sync.Cond
	left  int
	ended bool
}

func newMeteredConn(f *fakeConn) *meteredConn {
	m := &meteredConn{fakeConn: f}
	m.cond = sync.NewCond(&m.mu)
	return m
}

func (m *meteredConn) grant(n int) {
	m.mu.Lock()
	m.left += n
	m.cond.Broadcast()
	m.mu.Unlock()
}

func (m *meteredConn) Read(b []byte) (int, error) {
	m.mu.Lock()
	for m.left == 0 && !m.ended {
		m.cond.Wait()
	}
	b = b[:min(len(b), m.left)]
	m.mu.Unlock()
	if len(b) == 0 {
		return 0, io.EOF
	}
	n, err := m.fakeConn.Read(b)
	m.mu.Lock()
	m.left -= n
	m.mu.Unlock()
	return n, err
}

func (m *meteredConn) Close() error {
	m.mu.Lock()
	m.ended = true
	m.cond.Broadcast()
	m.mu.Unlock()
	return m.fakeConn.Close()
}

// markStep is one step of TestMarks: a message is sent, or the receiver gets something to read, and then
// something is waited for.
type markStep struct {
	send  *plan
	flush int // 0 Flush, 1 FlushSoon, 2 nothing
	grant int // bytes
	beat  bool
}

type markCase struct {
	limit  int
	seed   uint64
	direct bool
	steps  []markStep
}

func drawMarkCase(t *rapid.T) markCase {
	mc := markCase{
		limit:  rapid.SampledFrom([]int{500, 8 << 10, 1 << 20}).Draw(t, "buffer"),
		seed:   rapid.Uint64Range(1, 1<<40).Draw(t, "seed"),
		direct: rapid.Bool().Draw(t, "direct"),
	}
	sent := 0
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		var s markStep
		if rapid.Bool().Draw(t, "send") {
			p := drawPlan(t, sent)
			sent++
			s.send, s.flush = &p, rapid.IntRange(0, 2).Draw(t, "flush")
		} else {
			s.grant = rapid.SampledFrom([]int{1, 10, 100, 5000, chunkFrame, 70_000, 300_000}).Draw(t, "grant")
		}
		s.beat = rapid.IntRange(0, 2).Draw(t, "beat") == 0
		mc.steps = append(mc.steps, s)
	}
	return mc
}

// run does the steps and checks after each that no mark has passed before its message was processed, and after a
// beat that all of those have.
func (mc *markCase) run() error {
	fa, fb := fakePair(mc.limit, mc.seed)
	a, meter := New(fa, nil, Config{Lease: -1}), newMeteredConn(fb)
	if mc.direct {
		a = newDirect(fa, Config{Lease: -1})
	}
	b := New(meter, nil, Config{Lease: -1})
	var plans []plan
	var marks []Mark
	var mu sync.Mutex // guards processed
	processed := make(map[int]bool)
	h := &handlerFuncs{message: func(_ uint8, body []byte) error {
		mu.Lock()
		defer mu.Unlock()
		processed[int(binary.LittleEndian.Uint32(body))] = true
		return nil
	}}
	endA, endB := run(context.Background(), a, &recorder{}), run(context.Background(), b, h)
	defer func() {
		a.Close(io.EOF)
		<-endA
		<-endB
	}()
	check := func(told bool) error {
		mu.Lock()
		defer mu.Unlock()
		if !a.Passed(0) || a.Passed(never) {
			return errors.New("a mark of nothing has not passed, or one of a dropped message has")
		}
		for i, m := range marks {
			if passed := a.Passed(m); passed && !processed[i] || told && !passed && processed[i] {
				return fmt.Errorf("%v: processed %v, passed %v, after a beat %v", plans[i], processed[i], passed, told)
			}
		}
		return nil
	}
	beat := func() error {
		time.Sleep(2 * DefaultBeatInterval) // one flushes what nobody has flushed, one tells
		synctest.Wait()
		return check(true)
	}
	for _, s := range mc.steps {
		if s.send != nil {
			plans, marks = append(plans, *s.send), append(marks, sendPlan(a, *s.send))
			switch s.flush {
			case 0:
				a.Flush()
			case 1:
				a.FlushSoon()
			}
		}
		meter.grant(s.grant)
		synctest.Wait()
		if err := check(false); err != nil {
			return err
		}
		if s.beat {
			if err := beat(); err != nil {
				return err
			}
		}
	}
	meter.grant(math.MaxInt32)
	err := beat()
	if len(processed) != len(plans) {
		err = errors.Join(err, fmt.Errorf("%d messages sent, %d processed", len(plans), len(processed)))
	}
	return err
}

func sendPlan(c *Conn, p plan) Mark {
	kind := uint8(p.number % MaxKind)
	switch {
	case p.through:
		return c.End(append(c.Begin(kind), p.body()...))
	case p.after:
		return c.SendAfter(kind, nil, p.body())
	default:
		return c.Send(kind, nil, p.body())
	}
}

// A mark passes when its message has been processed: not before, and with the next beat. However messages of
// all sizes overtake each other, writes and reads are cut up, and far behind the reader is.
func TestMarks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mc := drawMarkCase(rt)
		var err error
		synctest.Test(t, func(*testing.T) { err = mc.run() })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// What was dropped never passes, whatever the peer says, and what passed before the end still has afterwards.
func TestMarksOfAClosedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<20, 0)
		a := newDirect(fa, quiet)
		end := run(t.Context(), a, &recorder{})
		kept := []Mark{a.Send(1, nil, nil), a.End(a.Begin(1)), a.Send(1, nil, make([]byte, MaxBody+1))}
		lost := []Mark{a.Send(1, nil, nil), a.SendAfter(1, nil, nil)}
		_, _ = fb.Write(beat(2, 1))
		synctest.Wait()
		a.Close(nil)
		dropped := []Mark{a.Send(1, nil, nil), a.SendAfter(1, nil, nil), a.End(a.Begin(1)), a.Send(1, nil, make([]byte, MaxBody+1))}
		_ = fb.Close()
		<-end
		for i, m := range kept {
			if !a.Passed(m) {
				t.Errorf("message %d was processed and has not passed", i)
			}
		}
		for i, m := range append(lost, dropped...) {
			if a.Passed(m) {
				t.Errorf("message %d was not processed and has passed", i)
			}
		}
	})
}

// A peer that counts more than was sent to it counts wrongly, and would have us forget what is not delivered.
func TestMarksBeforeTheirMessages(t *testing.T) {
	for _, tc := range []struct {
		said []byte
		want error
	}{
		{beat(1, 1), errFakeClosed}, // all that was sent
		{beat(2, 1), ErrMalformed},
		{beat(1, 2), ErrMalformed},
		{beat(math.MaxUint64, math.MaxUint64), ErrMalformed},
	} {
		synctest.Test(t, func(t *testing.T) {
			fa, fb := fakePair(1<<20, 0)
			a := newDirect(fa, quiet)
			end := run(t.Context(), a, &recorder{})
			a.Send(1, nil, nil)
			a.Send(1, nil, make([]byte, MaxBody+1))
			_, _ = fb.Write(tc.said)
			synctest.Wait()
			next := []Mark{a.Send(1, nil, nil), a.Send(1, nil, make([]byte, MaxBody+1))}
			if a.Passed(next[direct]) || a.Passed(next[queued]) || a.Passed(never) {
				t.Errorf("% x passes what had not been sent", tc.said)
			}
			a.Close(errFakeClosed)
			wantEnd(t, "a", end, tc.want)
		})
	}
}

// In Flush, the marks are what the beats that were just read have made them.
func TestMarksInFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fa, fb := fakePair(1<<20, 0)
		a := newDirect(fa, quiet)
		mark := a.Send(1, nil, nil)
		var passed []bool
		h := &handlerFuncs{flush: func() { passed = append(passed, a.Passed(mark)) }}
		end := run(t.Context(), a, h)
		synctest.Wait()
		for _, said := range [][]byte{beat(0, 0), beat(1, 0)} {
			_, _ = fb.Write(said)
			synctest.Wait()
		}
		if fmt.Sprint(passed) != "[false true]" {
			t.Errorf("after each beat passed: %v, want [false true]", passed)
		}
		a.Close(io.EOF)
		<-end
	})
}
