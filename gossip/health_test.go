package gossip

import (
	"context"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"dunnock/gossip/view"
	"dunnock/probe"
)

func TestHTTPLive(t *testing.T) {
	m := view.Member{Name: "w1", Role: probe.RoleWorker, Incarnation: 0x192f3a4b5c6d7e8}
	right := map[string]any{"role": "worker", "name": "w1", "incarnation": "0192f3a4b5c6d7e8", "status": "ok", "slots": 4}
	but := func(key string, value any) map[string]any {
		other := maps.Clone(right)
		other[key] = value
		return other
	}
	for name, c := range map[string]struct {
		answer any
		live   bool
	}{
		"itself":              {right, true},
		"another life":        {but("incarnation", "0192f3a4b5c6d7e9"), false},
		"another name":        {but("name", "w2"), false},
		"another role":        {but("role", "scheduler"), false},
		"another type":        {but("incarnation", 7), false},
		"another JSON":        {[]int{1}, false},
		"more than is read":   {but("status", strings.Repeat("x", maxHealthBytes)), false},
		"no word of its name": {map[string]any{}, false},
	} {
		m.Addr = healthServer(t, func() any { return c.answer })
		if got := HTTPLive(t.Context(), m); got != c.live {
			t.Errorf("%s: %t", name, got)
		}
	}
	m.Addr = "127.0.0.1:1"
	if HTTPLive(t.Context(), m) {
		t.Error("nobody is live")
	}
}

// One that takes the connection and says nothing is given up when ctx ends.
func TestHTTPLiveOfASilentOne(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if HTTPLive(ctx, view.Member{Name: "w1", Role: probe.RoleWorker, Incarnation: 1, Addr: silent.Addr().String()}) {
		t.Error("silence is no life")
	}
	if ctx.Err() == nil {
		t.Error("it did not wait for an answer")
	}
}
