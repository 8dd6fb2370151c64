package scheduler_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"dunnock/internal/api"
	"dunnock/internal/fleettest"
	"dunnock/task"
	"dunnock/worker"
)

// offering is a fleet of schedulers s1, s2 … that take idle offers, and of workers of two slots.
type offering struct {
	t          *testing.T
	f          *fleettest.Fleet
	schedulers []*fleettest.Node
	workers    []*fleettest.Node

	mu     sync.Mutex
	starts map[string]int // by job and task
}

func newOffering(t *testing.T, f *fleettest.Fleet, schedulers, workers int) *offering {
	t.Helper()
	o := &offering{t: t, f: f, starts: make(map[string]int)}
	for i := range schedulers {
		o.schedulers = append(o.schedulers, f.Scheduler(fmt.Sprintf("s%d", i+1), idleOffer))
	}
	echo := func(ctx context.Context, k worker.Task) ([]byte, error) {
		o.mu.Lock()
		o.starts[fmt.Sprintf("%v/%d", k.Job, k.Index)]++
		o.mu.Unlock()
		return fleettest.Echo(ctx, k)
	}
	for i := range workers {
		o.workers = append(o.workers, f.Worker(fmt.Sprintf("w%d", i+1), 2, map[string]worker.Handler{"echo": echo}, nil))
	}
	time.Sleep(20 * time.Millisecond)
	return o
}

// run submits a job to a scheduler and returns how long it took.
func (o *offering) run(s *fleettest.Node, job task.Job) time.Duration {
	o.t.Helper()
	began := time.Now()
	h, err := o.f.Client(s).Submit(o.t.Context(), job)
	if err != nil {
		o.t.Fatal(err)
	}
	results, err := h.Wait(o.t.Context())
	if err != nil || len(results) != len(job.Tasks) {
		o.t.Fatalf("%d results of %d tasks: %v", len(results), len(job.Tasks), err)
	}
	return time.Since(began)
}

// sum adds a metric up over the schedulers that live.
func (o *offering) sum(metric string) (sum float64) {
	o.t.Helper()
	for _, s := range o.schedulers {
		sum += s.Metric(metric)
	}
	return sum
}

// once fails the test unless so many tasks have started, each once.
func (o *offering) once(tasks int) {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.starts) != tasks {
		o.t.Errorf("%d tasks have started, want %d", len(o.starts), tasks)
	}
	for name, n := range o.starts {
		if n != 1 {
			o.t.Errorf("task %s started %d times", name, n)
		}
	}
}

const (
	offersHanded = `dunnock_offers_total{result="handed"}`
	offersUsed   = `dunnock_offers_total{result="used"}`
	reservations = "dunnock_reservations_total"
)

// While slots are free all tasks are launched on what is offered, each once, without a single reservation or call.
func TestIdleOffers(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		o := newOffering(t, f, 3, 4)
		var wg sync.WaitGroup
		for i, s := range o.schedulers {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 7 * time.Millisecond)
				for range 20 {
					if took := o.run(s, echoJob(2, "20ms")); took > 25*time.Millisecond { // some have to ask a second peer
						t.Errorf("a job of 20 ms took %v", took)
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		o.once(120)
		if n := o.sum(reservations); n != 0 {
			t.Errorf("%v reservations", n)
		}
		if used, stale := o.sum(offersUsed), o.sum(`dunnock_offers_total{result="stale"}`); used-stale != 120 || stale > 5 {
			t.Errorf("%v offers were used for 120 tasks, %v of them void", used, stale)
		}
	})
}

// A scheduler whose job is as wide as the fleet gets the offers that its peers hold, and those that come to them while
// its tasks wait.
func TestOffersAreHandedOn(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		o := newOffering(t, f, 3, 4)
		if took := o.run(o.schedulers[1], echoJob(8, "100ms")); took > 110*time.Millisecond {
			t.Errorf("8 tasks of 100 ms on 8 free slots took %v", took)
		}
		if handed, reserved := o.sum(offersHanded), o.sum(reservations); handed == 0 || reserved != 0 {
			t.Errorf("%v offers were handed on, and %v reservations made", handed, reserved)
		}
		if took := o.run(o.schedulers[2], echoJob(32, "40ms")); took > 170*time.Millisecond {
			t.Errorf("32 tasks of 40 ms on 8 slots took %v", took)
		}
		o.once(40)
	})
}

// What a scheduler held when it died is offered anew to those that are left.
func TestSchedulerDiesWithOffers(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		o := newOffering(t, f, 3, 4)
		held := 0. // together: that one of them has none is nothing rare
		for _, s := range o.schedulers[1:] {
			held += s.Metric(`dunnock_held_offers{slot="free"}`)
			s.Kill()
		}
		if held == 0 {
			t.Fatal("those who die hold no offer, so that their death shows nothing")
		}
		o.schedulers = o.schedulers[:1]
		if took := o.run(o.schedulers[0], echoJob(8, "100ms")); took > 110*time.Millisecond {
			t.Errorf("8 tasks of 100 ms on 8 free slots took %v", took)
		}
		o.once(8)
		if n := o.sum(reservations); n != 0 {
			t.Errorf("%v reservations", n)
		}
	})
}

// A scheduler that joins has its share of the slots at once, and so have those that are left when it dies: no two
// schedulers believe to hold the same one.
func TestSchedulerJoinsAndLeaves(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		o := newOffering(t, f, 1, 6)
		const free, soon = `dunnock_held_offers{slot="free"}`, 20 * time.Millisecond
		holds := func(when string, least float64) {
			t.Helper()
			time.Sleep(soon)
			for _, s := range o.schedulers {
				if n := s.Metric(free); n < least {
					t.Errorf("%s: %s holds %v offers", when, s.Name, n)
				}
			}
			if n := o.sum(free); n != 12 {
				t.Errorf("%s: %v offers are held of 12 slots", when, n)
			}
		}
		holds("alone", 12)
		o.schedulers = append(o.schedulers, f.Scheduler("s2", idleOffer))
		holds("joined", 1)
		if took := o.run(o.schedulers[0], echoJob(12, "100ms")); took > 110*time.Millisecond {
			t.Errorf("12 tasks of 100 ms on 12 free slots took %v", took)
		}
		holds("ran", 1)
		o.schedulers[1].Kill()
		o.schedulers = o.schedulers[:1]
		holds("left", 12)
		o.run(o.schedulers[0], echoJob(12, "100ms"))
		o.once(24)
		if n := o.sum(`dunnock_offers_total{result="stale"}`); n != 0 {
			t.Errorf("%v launches on void offers", n)
		}
	})
}

// Schedulers that cannot talk to each other still run their jobs: what is offered to others and what they do not use
// comes by reservations.
func TestPeersAreCutOff(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		o := newOffering(t, f, 3, 4)
		f.Drop(o.schedulers[1], true)
		f.Drop(o.schedulers[2], true)
		s := o.schedulers[0]
		if took := o.run(s, echoJob(8, "1s")); took > 2500*time.Millisecond { // some are offered to this scheduler
			t.Errorf("8 tasks of 1 s on 8 free slots took %v", took)
		}
		o.once(8)
		if s.Metric(reservations) == 0 {
			t.Error("no reservation, though nothing arrives from others")
		}
		time.Sleep(5 * time.Second)
		if n := s.Metric("dunnock_peer_connections"); n != 0 {
			t.Errorf("%v peers long after the last was heard of", n)
		}
		o.run(s, echoJob(8, "100ms"))
		o.once(16)
		f.Drop(o.schedulers[1], false)
		f.Drop(o.schedulers[2], false)
		time.Sleep(5 * time.Second)
		linked(t, f, s, "s2", "s3")
	})
}

// A task that waits says what for.
func TestWhyNoOffer(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		o := newOffering(t, f, 2, 1)
		h := fleettest.Submit(t, o.f.Client(o.schedulers[0]), echoJob(3, "1s"))
		time.Sleep(30 * time.Millisecond)
		var d api.JobDetail
		newCaller(t, f, o.schedulers[0]).do("GET", "/v1/jobs/"+h.ID().String(), "", 200, &d)
		for _, want := range []string{"1 task waits for a free slot", "none of 1 eligible worker has offered one", "of 1 other scheduler 1 has been asked", "for 30ms, at the head of the queue for "} {
			if !strings.Contains(d.Why, want) {
				t.Errorf("%q does not say %q", d.Why, want)
			}
		}
		second := fleettest.Submit(t, o.f.Client(o.schedulers[0]), echoJob(3, "500ms"))
		time.Sleep(100 * time.Millisecond)
		newCaller(t, f, o.schedulers[0]).do("GET", "/v1/jobs/"+second.ID().String(), "", 200, &d)
		if want := "; for 100ms, behind 1 older job"; !strings.HasSuffix(d.Why, want) {
			t.Errorf("%q does not end in %q", d.Why, want)
		}
		time.Sleep(1020 * time.Millisecond) // the first job's last task was launched 150 ms ago, and the second's first with it
		newCaller(t, f, o.schedulers[0]).do("GET", "/v1/jobs/"+second.ID().String(), "", 200, &d)
		if !strings.HasPrefix(d.Why, "2 tasks wait") || !strings.Contains(d.Why, "; for 1.12s, at the head of the queue for 15") || !strings.HasSuffix(d.Why, "ms") {
			t.Errorf("%q does not say for how long it has been at the head", d.Why)
		}
	})
}
