package gossip

import (
	"strings"
	"testing"
)

// Two nodes that cannot understand each other both say why: memberlist's words alone do not name what is configured.
func TestExplained(t *testing.T) {
	one, other := []byte(strings.Repeat("a", KeyBytes)), []byte(strings.Repeat("b", KeyBytes))
	for _, c := range []struct {
		name            string
		first, second   Config
		ofFirst, joiner string
	}{
		{"only the first has a key", Config{Key: one}, Config{}, "this node has a gossip key, and the other side has none", "the other side has a gossip key, and this node has none"},
		{"only the joiner has a key", Config{}, Config{Key: one}, "the other side has a gossip key, and this node has none", "this node has a gossip key, and the other side has none"},
		{"they have different keys", Config{Key: one}, Config{Key: other}, "the other side has another gossip key", "the other side has another gossip key"},
		{"different fleets", Config{Fleet: "a"}, Config{Fleet: "b"}, "the other side is of another fleet", "is it of another fleet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.first.Name, c.second.Name = "first", "second"
			first := onLoopback(t, c.first)
			c.second.Join = []string{first.Addr()}
			second := onLoopback(t, c.second)
			for _, w := range []struct {
				of   *loop
				want string
			}{{first, c.ofFirst}, {second, c.joiner}} {
				if w.of.logs.says(w.of.ctx, w.want) != nil {
					t.Errorf("nobody says %q: %q, %q", w.want, w.of.logs.all(), w.of.logs.faults)
				}
			}
		})
	}
}
