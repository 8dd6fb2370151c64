package queue

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
)

// TestAlarmsMatchSlice compares what the lazy bounds let through with a look at every alarm.
func TestAlarmsMatchSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.Uint16Range(1, 200).Draw(t, "slots")
		c := New(Config{Slots: int(slots)})
		want := make([]time.Duration, slots)
		for i := range want {
			want[i] = never
		}
		now := time.Duration(0)
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				i := rapid.Uint16Range(0, slots-1).Draw(t, "slot")
				at := now + time.Duration(rapid.IntRange(0, 100).Draw(t, "in"))
				c.setAlarm(i, at)
				want[i] = at
			},
			"clear": func(t *rapid.T) {
				i := rapid.Uint16Range(0, slots-1).Draw(t, "slot")
				c.clearAlarm(i)
				want[i] = never
			},
			"settle": func(t *rapid.T) {
				now += time.Duration(rapid.IntRange(0, 50).Draw(t, "later"))
				for b := range c.alarms {
					if c.alarms[b] <= now {
						c.settleBlock(b)
					}
				}
				c.settle()
			},
			"": func(t *rapid.T) {
				if err := c.checkAlarms(); err != nil {
					t.Fatal(err)
				}
				for i, at := range want {
					if c.slots[i].alarm != at {
						t.Fatalf("alarm %d: %v, want %v", i, c.slots[i].alarm, at)
					}
					if at <= now && (c.alarm > now || c.alarms[i/alarmBlock] > now) {
						t.Fatalf("alarm %d is due at %v and hidden by the bounds", i, at)
					}
				}
			},
		})
	})
}

// TestAlarmsWakeRarely pins why the bounds are lazy: attempts that end long before their timeout
// cause about one Tick per timeout for the whole worker, not one for each attempt.
func TestAlarmsWakeRarely(t *testing.T) {
	const (
		slots   = 256
		timeout = time.Second
		service = time.Millisecond
		rounds  = 5000
	)
	c, now, call, out := New(Config{Slots: slots}), time.Duration(0), uint32(0), []Effect(nil)
	c.SchedulerUp(0, 1, 0, nil)
	ticks := 0
	for range rounds {
		call++
		out = c.Reserve(now, 1, probe.Reserve{Ref: 1, Res: 1, Count: slots}, out[:0])
		for slot := range uint16(slots) {
			out = c.Launch(now, 1, &probe.Launch{Slot: slot, Call: call, Deadline: time.Minute, Timeout: timeout}, out[:0])
		}
		now += service
		if at, ok := c.NextWake(); ok && at <= now {
			ticks++
			if out = c.Tick(now, out[:0]); len(out) > 0 {
				t.Fatalf("%v: Tick: %+v", now, out)
			}
		}
		for slot := range uint16(slots) {
			out = c.Done(now, slot, call, End{Status: probe.StatusOK}, out[:0])
		}
	}
	if want := int(rounds * service / timeout); ticks > want+1 {
		t.Errorf("%d Ticks in %v, want at most %d", ticks, now, want+1)
	}
}

func TestAfter(t *testing.T) {
	for _, tc := range []struct{ now, d, want time.Duration }{
		{5, 3, 8},
		{5, 0, 5},
		{5, -3, 5},
		{-5, 3, -2},
		{5, never, never},
		{never - 1, 1, never},
		{never - 1, 2, never},
		{-5, never, never - 5},
	} {
		if got := after(tc.now, tc.d); got != tc.want {
			t.Errorf("after(%d, %d) = %d, want %d", tc.now, tc.d, got, tc.want)
		}
	}
}

// TestFarDeadline launches with a deadline beyond the range of time: it never comes.
func TestFarDeadline(t *testing.T) {
	c := New(Config{Slots: 1})
	c.SchedulerUp(0, 1, 0, nil)
	c.Reserve(time.Hour, 1, probe.Reserve{Ref: 1, Res: 1, Count: 1}, nil)
	c.Launch(time.Hour, 1, &probe.Launch{Slot: 0, Call: 1, Deadline: never}, nil)
	if at, ok := c.NextWake(); ok {
		t.Errorf("wakes at %v", at)
	}
	if out := c.Tick(never-1, nil); len(out) > 0 {
		t.Errorf("Tick: %+v", out)
	}
}
