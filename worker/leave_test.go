package worker

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"dunnock/probe"
)

// A worker that leaves says so last, behind the results of what it still ran: a connection that ends without has
// broken.
func TestLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fasthttputil.NewInmemoryListener()
		w, err := New(Config{
			Name: "w", Slots: 1, Listener: l, Members: alone{}, Logger: slog.New(slog.DiscardHandler), MaxResultBytes: 1 << 20,
			Apps: map[string]Handler{"app": func(context.Context, Task) ([]byte, error) { time.Sleep(time.Second); return make([]byte, 1<<20), nil }},
		})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- w.Run(t.Context()) }()
		synctest.Wait()
		p := connectTo(t, l, time.Minute)
		p.say(probe.KindReserve, probe.AppendReserve(nil, probe.Reserve{Ref: 1, Count: 1}))
		synctest.Wait()
		p.say(probe.KindLaunch, probe.AppendLaunchHead(nil, &probe.Launch{Slot: 0, Call: 1, Ref: 1, Attempt: 1, Deadline: time.Minute}))
		synctest.Wait()
		w.Drain()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		<-p.ended
		p.heard = slices.DeleteFunc(p.heard, func(k probe.Kind) bool { return k == probe.KindLoad })
		if want := []probe.Kind{probe.KindHello, probe.KindTold, probe.KindGetTask, probe.KindDrain, probe.KindFinished, probe.KindDrain}; !slices.Equal(p.heard, want) {
			t.Errorf("it has said %v, want %v", p.heard, want)
		}
		if m, err := probe.DecodeDrain(p.last); err != nil || !m.Left {
			t.Errorf("its last word was %x: %v", p.last, err)
		}
		time.Sleep(11 * time.Second) // fasthttp's pool of workers looks every 10 s whether its server has ended
	})
}
