package placement

import (
	"fmt"
	"math/bits"
	"slices"
	"testing"
	"time"

	"dunnock/probe"
)

// queued are what may wait, each as the i-th job of one task or of ten.
var queued = map[string]func(i int, s *Spec){
	"plain":     func(int, *Spec) {},
	"deadlines": func(i int, s *Spec) { s.Deadline += time.Duration(i*7919%1000) * time.Second },
	"keys": func(i int, s *Spec) {
		s.Keys = make([]probe.Key, s.Tasks)
		for t := range s.Keys {
			s.Keys[t] = probe.Key(i*s.Tasks + t + 1)
		}
	},
	"zones": func(i int, s *Spec) { s.Require = []probe.Label{{Key: "zone", Value: fmt.Sprint(i % 4)}} },
	"users": func(i int, s *Spec) { s.User = fmt.Sprintf("org%d/user%d", i%3, i%50) },
}

// bystanders are the live jobs but one. While they are away whoever looks at a task of theirs, or at a group, panics.
type bystanders struct {
	jobs []*job
	were []job
}

func (c *Core) sendAway(but probe.Ref) bystanders {
	var b bystanders
	for j := c.oldest; j != nil; j = j.next {
		if j.ref != but {
			b.jobs, b.were = append(b.jobs, j), append(b.were, *j)
			j.tasks, j.res, j.parts = nil, nil, nil
		}
	}
	return b
}

// back has them be as they were, but for their neighbours.
func (b *bystanders) back() {
	for i, j := range b.jobs {
		j.tasks, j.res, j.parts = b.were[i].tasks, b.were[i].res, b.were[i].parts
	}
}

// A job costs what it costs by itself, whatever else waits: from its submission to its end no event looks at a task of
// another job, and of the timers only those move that are above it in their heap. So events take about as long with a
// million tasks that wait as with a thousand.
func TestBystandersAreNotLookedAt(t *testing.T) {
	const waiting = 1000
	for _, policy := range []Policy{LateBinding, IdleOffer} {
		for name, tune := range queued {
			for _, tasks := range []int{1, 10} {
				t.Run(fmt.Sprintf("%v/%s of %d", policy, name, tasks), func(t *testing.T) {
					bystandersAreNotLookedAt(t, policy, waiting, tasks, tune)
				})
			}
		}
	}
}

func bystandersAreNotLookedAt(t *testing.T, policy Policy, waiting, tasks int, tune func(int, *Spec)) {
	t.Helper()
	c := newCrowd(t, policy, 0)
	c.core.cfg.AffinityWait = time.Minute // or else others are due while this one is looked at
	for w := range probe.WorkerID(20) {
		c.core.WorkerUp(0, w, Worker{Name: uint64(w), Slots: 4, Apps: []string{"app"}, Labels: []probe.Label{{Key: "zone", Value: fmt.Sprint(w % 4)}}}, nil)
	}
	submit := func(i int, deadline time.Duration) probe.Ref {
		s := Spec{App: "app", Tasks: tasks, ProbeRatio: 2, MaxAttempts: 3, Deadline: deadline}
		tune(i, &s)
		ref, out, err := c.core.Submit(c.now, s, c.out[:0])
		if err != nil {
			t.Fatal(err)
		}
		c.out = out
		return ref
	}
	oldest := submit(0, time.Hour)
	for i := 1; i < waiting; i++ {
		c.now += time.Microsecond
		submit(i, time.Hour)
	}
	timers := bits.Len(uint(len(c.core.timers))) // on the way from one end of the heap to the other

	// alone has an event happen while all other jobs are away. It takes the messages of n tasks at most, and moves as
	// many timers.
	alone := func(what string, ref probe.Ref, n int, event func()) {
		t.Helper()
		before := slices.Clone(c.core.timers)
		b := c.core.sendAway(ref)
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Fatalf("%s looks at another job: %v", what, r)
				}
			}()
			event()
		}()
		b.back()
		if most := 8 * n; len(c.out) > most {
			t.Errorf("%s: %d effects, want at most %d", what, len(c.out), most)
		}
		moved := 0
		for i := range min(len(before), len(c.core.timers)) {
			if before[i] != c.core.timers[i] {
				moved++
			}
		}
		if most := 4 * n * timers; moved > most {
			t.Errorf("%s: %d of %d timers have moved, want at most %d", what, moved, len(before), most)
		}
		if err := c.core.CheckInvariants(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	var ref probe.Ref
	alone("submit", 0, tasks, func() { ref = submit(waiting, time.Hour) })
	alone("cancel", ref, tasks, func() { c.out = c.core.Cancel(c.now, ref, c.out[:0]) })

	// The next is over time before anybody else is, and may be launched first.
	alone("submit with a deadline", 0, tasks, func() { ref = submit(waiting, time.Millisecond) })
	c.now += 2 * time.Millisecond
	alone("deadline", ref, tasks, func() { c.out = c.core.Tick(c.now, c.out[:0]) })
	if c.core.find(ref) != nil {
		t.Error("a job is live behind its deadline")
	}

	launch := Effect{}
	alone("launch", oldest, tasks, func() {
		c.out = c.out[:0]
		j := c.core.find(oldest)
		for i := range j.res {
			if r := &j.res[i]; r.left > 0 && launch.Kind == 0 {
				c.out = c.core.GetTask(c.now, r.worker, probe.GetTask{Slot: 0, Call: 1, Ref: oldest, Res: uint32(r.use)<<indexBits | uint32(i)}, c.out)
				launch = c.launched()
			}
		}
		for w := probe.WorkerID(0); launch.Kind == 0 && w < 20; w++ {
			c.out = c.core.Offer(c.now, w, probe.Offer{Slot: 0, Call: 1}, c.out)
			launch = c.launched()
		}
	})
	if launch.Kind != EffectLaunch || launch.Ref != oldest {
		t.Fatalf("launched is %+v", launch)
	}
	alone("end", oldest, tasks, func() {
		c.out = c.core.Finished(c.now, launch.Worker, probe.Finished{Seq: 1, Slot: 0, Call: 1, Ref: oldest, Task: launch.Task, Attempt: 1, Status: probe.StatusOK}, c.out[:0])
	})
}

// launched returns the launch among the last effects.
func (c *crowd) launched() Effect {
	for _, e := range c.out {
		if e.Kind == EffectLaunch {
			return e
		}
	}
	return Effect{}
}
