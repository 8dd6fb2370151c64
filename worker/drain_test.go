package worker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker"
)

// deaf is the handler of a connection that says nothing.
type deaf struct{}

func (deaf) Message(uint8, []byte) error { return nil }
func (deaf) Flush()                      {}

// mute opens a fleet connection to a node and never says who it is, but for beats. The channel is closed when it has
// ended.
func mute(t *testing.T, f *fleettest.Fleet, n *fleettest.Node) <-chan struct{} {
	t.Helper()
	conn, err := stream.Dial(t.Context(), f.Dial, n.Addr, probe.StreamPath, nil, stream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = conn.Run(t.Context(), deaf{})
	}()
	return ended
}

// A drain ends although a connection is open that never got to its handshake.
func TestDrainWithAMuteConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t)
		defer f.Stop()
		s := f.Scheduler("s1", nil)
		w := f.Worker("w1", 1, map[string]worker.Handler{"echo": fleettest.Echo}, nil)
		synctest.Wait()
		for _, n := range []*fleettest.Node{s, w} {
			ended := mute(t, f, n)
			synctest.Wait()
			n.Drain()
			began := time.Now()
			if err := n.Wait(); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("the drain of %s took %v", n.Name, took)
			}
			<-ended
		}
	})
}

// A connection that does not get to its handshake is closed: it would hold its memory for ever.
func TestMuteConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t)
		defer f.Stop()
		s := f.Scheduler("s1", nil)
		w := f.Worker("w1", 1, map[string]worker.Handler{"echo": fleettest.Echo}, nil)
		for _, n := range []*fleettest.Node{s, w} {
			began := time.Now()
			<-mute(t, f, n)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%s held a mute connection for %v", n.Name, took)
			}
		}
	})
}

func echoJob(tasks int, payload string) task.Job {
	j := task.Job{App: "echo", Tasks: make([]task.Task, tasks)}
	for i := range j.Tasks {
		j.Tasks[i].Payload = []byte(payload)
	}
	return j
}
