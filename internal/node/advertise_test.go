package node

import "testing"

// Others are told where a node is reached: HTTP and gossip each, on the bound port unless another one is named.
func TestAdvertise(t *testing.T) {
	for _, c := range []struct{ advertise, ofGossip, http, gossip string }{
		{"", "", "127.0.0.1:7070", ""},
		{"203.0.113.7", "", "203.0.113.7:7070", "203.0.113.7:0"},
		{"203.0.113.7:80", "", "203.0.113.7:80", "203.0.113.7:0"},
		{"node.example:80", "198.51.100.1:79", "node.example:80", "198.51.100.1:79"},
		{"", "198.51.100.1", "127.0.0.1:7070", "198.51.100.1:0"},
		{"::1", "[::2]:5", "[::1]:7070", "[::2]:5"},
	} {
		cfg := Config{Advertise: c.advertise, AdvertiseGossip: c.ofGossip}
		http, err := cfg.reachable("127.0.0.1:7070")
		if http != c.http || err != nil {
			t.Errorf("%+v: http %s, %v", c, http, err)
		}
		gossip, err := cfg.advertisedGossip()
		if gossip != c.gossip || err != nil {
			t.Errorf("%+v: gossip %s, %v", c, gossip, err)
		}
	}
	for _, cfg := range []Config{{Advertise: "0.0.0.0"}, {AdvertiseGossip: "::"}} {
		_, err := cfg.reachable("127.0.0.1:7070")
		_, other := cfg.advertisedGossip()
		if err == nil && other == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
