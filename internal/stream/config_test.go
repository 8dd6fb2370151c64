package stream

import (
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	want := Config{
		MaxMessageBytes: DefaultMaxMessageBytes, MaxOutBytes: DefaultMaxOutBytes, BeatInterval: DefaultBeatInterval,
		Lease: DefaultLease, HandshakeTimeout: DefaultHandshakeTimeout,
	}
	got := Config{}.withDefaults()
	if got.MaxMessageBytes != want.MaxMessageBytes || got.MaxOutBytes != want.MaxOutBytes || got.BeatInterval != want.BeatInterval ||
		got.Lease != want.Lease || got.HandshakeTimeout != want.HandshakeTimeout {
		t.Errorf("got %+v, want %+v", got, want)
	}
	low := Config{MaxMessageBytes: 1, MaxOutBytes: 1, BeatInterval: 1, Lease: -5}.withDefaults()
	if low.MaxMessageBytes != MaxBody || low.MaxOutBytes != MaxBody+MaxFrame || low.BeatInterval != time.Millisecond || low.Lease != -5 {
		t.Errorf("too little becomes %+v", low)
	}
	// One message of the largest size can always be sent.
	high := Config{MaxMessageBytes: 1 << 40}.withDefaults()
	if high.MaxMessageBytes != 1<<30 || high.MaxOutBytes < high.MaxMessageBytes {
		t.Errorf("too much becomes %+v", high)
	}
}
