package placement

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dunnock/probe"
)

// keyedCore makes a core with so many workers of one slot.
func keyedCore(t testing.TB, cfg Config, workers int) *Core {
	t.Helper()
	c := New(cfg, rand.New(rand.NewPCG(1, 2)))
	for w := range workers {
		c.WorkerUp(0, probe.WorkerID(w), Worker{Slots: 1, Apps: []string{"app"}, Name: uint64(w)}, nil)
	}
	return c
}

// launchOne has a worker answer one of the reservations in effects, chosen by the caller, and its task end.
func launchOne(t *testing.T, c *Core, now time.Duration, calls map[probe.WorkerID]uint32, e *Effect) {
	t.Helper()
	calls[e.Worker]++
	for _, f := range c.GetTask(now, e.Worker, probe.GetTask{Call: calls[e.Worker], Ref: e.Ref, Res: e.Res}, nil) {
		if f.Kind == EffectLaunch {
			c.Finished(now, f.Worker, probe.Finished{Call: f.Call, Ref: f.Ref, Task: f.Task, Attempt: f.Attempt, Status: probe.StatusOK}, nil)
			if err := c.CheckInvariants(); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("worker %d got no task", e.Worker)
}

// reserves returns the reservations in effects.
func reserves(out []Effect) (all []Effect) {
	for _, e := range out {
		if e.Kind == EffectReserve {
			all = append(all, e)
		}
	}
	return all
}

// TestHotKeys has the tasks of a key launched by others than it has chosen, as if those were busy: it chooses more of
// them. Then they are launched where they should be, and it comes back to those that it had.
func TestHotKeys(t *testing.T) {
	c := keyedCore(t, Config{}, 50)
	calls, now := map[probe.WorkerID]uint32{}, time.Duration(0)
	submit := func() (probe.Ref, []Effect) {
		ref, out, err := c.Submit(now, Spec{App: "app", Tasks: 1, Keys: []probe.Key{7}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return ref, reserves(out)
	}
	chosen := func(ref probe.Ref) map[probe.WorkerID]bool {
		all, j := map[probe.WorkerID]bool{}, c.find(ref)
		for _, w := range j.nears[j.first.from:][:j.first.nears] {
			all[w] = true
		}
		return all
	}
	_, first := submit()
	if len(first) != 1 || first[0].Count != 1 {
		t.Fatalf("a key asks %+v at first", first)
	}
	launchOne(t, c, now, calls, &first[0])
	h := func() int64 {
		if h := c.affinity.hot[hotKey{c.sets[0], 7}]; h != nil {
			return h.width / widthUnit
		}
		return 0
	}
	for range 30 {
		ref, _ := submit()
		now += DefaultAffinityWait / firstWait
		c.Tick(now, nil)
		now += DefaultAffinityWait
		var far *Effect
		for _, e := range reserves(c.Tick(now, nil)) {
			if !chosen(ref)[e.Worker] {
				far = &e
			}
		}
		if far == nil {
			t.Fatal("no other worker is tried")
		}
		launchOne(t, c, now, calls, far)
	}
	if h() < 20 || h() > 50 {
		t.Errorf("after 30 tasks that spilled over the key has %d workers", h())
	}
	all := map[probe.WorkerID]bool{}
	for range 2000 {
		ref, asked := submit()
		for w := range chosen(ref) {
			all[w] = true
		}
		launchOne(t, c, now, calls, &asked[0])
	}
	if len(all) < 15 {
		t.Errorf("only %d workers were asked for a hot key", len(all))
	}
	if h() != 0 || c.affinity.listed != 0 {
		t.Errorf("after 2000 tasks that did not spill over the key has %d workers, and %d are listed", h(), c.affinity.listed)
	}
	if _, asked := submit(); len(asked) != 1 || asked[0].Worker != first[0].Worker {
		t.Errorf("a key that is hot no more asks %+v", asked)
	}
}

// TestHotKeysAreBounded has more keys spill over than are remembered.
func TestHotKeysAreBounded(t *testing.T) {
	c := keyedCore(t, Config{}, 4)
	_, _, err := c.Submit(0, Spec{App: "app", Tasks: 1, Keys: []probe.Key{1}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	j := c.oldest
	for key := probe.Key(1); key < 3*maxHot; key++ {
		j.first.key = key
		c.heat(0, j, &j.first, 1)
		if key%2 == 0 {
			c.cool(hotKey{j.first.set, key})
		}
	}
	j.first.key = 1
	if len(c.affinity.hot) > maxHot || c.affinity.queue.len() > 2*maxHot || len(c.affinity.hot) < maxHot/3 {
		t.Errorf("%d keys are hot, and %d queue", len(c.affinity.hot), c.affinity.queue.len())
	}
	if err := c.CheckInvariants(); err != nil {
		t.Error(err)
	}
}

// TestKeysNeedNoSets submits jobs with thousands of keys: they need one constraint set, and nothing is allocated once
// there have been as many before.
func TestKeysNeedNoSets(t *testing.T) {
	for _, policy := range []Policy{LateBinding, IdleOffer} {
		c := keyedCore(t, Config{Policy: policy}, 1000)
		keys := make([]probe.Key, 5000)
		for i := range keys {
			keys[i] = probe.KeyOf(fmt.Sprintf("lineitem/%d", i))
		}
		out := make([]Effect, 0, 20_000)
		run := func() {
			ref, effects, err := c.Submit(0, Spec{App: "app", Tasks: len(keys), Keys: keys}, out)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(reserves(effects)); n != len(keys) {
				t.Fatalf("%d reservations for %d tasks at first", n, len(keys))
			}
			if len(c.sets) != 1 || c.listed != 1000 {
				t.Fatalf("%d sets with %d workers", len(c.sets), c.listed)
			}
			c.Cancel(0, ref, out)
		}
		run()
		if err := c.CheckInvariants(); err != nil {
			t.Fatal(err)
		}
		ref := probe.Ref(0)
		if n := testing.AllocsPerRun(5, func() {
			var err error
			if ref, _, err = c.Submit(0, Spec{App: "app", Tasks: 1000, Keys: keys[:1000]}, out); err != nil {
				t.Fatal(err)
			}
			c.Cancel(0, ref, out)
		}); n > 2 {
			t.Errorf("%v: %v allocations for a job of 1000 keys", policy, n)
		}
	}
}

// BenchmarkKeys submits and cancels jobs of 100 tasks, each with a key of its own, and without keys: what is between
// them is what keys cost.
func BenchmarkKeys(b *testing.B) {
	for _, workers := range []int{100, 1000, 10_000} {
		for _, keyed := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/keys=%v", workers, keyed), func(b *testing.B) {
				c := keyedCore(b, Config{}, workers)
				keys := make([]probe.Key, 100*1024)
				for i := range keys {
					keys[i] = probe.KeyOf(fmt.Sprintf("lineitem/%d", i))
				}
				out := make([]Effect, 0, 1000)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					s := Spec{App: "app", Tasks: 100}
					if keyed {
						s.Keys = keys[i%1024*100:][:100]
					}
					ref, _, err := c.Submit(0, s, out)
					if err != nil {
						b.Fatal(err)
					}
					c.Cancel(0, ref, out)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/task")
			})
		}
	}
}
