package lab_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"dunnock/internal/chaos/lab"
)

const echoEnv = "DUNNOCK_LAB_ECHO"

// TestMain is also the process that the tests start on hosts: a server that returns each line.
func TestMain(m *testing.M) {
	if addr := os.Getenv(echoEnv); addr != "" {
		fmt.Println(echo(addr))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func newLab(t *testing.T) *lab.Lab {
	t.Helper()
	l, err := lab.New(1)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EACCES) {
		t.Skipf("this machine makes no networks for us: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// server starts the echo server on a host and returns its address.
func server(t *testing.T, h *lab.Host) string {
	t.Helper()
	addr := netip.AddrPortFrom(h.Addr, 7070).String()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), echoEnv+"="+addr)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the server said %q, %v", line, err)
	}
	return addr
}

// say sends a line over a connection and waits for it to come back, for as long as given.
func say(c io.ReadWriter, wait func(time.Time) error, line string, limit time.Duration) error {
	if err := wait(time.Now().Add(limit)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c, line); err != nil {
		return err
	}
	buf := make([]byte, len(line)+1)
	if _, err := io.ReadFull(c, buf); err != nil {
		return err
	}
	if got := strings.TrimSpace(string(buf)); got != line {
		return fmt.Errorf("sent %q, got %q", line, got)
	}
	return nil
}

const (
	long  = 10 * time.Second       // for what must come
	short = 200 * time.Millisecond // for what must not: more would only take longer
)

func TestLab(t *testing.T) {
	l := newLab(t)
	a, err := l.Host("a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Host("b")
	if err != nil {
		t.Fatal(err)
	}
	addr := server(t, b)
	dial := func() (func(string, time.Duration) error, func()) {
		t.Helper()
		c, err := a.Dial(context.Background(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		return func(line string, limit time.Duration) error { return say(c, c.SetDeadline, line, limit) }, func() { _ = c.Close() }
	}

	talk, hangUp := dial()
	if err := talk("over a healthy line", long); err != nil {
		t.Fatal(err)
	}

	// One way: what b sends is lost, and nobody is told. After healing, TCP goes on.
	cut := l.Apply(lab.Rule{From: []netip.Addr{b.Addr}, To: []netip.Addr{a.Addr}, Drop: 1})
	if err := talk("into the dark", short); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("through a partition: %v", err)
	}
	if cut.Dropped() == 0 {
		t.Error("nothing was dropped")
	}
	cut.Lift()
	hangUp()

	// Half open: this connection is dead and neither end knows; a new one works.
	talk, hangUp = dial()
	if err := talk("before", long); err != nil {
		t.Fatal(err)
	}
	half := l.Apply(lab.Rule{From: []netip.Addr{a.Addr}, To: []netip.Addr{b.Addr}, Established: true})
	if err := talk("half open", short); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("over a connection that is half open: %v", err)
	}
	if _, again := half.Reopened(); again {
		t.Error("a new connection was seen where there was none")
	}
	fresh, hangUpFresh := dial()
	if err := fresh("anew", long); err != nil {
		t.Errorf("over a new connection: %v", err)
	}
	if _, again := half.Reopened(); !again {
		t.Error("the new connection was not seen")
	}
	half.Lift()
	hangUp()
	hangUpFresh()

	// A bad line: everything late, out of order, some of it twice or not at all. TCP sorts it out.
	bad := l.Apply(lab.Rule{Delay: time.Millisecond, Jitter: 5 * time.Millisecond, Drop: 0.02, Duplicate: 0.2})
	talk, hangUp = dial()
	for i := range 20 {
		if err := talk(strings.Repeat("x", 5000+i), long); err != nil {
			t.Fatal(err)
		}
	}
	bad.Lift()
	hangUp()
}

func TestHostsAreApart(t *testing.T) {
	l := newLab(t)
	a, err := l.Host("a")
	if err != nil {
		t.Fatal(err)
	}
	server(t, a)
	b, err := l.Host("b")
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.Dial(t.Context(), "tcp", netip.AddrPortFrom(b.Addr, 7070).String())
	if err == nil {
		c.Close()
		t.Error("a server on one host answers on another")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("want a refused connection, got %v", err)
	}
}
