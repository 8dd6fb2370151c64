package worker

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"dunnock/internal/stream"
	"dunnock/probe"
)

// taker is a scheduler's end of a connection: it notes what it hears.
type taker struct {
	t    *testing.T
	conn *stream.Conn

	mu   sync.Mutex // guards what follows
	said said
}

// said is what a worker has said so far.
type said struct {
	offers   []probe.Offer
	asks     []probe.GetTask
	ends     []probe.Finished
	declines []probe.Decline
}

func (k *taker) heard() said {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.said
}

func (k *taker) Message(kind uint8, body []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch probe.Kind(kind) { //nolint:exhaustive // what else a worker says is not looked at
	case probe.KindOffer:
		note(k, &k.said.offers, body, probe.DecodeOffer)
	case probe.KindGetTask:
		note(k, &k.said.asks, body, probe.DecodeGetTask)
	case probe.KindDecline:
		note(k, &k.said.declines, body, probe.DecodeDecline)
	case probe.KindFinished:
		note(k, &k.said.ends, body, probe.DecodeFinished)
		last := &k.said.ends[len(k.said.ends)-1]
		last.Body = bytes.Clone(last.Body)
	}
	return nil
}

func note[M any](k *taker, list *[]M, body []byte, decode func([]byte) (M, error)) {
	m, err := decode(body)
	if err != nil {
		k.t.Error(err)
	}
	*list = append(*list, m)
}

func (k *taker) Flush() {}

// launch launches on an offer, and waits until the worker has done with it what it does at once.
func (k *taker) launch(o probe.Offer, m probe.Launch) {
	m.Slot, m.Call, m.Ref, m.Attempt = o.Slot, o.Call, 1, 1
	if m.Deadline == 0 {
		m.Deadline = time.Minute
	}
	k.conn.Send(uint8(probe.KindLaunch), probe.AppendLaunchHead(nil, &m), m.Payload)
	k.conn.Flush()
	synctest.Wait()
}

// sleep lets time pass, and then waits for all that has come due.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// lastOffer returns the offer made last.
func (k *taker) lastOffer() probe.Offer {
	offers := k.heard().offers
	if len(offers) == 0 {
		k.t.Fatal("no offer")
	}
	return offers[len(offers)-1]
}

// offerBench is a worker of one slot whose tasks take as long as their payload says and return it, and how many ran at
// once.
type offerBench struct {
	t        *testing.T
	worker   *Worker
	listener *fasthttputil.InmemoryListener

	mu      sync.Mutex // guards what follows
	log     bytes.Buffer
	running int
	most    int
	began   []string
}

// withOffers runs a test against a worker of one slot in a bubble.
func withOffers(t *testing.T, test func(t *testing.T, b *offerBench)) {
	t.Helper()
	takeTime := func(b *offerBench, ctx context.Context, k Task) ([]byte, error) {
		b.note(1, string(k.Payload))
		defer b.note(-1)
		d, _ := time.ParseDuration(string(k.Payload))
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return k.Payload, nil
	}
	withHandler(t, 1, takeTime, test)
}

// withHandler runs a test against a worker of so many slots in a bubble.
func withHandler(t *testing.T, slots int, h func(*offerBench, context.Context, Task) ([]byte, error), test func(t *testing.T, b *offerBench)) {
	t.Helper()
	withConfig(t, h, func(cfg *Config) { cfg.Slots = slots }, test)
}

// withConfig is the same with what edit makes of the worker's configuration.
func withConfig(t *testing.T, h func(*offerBench, context.Context, Task) ([]byte, error), edit func(*Config), test func(t *testing.T, b *offerBench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &offerBench{t: t, listener: fasthttputil.NewInmemoryListener()}
		cfg := Config{
			Name: "w", Slots: 1, Listener: b.listener, Members: alone{}, Logger: slog.New(slog.NewTextHandler(b, nil)), Incarnation: 1,
			Apps: map[string]Handler{"app": func(ctx context.Context, k Task) ([]byte, error) { return h(b, ctx, k) }},
		}
		edit(&cfg)
		w, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		b.worker = w
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		synctest.Wait()
		test(t, b)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if b.atOnce() > cfg.Slots {
			t.Errorf("%d attempts at once in %d slots", b.atOnce(), cfg.Slots)
		}
		time.Sleep(11 * time.Second) // fasthttp's pool of workers looks every 10 s whether its server has ended
	})
}

// Write takes a line of the log.
func (b *offerBench) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.Write(line)
}

func (b *offerBench) logged() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.String()
}

// note counts a handler in or out.
func (b *offerBench) note(by int, began ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running += by
	b.most = max(b.most, b.running)
	b.began = append(b.began, began...)
}

func (b *offerBench) atOnce() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.most
}

// tasks returns which tasks have begun, and how many are running.
func (b *offerBench) tasks() (began []string, running int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.began), b.running
}

func (b *offerBench) connect(name, policy string) *taker {
	b.t.Helper()
	dial := func(context.Context, string, string) (net.Conn, error) { return b.listener.Dial() }
	conn, err := stream.Dial(b.t.Context(), dial, "w:1", probe.StreamPath, nil, stream.Config{})
	if err != nil {
		b.t.Fatal(err)
	}
	k := &taker{t: b.t, conn: conn}
	hello := probe.Hello{Version: probe.Version, Role: probe.RoleScheduler, Name: name, Incarnation: 1, Fleet: "dunnock", Policy: policy}
	conn.Send(uint8(probe.KindHello), nil, probe.AppendHello(nil, &hello))
	conn.Flush()
	go func() { _ = conn.Run(b.t.Context(), k) }()
	synctest.Wait()
	return k
}

// A slot is offered when it is free; what is launched on it runs, and then it is offered anew.
func TestOffers(t *testing.T) {
	withOffers(t, func(t *testing.T, b *offerBench) {
		k := b.connect("s1", probe.PolicyIdleOffer)
		first := k.lastOffer()
		k.launch(first, probe.Launch{Payload: []byte("10ms")})
		k.launch(first, probe.Launch{Payload: []byte("10ms"), Task: 1}) // the offer is used
		sleep(11 * time.Millisecond)
		if len(k.heard().ends) != 1 || string(k.heard().ends[0].Body) != "10ms" || len(k.heard().declines) != 1 || k.heard().declines[0].Reason != probe.RefusedStale {
			t.Errorf("ends %+v, declines %+v", k.heard().ends, k.heard().declines)
		}
		if again := k.lastOffer(); len(k.heard().offers) != 2 || again.Slot != first.Slot || again.Call != first.Call+1 || again.Ready != 0 {
			t.Errorf("offers %+v", k.heard().offers)
		}
		sleep(6 * time.Second)
		if len(k.heard().offers) != 3 {
			t.Errorf("%d offers after 6 s, want a third in place of the second", len(k.heard().offers))
		}
		var page bytes.Buffer
		b.worker.meters.set.WritePrometheus(&page)
		for _, want := range []string{`{result="made"} 3`, `{result="launched"} 1`, `{result="renewed"} 1`, `{result="withdrawn"} 0`} {
			if !strings.Contains(page.String(), "dunnock_offers_total"+want) {
				t.Errorf("%s is missing in %s", want, &page)
			}
		}
	})
}

// A scheduler that takes no offers gets none and is served as ever; that two schedulers differ is said.
func TestOffersOnlyToTakers(t *testing.T) {
	withOffers(t, func(t *testing.T, b *offerBench) {
		late := b.connect("s1", "late-binding")
		if strings.Contains(b.logged(), "different policies") {
			t.Error("one scheduler alone differs")
		}
		k := b.connect("s2", probe.PolicyIdleOffer)
		if len(k.heard().offers) != 1 || !strings.Contains(b.logged(), "different policies") || !strings.Contains(b.logged(), "other_policy=late-binding") {
			t.Errorf("offers %+v, log %s", k.heard().offers, b.logged())
		}
		late.conn.Send(uint8(probe.KindReserve), nil, probe.AppendReserve(nil, probe.Reserve{Ref: 1, Res: 1, Count: 1}))
		late.conn.Flush()
		synctest.Wait()
		if len(late.heard().asks) != 1 || len(late.heard().offers) != 0 {
			t.Fatalf("asked %+v, offered %+v", late.heard().asks, late.heard().offers)
		}
		k.launch(k.lastOffer(), probe.Launch{})
		if len(k.heard().declines) != 1 {
			t.Error("a launch on an offer that was taken back was not declined")
		}
	})
}

// holds reports whether the worker keeps a launch on an offer.
func (b *offerBench) holds(o probe.Offer) bool {
	b.worker.mu.Lock()
	defer b.worker.mu.Unlock()
	return b.worker.slots[o.Slot].held != nil
}

// ahead launches a task that is expected to take 50 ms, and returns the offer that comes before its end, and when that
// is.
func (b *offerBench) ahead(k *taker, takes string) (offer probe.Offer, end time.Time) {
	b.t.Helper()
	sleep(time.Millisecond) // half of which is taken for a hop
	k.launch(k.lastOffer(), probe.Launch{Payload: []byte(takes), Expect: 50 * time.Millisecond})
	end = time.Now().Add(50 * time.Millisecond)
	sleep(48 * time.Millisecond)
	o := k.lastOffer()
	if _, running := b.tasks(); o.Slot != 1 || o.Ready != 2*time.Millisecond || running != 1 {
		b.t.Fatalf("offers %+v, %d running", k.heard().offers, running)
	}
	return o, end
}

// A slot is offered before its task ends, and what is launched on it starts when it has ended.
func TestAskingAhead(t *testing.T) {
	withOffers(t, func(t *testing.T, b *offerBench) {
		k := b.connect("s1", probe.PolicyIdleOffer)
		o, end := b.ahead(k, "50ms")
		k.launch(o, probe.Launch{Payload: []byte("20ms"), Task: 1, Timeout: time.Second})
		k.launch(o, probe.Launch{Payload: []byte("30ms"), Task: 2}) // changes nothing about the one that is kept
		if began, _ := b.tasks(); len(began) != 1 {
			t.Errorf("began %v", began)
		}
		sleep(time.Until(end))
		if began, _ := b.tasks(); len(began) != 2 || began[1] != "20ms" {
			t.Fatalf("began %v", began)
		}
		b.worker.mu.Lock()
		deadline, _ := b.worker.slots[o.Slot].current.Deadline()
		b.worker.mu.Unlock()
		if !deadline.Equal(end.Add(time.Second)) || b.holds(o) {
			t.Errorf("its time is up %v after the start", deadline.Sub(end))
		}
		sleep(20 * time.Millisecond)
		if len(k.heard().ends) != 2 || string(k.heard().ends[1].Body) != "20ms" || k.heard().ends[1].Task != 1 || len(k.heard().declines) != 1 || k.heard().declines[0].Task != 2 {
			t.Errorf("ends %+v, declines %+v", k.heard().ends, k.heard().declines)
		}
	})
}

// A launch that is held is given back when its slot is not free in time; it ends when it is killed; and it is dropped
// with its scheduler. In any case its payload is let go.
func TestHeldLaunch(t *testing.T) {
	for name, test := range map[string]struct {
		act      func(b *offerBench, k *taker, o probe.Offer)
		ends     []probe.Status
		declines []probe.Refusal
	}{
		"early": {func(*offerBench, *taker, probe.Offer) { sleep(5 * time.Millisecond) }, nil, []probe.Refusal{probe.RefusedEarly}},
		"killed": {func(_ *offerBench, k *taker, o probe.Offer) {
			k.conn.Send(uint8(probe.KindKill), nil, probe.AppendKill(nil, probe.Kill{Slot: o.Slot, Call: o.Call}))
			k.conn.Flush()
		}, []probe.Status{probe.StatusKilled}, nil},
		"its scheduler gone": {func(_ *offerBench, k *taker, _ probe.Offer) { k.conn.Close(nil) }, nil, nil},
		"drained":            {func(b *offerBench, _ *taker, _ probe.Offer) { b.worker.Drain() }, nil, []probe.Refusal{probe.RefusedDraining}},
	} {
		t.Run(name, func(t *testing.T) {
			withOffers(t, func(t *testing.T, b *offerBench) {
				k := b.connect("s1", probe.PolicyIdleOffer)
				o, _ := b.ahead(k, "1s")
				k.launch(o, probe.Launch{Payload: []byte("20ms"), Task: 1})
				if !b.holds(o) {
					t.Fatal("not held")
				}
				test.act(b, k, o)
				synctest.Wait()
				if b.holds(o) {
					t.Error("still held")
				}
				var ends []probe.Status
				for _, m := range k.heard().ends {
					ends = append(ends, m.Status)
				}
				var declines []probe.Refusal
				for _, m := range k.heard().declines {
					declines = append(declines, m.Reason)
				}
				if !slices.Equal(ends, test.ends) || !slices.Equal(declines, test.declines) {
					t.Errorf("ends %v, declines %v", ends, declines)
				}
				sleep(2 * time.Second)
				if began, _ := b.tasks(); len(began) != 1 {
					t.Errorf("began %v", began)
				}
			})
		})
	}
}
