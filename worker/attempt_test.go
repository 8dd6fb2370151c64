package worker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// The attempt is a context like the library's, before and after its end.
func TestAttemptIsAContext(t *testing.T) {
	end := time.Now().Add(time.Hour)
	for name, askFirst := range map[string]bool{"Done asked before the end": true, "Done asked after it": false} {
		t.Run(name, func(t *testing.T) {
			a := &attemptContext{deadline: end}
			if d, ok := a.Deadline(); !ok || !d.Equal(end) || a.Err() != nil || a.Value("key") != nil {
				t.Fatal("a running attempt looks ended")
			}
			var early <-chan struct{}
			if askFirst {
				early = a.Done()
			}
			child, cancel := context.WithCancel(a)
			defer cancel()
			a.stop(endingOf(probe.StatusTimeout))
			a.stop(endingOf(probe.StatusKilled)) // the first reason stands
			<-a.Done()
			if early != nil {
				<-early
			}
			<-child.Done()
			if !errors.Is(a.Err(), context.DeadlineExceeded) || !errors.Is(child.Err(), context.DeadlineExceeded) {
				t.Fatalf("got %v and %v", a.Err(), child.Err())
			}
		})
	}
}

// An attempt that has ended is used for the next, but for its context: who held on to that sees what was, and nothing
// of the next.
func TestAttemptsAreUsedAgain(t *testing.T) {
	var p attempts
	var held []*attemptContext
	seen := make(map[*attempt]bool)
	for range 3 * contextsAtOnce {
		a := p.take()
		if a.Err() != nil || a.task.Payload != nil {
			t.Fatalf("a new attempt: %v, %+v", a.Err(), a.task)
		}
		seen[a], held = true, append(held, a.attemptContext)
		a.task.Payload = []byte("payload")
		a.stop(timedOut)
		p.giveBack(a)
		if a.task.Payload != nil {
			t.Fatal("the payload is held on to")
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d attempts, one at a time, took the memory of %d", len(held), len(seen))
	}
	next := p.take()
	next.stop(cancelled)
	for _, c := range held {
		if c == next.attemptContext || !errors.Is(c.Err(), context.DeadlineExceeded) {
			t.Fatalf("a context that somebody holds on to is the next attempt's, or ended with %v", c.Err())
		}
	}
}

// What was stopped before a runner came to it is not started.
func TestStoppedInLine(t *testing.T) {
	starts := 0
	a := &attempt{attemptContext: &attemptContext{}, handler: func(context.Context, Task) ([]byte, error) { starts++; return nil, nil }}
	w := &Worker{}
	if end := w.invoke(a); starts != 1 || end.Status != probe.StatusOK {
		t.Fatalf("%d starts, %v", starts, end.Status)
	}
	a.stop(endingOf(probe.StatusKilled))
	if end := w.invoke(a); starts != 1 || end.Status != probe.StatusFailed {
		t.Errorf("%d starts, %v", starts, end.Status)
	}
}

func TestOutcome(t *testing.T) {
	w, err := New(Config{Name: "w1", Slots: 1, MaxResultBytes: 10, Apps: map[string]Handler{"echo": func(context.Context, Task) ([]byte, error) { return nil, nil }}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.node.Listener.Close() }()
	own := task.Errorf(task.CodeAppFailed, "exit status 3")
	own.Detail = "tail of standard error"
	for name, test := range map[string]struct {
		value  []byte
		err    error
		status probe.Status
		code   task.Code
		detail string
	}{
		"value":             {value: []byte("0123456789"), status: probe.StatusOK},
		"error":             {err: errors.New("no"), status: probe.StatusFailed, code: task.CodeAppFailed},
		"own error":         {err: own, status: probe.StatusFailed, code: task.CodeAppFailed, detail: own.Detail},
		"permanent":         {err: Permanent(errors.New("never")), status: probe.StatusPermanent, code: task.CodePermanent},
		"own and permanent": {err: Permanent(own), status: probe.StatusPermanent, code: task.CodeAppFailed, detail: own.Detail},
		"nil *task.Error":   {err: (*task.Error)(nil), status: probe.StatusFailed, code: task.CodeAppFailed},
		"no code":           {err: &task.Error{Message: "no"}, status: probe.StatusFailed, code: task.CodeAppFailed},
		"code too long":     {err: task.Errorf(task.Code(strings.Repeat("c", 64)), "no"), status: probe.StatusFailed, code: task.CodeAppFailed},
		"two lines":         {err: errors.New("a\nb"), status: probe.StatusFailed, code: task.CodeAppFailed, detail: "a\nb"},
		"too large":         {value: make([]byte, 11), status: probe.StatusPermanent, code: task.CodeResultTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.outcome(&attempt{app: "echo"}, test.value, test.err)
			if got.Status != test.status {
				t.Fatalf("status %d", got.Status)
			}
			if test.status == probe.StatusOK {
				return
			}
			fault, err := probe.DecodeFault(got.Body)
			if err != nil || fault.Code != test.code || fault.Detail != test.detail || strings.Contains(fault.Message, "\n") || fault.Message == "" {
				t.Fatalf("got %+v, %v", fault, err)
			}
		})
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	err := Config{Name: "No", Slots: -1, Labels: map[string]string{"K": "v", "zone": "b"}, Zone: "a", GossipKey: []byte("short"), MaxResultBytes: 1 << 30}.Validate()
	for _, want := range []string{"name:", "slots:", "apps:", "labels:", "labels: zone=b, and the zone is a", "gossip key:", "max result bytes:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}
