package queue

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
)

// TestFateMatchesList compares what a slot remembers with a list of all its calls, also across the
// wrap of call numbers.
func TestFateMatchesList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.SampledFrom([]uint32{0, 1 << 20, 1 << 31, math.MaxUint32 - 50}).Draw(t, "latest call before")
		s := slot{call: first}
		type call struct {
			number  uint32
			started bool
		}
		var calls []call
		for i, started := range rapid.SliceOfN(rapid.Bool(), 1, 150).Draw(t, "started") {
			s.newCall()
			if started {
				s.started |= 1
			}
			calls = append(calls, call{s.call, started})
			if s.call == 0 {
				t.Fatalf("call %d of the slot has number 0", i)
			}
		}
		for age := range calls {
			c := calls[len(calls)-1-age]
			want := notStarted
			switch {
			case age >= 64:
				want = forgotten
			case c.started:
				want = started
			}
			if got := s.fate(c.number); got != want {
				t.Fatalf("latest %d, number %d, %d calls ago: %v, want %v", s.call, c.number, age, got, want)
			}
		}
		for _, ahead := range []uint32{1, 2, 1000, 1 << 30} {
			number := s.call + ahead
			if number < s.call {
				number++ // past 0
			}
			if got := s.fate(number); got != notStarted {
				t.Fatalf("latest %d, number %d, never given: %v", s.call, number, got)
			}
		}
		if ago := s.call - 1<<30; first >= 1<<31 { // so many calls were made, and perhaps the numbers started again
			if got := s.fate(ago); got != forgotten {
				t.Fatalf("latest %d, number %d, a billion calls ago: %v", s.call, ago, got)
			}
		}
		if got := s.fate(0); got != notStarted {
			t.Fatalf("number 0: %v", got)
		}
	})
}

// TestCallsWrap runs a slot past its last call number: it goes on with 1, and a repeat of a Launch
// from before is still known to have been started.
func TestCallsWrap(t *testing.T) {
	c := New(Config{Slots: 1})
	c.slots[0].call = math.MaxUint32 - 1
	c.SchedulerUp(0, 1, 0, nil)
	out := c.Reserve(0, 1, probe.Reserve{Ref: 7, Res: 1, Count: 3}, nil)
	if out[0].Call != math.MaxUint32 {
		t.Fatalf("last call: %+v", out)
	}
	last := probe.Launch{Slot: 0, Call: math.MaxUint32, Ref: 7, Deadline: time.Minute}
	c.Launch(0, 1, &last, nil)
	out = c.Done(0, 0, math.MaxUint32, End{Status: probe.StatusOK}, nil)
	if len(out) != 2 || out[1].Kind != EffectGetTask || out[1].Call != 1 {
		t.Fatalf("after the last call: %+v", out)
	}
	if out = c.Launch(0, 1, &last, nil); len(out) != 0 {
		t.Errorf("a repeat of the last call: %+v", out)
	}
	if out = c.Launch(0, 1, &probe.Launch{Slot: 0, Call: 1, Ref: 7, Deadline: time.Minute}, nil); len(out) != 1 || out[0].Kind != EffectStart {
		t.Errorf("the first call after the wrap: %+v", out)
	}
	if err := c.CheckInvariants(); err != nil {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	for want, got := range map[string]string{
		"free": Free.String(), "asking": Asking.String(), "running": Running.String(), "stopping": Stopping.String(),
		"stuck": Stuck.String(), "SlotState(0)": SlotState(0).String(),
		"GetTask": EffectGetTask.String(), "Start": EffectStart.String(), "Stop": EffectStop.String(),
		"Finished": EffectFinished.String(), "Refuse": EffectRefuse.String(), "Decline": EffectDecline.String(),
		"EffectKind(0)": EffectKind(0).String(),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
