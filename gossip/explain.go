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

// explainedJoin is explained of a node that was asked to let this one join.
func explainedJoin(text string) string {
	for _, hungUp := range []string{"EOF", "connection reset by peer", "broken pipe"} { // which one depends on what it has read by then
		if strings.HasSuffix(text, hungUp) {
			return text + " (the other side hung up: is it of another fleet, or has another key?)"
		}
	}
	return explained(text)
}
