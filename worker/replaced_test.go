package worker

import (
	"context"
	"errors"
	"testing"

	"dunnock/probe"
)

// Nothing that lies unread on a connection is handled once the same scheduler has another: what it was told there
// presumes that.
func TestReplacedConnectionIsNotHandled(t *testing.T) {
	t.Parallel()
	w, err := New(Config{Name: "w", HTTP: "127.0.0.1:0", Gossip: "127.0.0.1:0", Apps: map[string]Handler{
		"app": func(context.Context, Task) ([]byte, error) { return nil, nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // which closes what New has opened
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = w.Run(ctx)
	})
	p := &peer{w: w, id: 1, gone: errReplaced}
	for kind, body := range map[probe.Kind][]byte{
		probe.KindLaunch:  probe.AppendLaunchHead(nil, &probe.Launch{Call: 1, Attempt: 1, Deadline: 1}),
		probe.KindReserve: probe.AppendReserve(nil, probe.Reserve{Ref: 1, Count: 1}),
	} {
		if err := p.Message(uint8(kind), body); !errors.Is(err, errReplaced) {
			t.Errorf("kind %d: got %v, want %v", kind, err, errReplaced)
		}
	}
}
