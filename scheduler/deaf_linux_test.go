package scheduler

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"dunnock/gossip/view"
	"dunnock/internal/deaf"
	"dunnock/internal/stream"
	"dunnock/task"
)

// A client that waits over plain HTTP and whose machine is gone, or cut off, is found out though its connection does
// not end: its job is given up. One that only does not read is not taken for that.
func TestDeafReader(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	members := noted{looks: make(chan struct{}, 2)}
	s, err := New(Config{Name: "s1", Listener: listener, Members: members, Logger: slog.New(slog.DiscardHandler), ClientGrace: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	<-members.looks // those who keep the connections to workers, and those to schedulers
	<-members.looks
	c := &chatter{s: s, rng: rand.New(rand.NewPCG(1, 1))}
	if err := c.connectWorker(); err != nil {
		t.Fatal(err)
	}
	submit := func(id byte) (net.Conn, *job) {
		nc, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf(`{"app":"a","id":"%02x%s","tasks":[{}]}`, id, strings.Repeat("0", 30))
		fmt.Fprintf(nc, "POST /v1/jobs?wait=true HTTP/1.1\r\nHost: s1\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		if status, err := bufio.NewReader(nc).ReadString('\n'); err != nil || !strings.Contains(status, " 200 ") {
			t.Fatalf("%q, %v", status, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return nc, s.byID[task.JobID{id}]
	}
	idle, kept := submit(1)
	gone, lost := submit(2)
	deaf.Make(t, gone)
	outcome := func(j *job) task.Outcome {
		s.mu.Lock()
		defer s.mu.Unlock()
		return j.outcome
	}
	for outcome(lost) == 0 {
		if ctx.Err() != nil {
			t.Fatal("the test ends")
		}
		time.Sleep(10 * time.Millisecond) // real time: it is the kernel that notices
	}
	if outcome(lost) != task.Cancelled || outcome(kept) != 0 {
		t.Errorf("the job of the one that is gone is %v, that of the one that does not read %v", outcome(lost), outcome(kept))
	}
	_, _ = idle.Close(), gone.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Who has stood still does not wait for ever to hear whether a client is there.
func TestProofHasATime(t *testing.T) {
	near := deaf.Dial(t)
	es := newEventStream(nil, nil)
	// Waits double from 1 ms, so that its time is over at the fifth look at the latest.
	looked := &lookedAt{TCPConn: near, most: 10, over: make(chan struct{})}
	es.out, es.patience = eventWriter{conn: looked, w: bufio.NewWriter(near)}, 10*time.Millisecond
	if err := es.prove(looked.over, nil); !errors.Is(err, errReaderStopped) {
		t.Errorf("got %v", err)
	}
}

// lookedAt is a connection that says when it was looked at too often.
type lookedAt struct {
	*net.TCPConn
	looks, most int
	over        chan struct{}
}

func (l *lookedAt) NetConn() net.Conn {
	if l.looks++; l.looks == l.most {
		close(l.over)
	}
	return l.TCPConn
}

// Who listens for a client finds out that its machine acknowledges nothing, whatever the system makes of that, at the
// second look at the latest.
func TestListenFindsOutWhoIsGone(t *testing.T) {
	near := deaf.Dial(t)
	s := &Scheduler{cfg: Config{Stream: stream.Config{BeatInterval: 10 * time.Millisecond, Lease: 20 * time.Millisecond}}}
	if _, err := near.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	says := &silence{raw: near, bound: 10 * time.Millisecond}
	s.listen(says, near)
	if says.looks > 2 {
		t.Errorf("it was listened to %d times though it had acknowledged nothing for too long", says.looks)
	}
}

// silence is the other end of a connection: it says nothing. Each read of it is over at once.
type silence struct {
	net.Conn
	raw   net.Conn
	bound time.Duration
	looks int // since it had acknowledged nothing for longer than the bound
}

func (s *silence) SetReadDeadline(time.Time) error { return nil }

func (s *silence) Read([]byte) (int, error) {
	if stream.Owing(s.raw) > s.bound {
		s.looks++
	}
	if s.looks > 2 {
		return 0, io.EOF
	}
	return 0, os.ErrDeadlineExceeded
}

// noted is an empty membership that tells of each one that has looked at it and waits for a change: who keeps the
// connections to workers has taken those out of sampling by then that membership does not know.
type noted struct {
	nobody
	looks chan struct{}
}

func (n noted) Changed(*view.View) <-chan struct{} {
	n.looks <- struct{}{}
	return nil
}
