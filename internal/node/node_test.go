package node_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"dunnock/gossip/view"
	"dunnock/internal/node"
	"dunnock/probe"
	"dunnock/task"
)

// alone is a membership without anybody else.
type alone struct{ announced []view.State }

func (*alone) View() *view.View                   { return view.New() }
func (*alone) Changed(*view.View) <-chan struct{} { return nil }
func (a *alone) SetState(s view.State) error      { a.announced = append(a.announced, s); return nil }

func open(t *testing.T, cfg node.Config) (*node.Node, error) {
	t.Helper()
	cfg.Role, cfg.Logger = probe.RoleScheduler, slog.New(slog.DiscardHandler)
	cfg.Members = &alone{}
	n, err := node.Open(cfg)
	if err == nil {
		t.Cleanup(func() { _ = n.Listener.Close() })
	}
	return n, err
}

// Only a loopback address is taken without being asked twice.
func TestOpenRefusesPublicAddresses(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:0": "--insecure", "[::]:0": "--insecure", ":0": "--insecure", "192.0.2.1:80": "--insecure", "example.org:80": "--insecure",
		"127.0.0.1": "want host:port", "nonsense": "want host:port",
	} {
		if _, err := open(t, node.Config{HTTP: addr}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", addr, err, want)
		}
	}
	for _, cfg := range []node.Config{{HTTP: "127.0.0.1:0"}, {HTTP: "localhost:0"}, {}, {HTTP: "0.0.0.0:0", Insecure: true}} {
		n, err := open(t, cfg)
		if err != nil {
			t.Fatalf("%q: %v", cfg.HTTP, err)
		}
		if !probe.ValidNodeName(n.Name) || n.Incarnation == 0 || n.Fleet != "dunnock" || strings.HasSuffix(n.Ready().HTTP, ":0") {
			t.Errorf("defaults: %+v", n)
		}
	}
}

func TestOpenNamesThePortInUse(t *testing.T) {
	first, err := open(t, node.Config{})
	if err != nil {
		t.Fatal(err)
	}
	addr := first.Ready().HTTP
	if _, err := open(t, node.Config{HTTP: addr}); err == nil || !strings.Contains(err.Error(), addr+" is in use") {
		t.Errorf("got %v", err)
	}
	if _, err := open(t, node.Config{Name: "No Such"}); err == nil || !strings.HasPrefix(err.Error(), "name:") {
		t.Errorf("got %v", err)
	}
}

// A server whose life is over before it has begun ends all the same: fasthttp's own shutdown
// does nothing as long as the server does not serve.
func TestStopBeforeServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			n, err := node.Open(node.Config{
				Role: probe.RoleWorker, Logger: slog.New(slog.DiscardHandler), Members: &alone{}, Listener: fasthttputil.NewInmemoryListener(),
			})
			if err != nil {
				t.Fatal(err)
			}
			s := node.NewServer(n, metrics.NewSet(), 1<<10, func(*fasthttp.RequestCtx) bool { return false })
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = s.Run(ctx) // its listener was closed under it, which it may say
		}
		time.Sleep(11 * time.Second) // fasthttp's pool of workers looks every 10 s whether its server has ended
	})
}

// A node goes through its phases once, and the drain is announced before anyone can act on it.
func TestPhases(t *testing.T) {
	members := &alone{}
	n, err := node.Open(node.Config{
		Role: probe.RoleWorker, Logger: slog.New(slog.DiscardHandler), Members: members, Listener: fasthttputil.NewInmemoryListener(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := node.NewServer(n, metrics.NewSet(), 1<<10, func(*fasthttp.RequestCtx) bool { return false })
	if s.Phase() != node.Starting || s.Draining() {
		t.Error("not starting")
	}
	s.Ready()
	if s.Phase() != node.Active {
		t.Error("not active")
	}
	s.Drain()
	s.Drain()
	s.Ready() // too late
	<-s.Drained()
	if s.Phase() != node.Draining || len(members.announced) != 1 || members.announced[0] != view.Draining {
		t.Errorf("phase %d, announced %v", s.Phase(), members.announced)
	}
}

// Every refusal has a status of its own kind: what the user can mend, what is for later, and what is our fault.
func TestStatus(t *testing.T) {
	for code, want := range map[task.Code]int{
		task.CodeInvalidJob: 400, task.CodeUnsupported: 400, task.CodeNotFound: 404, task.CodeMethod: 405, task.CodeConflict: 409, task.CodeTooLarge: 413,
		task.CodeUnknownApp: 422, task.CodeUnsatisfiable: 422, task.CodeOverloaded: 429, task.CodeNoWorkers: 503, task.CodeDraining: 503, task.CodeInternal: 500,
	} {
		if got := node.Status(code); got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
}
