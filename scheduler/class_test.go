package scheduler

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"dunnock/gossip/view"
	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/task"
)

// reserved returns the bytes that a worker of a discipline gets from its scheduler for a job of two tasks, after the
// handshake.
func reserved(t *testing.T, discipline string) []byte {
	t.Helper()
	s, err := New(Config{Name: "s1", Listener: fasthttputil.NewInmemoryListener(), Members: nobody{}, Logger: slog.New(slog.DiscardHandler), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	l := newLink(s, view.Member{Name: "w1", Incarnation: 1})
	l.conn, l.overdue = stream.New(near, nil, stream.Config{}), stopped()
	hello := probe.Hello{
		Version: probe.Version, Role: probe.RoleWorker, Name: "w1", Incarnation: 1, Fleet: "dunnock", Slots: 2, Apps: []string{"a"}, Discipline: discipline,
	}
	if err := l.Message(uint8(probe.KindHello), probe.AppendHello(nil, &hello)); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	l.turn.effects = s.core.WorkerResume(s.clock.Now(), l.id, l.turn.effects) // membership knows nobody here
	s.exit(s.clock.Now(), &l.turn)
	spec := task.Job{App: "a", User: "org/ann", Priority: -7, Estimate: time.Hour, Deadline: time.Minute, ProbeRatio: 1, Tasks: make([]task.Task, 2)}
	if err := s.submit(&l.turn, spec, func(*job, bool) {}); err != nil {
		t.Fatal(err)
	}
	got := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(far)
		got <- b
	}()
	ended := make(chan error)
	go func() { ended <- l.conn.Run(t.Context(), mute{}) }()
	l.conn.Flush()
	l.conn.Close(nil) // delivers first
	<-ended
	s.clock.Stop()
	return <-got
}

// mute hears nothing.
type mute struct{}

func (mute) Message(uint8, []byte) error { return nil }
func (mute) Flush()                      {}

// TestReserveNamesClass sends reservations to workers of several disciplines: those that are first in, first out get
// what they got before there were others, and the others what they go by.
func TestReserveNamesClass(t *testing.T) {
	plain := reserved(t, "")
	if !bytes.Equal(reserved(t, "fifo"), plain) || bytes.Contains(plain, []byte("org/ann")) {
		t.Errorf("fifo: %q, without a discipline: %q", reserved(t, "fifo"), plain)
	}
	for _, d := range []string{"fair", "priority", "edf", "srpt", "of tomorrow"} {
		b := reserved(t, d)
		if !bytes.Contains(b, []byte("\x07org/ann\x0d")) { // priority −7, zigzag
			t.Fatalf("%s: %q", d, b)
		}
		class := classIn(b)
		if class.Priority != -7 || class.Work != 2*time.Hour || class.Deadline <= 0 || class.Deadline > time.Minute {
			t.Errorf("%s: %+v", d, class)
		}
	}
}

// classIn returns the class of the reservation of two that lies somewhere in a stream of frames.
func classIn(b []byte) (class probe.Class) {
	for from := range b {
		for to := from; to <= len(b); to++ {
			if m, err := probe.DecodeClassedReserve(b[from:to], &class); err == nil && m.Count == 2 && string(class.User) == "org/ann" {
				return class
			}
		}
	}
	return probe.Class{}
}
