package placement

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dunnock/probe"
)

// mint is a core under [IdleOffer] with one worker, on whose first slot jobs of one task run, one after the other.
type mint struct {
	tb   testing.TB
	core *Core
	now  time.Duration
	call uint32
}

func newMint(tb testing.TB, apps ...string) *mint {
	tb.Helper()
	m := &mint{tb: tb, core: New(Config{Policy: IdleOffer, Hop: 500 * time.Microsecond}, rand.New(rand.NewPCG(1, 2)))}
	m.core.WorkerUp(0, 1, Worker{Slots: 2, Apps: apps}, nil)
	return m
}

// run runs a job, whose task takes so long, and returns what was expected of it.
func (m *mint) run(s Spec, service time.Duration) time.Duration {
	m.tb.Helper()
	s.Tasks = 1
	m.call++
	out := m.core.Offer(m.now, 1, probe.Offer{Slot: 0, Call: m.call}, nil)
	ref, out, err := m.core.Submit(m.now, s, out)
	if err != nil || len(out) == 0 || out[len(out)-1].Kind != EffectLaunch {
		m.tb.Fatalf("%v, %v", out, err)
	}
	m.now += service
	m.core.Finished(m.now, 1, probe.Finished{Slot: 0, Call: m.call, Ref: ref, Attempt: 1, Status: probe.StatusOK, Service: service}, nil)
	return out[len(out)-1].Service
}

// TestPromisesAreBounded: what was to take a day and took a millisecond is forgotten soon.
func TestPromisesAreBounded(t *testing.T) {
	m := newMint(t, "app")
	for range 500 {
		m.run(Spec{App: "app", Estimate: 24 * time.Hour}, time.Millisecond)
		if n := len(m.core.idle.stated.promises); n > minAlike+5 {
			t.Fatalf("%d promises are kept of a job", n)
		}
		if err := m.core.CheckInvariants(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestForecastsAreBounded: what apps are like is forgotten when they are gone, and not before.
func TestForecastsAreBounded(t *testing.T) {
	const apps = maxForecasts + 200
	names := make([]string, apps)
	for i := range names {
		names[i] = fmt.Sprint("app", i)
	}
	m := newMint(t, append(names, "app")...)
	for i := range apps {
		m.run(Spec{App: names[i]}, time.Millisecond)
		want := time.Duration(0)
		if i >= minAlike {
			want = time.Millisecond
		}
		if got := m.run(Spec{App: "app"}, time.Millisecond); got != want {
			t.Fatalf("after %d apps %v is expected of one that is used all the time, want %v", i, got, want)
		}
		if n := len(m.core.idle.forecasts); n > maxForecasts {
			t.Fatalf("%d apps are known", n)
		}
	}
}

// TestWordsAreKeptApart: what is known of a user of an app is not known of another user, nor of the user in another
// app.
func TestWordsAreKeptApart(t *testing.T) {
	m := newMint(t, "a", "ab", "b")
	for i := range 128 {
		m.run(Spec{App: "a", User: "bob", Estimate: time.Duration(i%2*40+10) * time.Millisecond}, time.Duration(i%2*40+10)*time.Millisecond)
	}
	for _, c := range []struct {
		app, user string
		want      time.Duration
	}{{"a", "bob", time.Second}, {"a", "", 0}, {"a", "ann", 0}, {"b", "bob", 0}, {"ab", "bob", 0}, {"ab", "ob", 0}} {
		if got := m.run(Spec{App: c.app, User: c.user, Estimate: time.Second}, time.Millisecond); got != c.want {
			t.Errorf("user %q of app %q: %v is expected, want %v", c.user, c.app, got, c.want)
		}
	}
}

// TestSchedulersAgree: who is told of few services makes no reservations either while peers wait for offers, if any are
// told at all.
func TestSchedulersAgree(t *testing.T) {
	const now = time.Second
	for _, c := range []struct {
		told, wanted time.Duration
		varies       bool
	}{
		{0, 0, true},
		{0, now, true},
		{toldLeast, 0, true},
		{toldLeast, now, false},
		{toldLeast, now - minNetWait, true},
		{toldLeast - 1, now, true},
		{toldFew - 1, 0, true},
		{toldFew, 0, false},
	} {
		f := forecast{varied: true, told: int(c.told), wanted: c.wanted}
		if got := f.varies(now); got != c.varies {
			t.Errorf("%d told, wanted at %v: varies %v", c.told, c.wanted, got)
		}
	}
	m := newMint(t, "app")
	m.core.PeerUp(0, 3, nil)
	m.core.SetDef(3, probe.SetDef{Set: 1, App: "app"})
	m.run(Spec{App: "app"}, time.Millisecond)
	m.core.Want(m.now, 3, probe.Want{Set: 1, Quota: 1}, nil)
	if f := m.core.idle.forecasts["app"]; f.wanted != m.now {
		t.Errorf("a want at %v is noted at %v", m.now, f.wanted)
	}
}
