package worker

import (
	"context"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crewOf returns a worker of which only the crew is used. Its core knows of no attempt, and ignores their ends.
func crewOf(t *testing.T, slots int) *Worker {
	t.Helper()
	noop := func(context.Context, Task) ([]byte, error) { return nil, nil }
	w, err := New(Config{Name: "w1", Slots: slots, Apps: map[string]Handler{"app": noop}})
	if err != nil {
		t.Fatal(err)
	}
	_ = w.node.Listener.Close()
	return w
}

// launch puts an attempt in line for each of some slots, as one batch of launches does.
func (w *Worker) launch(h Handler, slots ...int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inLine(h, slots...)
}

// inLine is launch for a caller who holds the lock: nobody looks at the line before it is let go.
func (w *Worker) inLine(h Handler, slots ...int) {
	for _, i := range slots {
		s := w.slots[i]
		s.current = &attempt{attemptContext: &attemptContext{}, slot: s, handler: h, habit: &w.habits[0], task: Task{Index: i}}
		w.crew.add(s.current)
	}
	w.crew.see(&turn{})
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func (w *Worker) end(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	w.crew.close()
	w.mu.Unlock()
	w.ended(t)
}

func (w *Worker) ended(t *testing.T) {
	t.Helper()
	if !w.crew.wait(time.Second) {
		t.Error("a runner has not ended")
	}
}

// However many are launched at once, each starts although none of the others returns.
func TestNobodyWaitsBehindAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slots = 16
		w := crewOf(t, slots)
		for _, before := range []int{0, 1, slots / 2} { // attempts that are under way already
			var started atomic.Int32
			leave := make(chan struct{})
			h := func(context.Context, Task) ([]byte, error) {
				started.Add(1)
				<-leave
				return nil, nil
			}
			all := upTo(slots)
			w.launch(h, all[:before]...)
			synctest.Wait()
			w.launch(h, all[before:]...)
			synctest.Wait()
			if started.Load() != slots {
				t.Errorf("%d of %d attempts have started", started.Load(), slots)
			}
			close(leave)
			synctest.Wait()
		}
		w.end(t)
	})
}

// Every attempt is run once, in the order of the line, whatever their handlers do, and runners are no more than
// attempts under way at once, and one.
func TestEveryAttemptRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slots, batches = 8, 500
		w := crewOf(t, slots)
		var ran [slots]int // each has one attempt at a time
		h := func(_ context.Context, task Task) ([]byte, error) {
			ran[task.Index]++
			switch ran[task.Index] % 50 {
			case 10:
				time.Sleep(time.Millisecond)
			case 20:
				panic("as a test")
			case 30:
				runtime.Goexit()
			}
			return nil, nil
		}
		w.node.Logger = slog.New(slog.DiscardHandler)
		for range batches {
			w.launch(h, upTo(slots)...)
			time.Sleep(time.Second)
			synctest.Wait()
			for i, s := range w.slots {
				if s.current != nil {
					t.Fatalf("slot %d still has its attempt", i)
				}
			}
		}
		for i, n := range ran {
			if n != batches {
				t.Errorf("slot %d ran %d attempts of %d", i, n, batches)
			}
		}
		w.mu.Lock()
		idle := len(w.crew.idle)
		w.mu.Unlock()
		if idle > slots+1 {
			t.Errorf("%d runners for %d slots", idle, slots)
		}
		w.end(t)
	})
}

// When the worker ends, what runs is stopped, and what is in line is not started; both are over.
func TestCrewEnds(t *testing.T) {
	const slots = 2
	for name, running := range map[string]int{"in line": 0, "running": slots} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := crewOf(t, slots)
				var stopped atomic.Int32
				h := func(ctx context.Context, _ Task) ([]byte, error) {
					<-ctx.Done()
					stopped.Add(1)
					return nil, ctx.Err()
				}
				all := upTo(slots)
				w.launch(h, all[:running]...)
				synctest.Wait()
				w.mu.Lock()
				w.inLine(h, all[running:]...)
				w.crew.close()
				w.mu.Unlock()
				w.ended(t)
				if n := int(stopped.Load()); n != running {
					t.Errorf("%d attempts were stopped, want %d", n, running)
				}
				for i, s := range w.slots {
					if s.current != nil {
						t.Errorf("slot %d still has its attempt", i)
					}
				}
			})
		})
	}
}
