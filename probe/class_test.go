package probe_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/internal/wire"
	"dunnock/probe"
	"dunnock/task"
)

// TestReserveBytes pins what a reservation is where nobody asks for a class: three numbers and nothing more.
func TestReserveBytes(t *testing.T) {
	got := probe.AppendReserve(nil, probe.Reserve{Ref: 300, Res: 2, Count: 1})
	if want := []byte{0xac, 2, 2, 1}; !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
	if _, err := probe.DecodeReserve(probe.AppendClassedReserve(nil, probe.Reserve{Count: 1}, &probe.Class{})); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a class that nobody asked for: %v", err)
	}
}

func TestClassedReserveRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := probe.Class{
			User:     rapid.SliceOfN(rapid.Byte(), 1, task.MaxUserLen).Draw(t, "user"),
			Priority: int16(rapid.IntRange(task.MinPriority, task.MaxPriority).Draw(t, "priority")),
			Deadline: time.Duration(rapid.Int64Min(0).Draw(t, "deadline")), Work: time.Duration(rapid.Int64Min(0).Draw(t, "work")),
		}
		m := probe.Reserve{Ref: probe.Ref(rapid.Uint64().Draw(t, "ref")), Res: rapid.Uint32().Draw(t, "res"), Count: rapid.Uint32Min(1).Draw(t, "count")}
		body := probe.AppendClassedReserve(nil, m, &want)
		got := probe.Class{User: []byte("of the last message"), Priority: 3, Work: 9}
		if back, err := probe.DecodeClassedReserve(body, &got); err != nil || back != m || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v %+v, %v; want %+v %+v", back, got, err, m, want)
		}
		plain := len(probe.AppendReserve(nil, m))
		for cut := range body {
			back, err := probe.DecodeClassedReserve(body[:cut], &got)
			switch {
			case cut == plain && (err != nil || back != m || got.User != nil || got.Priority != 0 || got.Deadline != 0 || got.Work != 0):
				t.Fatalf("without a class: %+v %+v, %v", back, got, err)
			case cut != plain && !errors.Is(err, wire.ErrMalformed):
				t.Fatalf("cut at %d: %v", cut, err)
			}
		}
		if _, err := probe.DecodeClassedReserve(append(body, 0), &got); !errors.Is(err, wire.ErrMalformed) {
			t.Fatalf("with a byte more: %v", err)
		}
	})
}

func TestClassedReserveRefuses(t *testing.T) {
	var got probe.Class
	for name, body := range map[string][]byte{
		"no count":      probe.AppendClassedReserve(nil, probe.Reserve{Ref: 1}, &probe.Class{}),
		"high priority": probe.AppendClassedReserve(nil, probe.Reserve{Count: 1}, &probe.Class{Priority: task.MaxPriority + 1}),
		"low priority":  probe.AppendClassedReserve(nil, probe.Reserve{Count: 1}, &probe.Class{Priority: task.MinPriority - 1}),
		"long user":     probe.AppendClassedReserve(nil, probe.Reserve{Count: 1}, &probe.Class{User: make([]byte, task.MaxUserLen+1)}),
	} {
		if _, err := probe.DecodeClassedReserve(body, &got); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClassedReserveAllocations(t *testing.T) {
	buf, class, got := make([]byte, 0, 64), probe.Class{User: []byte("org/team/ann"), Priority: -5, Deadline: time.Minute, Work: time.Second}, probe.Class{}
	if n := testing.AllocsPerRun(100, func() {
		_, _ = probe.DecodeClassedReserve(probe.AppendClassedReserve(buf, probe.Reserve{Ref: 1 << 40, Res: 2, Count: 3}, &class), &got)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestWork(t *testing.T) {
	for _, tc := range []struct {
		estimate time.Duration
		tasks    int
		want     time.Duration
	}{
		{time.Second, 3, 3 * time.Second},
		{0, 3, 0},
		{time.Second, 0, 0},
		{time.Second, -1, 0},
		{24 * time.Hour, 1_000_000, math.MaxInt64},
		{math.MaxInt64, 1, math.MaxInt64},
		{math.MaxInt64, 2, math.MaxInt64},
	} {
		if got := probe.Work(tc.estimate, tc.tasks); got != tc.want {
			t.Errorf("Work(%v, %d) = %v, want %v", tc.estimate, tc.tasks, got, tc.want)
		}
	}
}

func FuzzDecodeClassedReserve(f *testing.F) {
	f.Add(probe.AppendClassedReserve(nil, probe.Reserve{Ref: 1, Res: 2, Count: 3}, &probe.Class{User: []byte("a/b"), Priority: -7, Deadline: 1, Work: 2}))
	f.Fuzz(func(t *testing.T, body []byte) {
		var c, again probe.Class
		m, err := probe.DecodeClassedReserve(body, &c)
		if err != nil {
			return
		}
		if back, err := probe.DecodeClassedReserve(probe.AppendClassedReserve(nil, m, &c), &again); err != nil || back != m || !bytes.Equal(c.User, again.User) {
			t.Fatalf("%+v, %v", back, err)
		}
	})
}

func TestUserGroup(t *testing.T) {
	for path, want := range map[string]string{
		"": "", "ann": "", "org/ann": "org", "org/team/ann": "org/team", "org/": "org", "/ann": "", "org//ann": "org/",
		"1/2/3/4/5/6/7/8": "1/2/3/4/5/6/7", "1/2/3/4/5/6/7/8/9/10": "1/2/3/4/5/6/7",
	} {
		if got := probe.UserGroup(path); got != want {
			t.Errorf("%q is in %q, want %q", path, got, want)
		}
	}
}
