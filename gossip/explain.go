package gossip

import "strings"

// explained adds to what memberlist says of a peer that it cannot understand what an operator is to look at.
func explained(text string) string {
	for _, h := range []struct{ said, means string }{
		{"remote state is encrypted and encryption is not configured", "the other side has a gossip key, and this node has none"},
		{"encryption is configured but remote state is not encrypted", "this node has a gossip key, and the other side has none"},
		{"no installed keys could decrypt the message", "the other side has another gossip key"},
		{"with unacceptable label", "the other side is of another fleet"},
	} {
		if strings.Contains(text, h.said) {
			return text + " (" + h.means + ")"
		}
	}
	return text
}
