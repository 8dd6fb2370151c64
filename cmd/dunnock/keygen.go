package main

import (
	crand "crypto/rand"
	"encoding/base64"
	"fmt"

	"dunnock/gossip"
)

type keygenCmd struct{}

// Help is shown above the flags.
func (*keygenCmd) Help() string {
	return `Prints 32 random bytes as base64. Give the same key to every scheduler and worker of the fleet, as DUNNOCK_GOSSIP_KEY or gossip-key in the configuration file.

Example:

    DUNNOCK_GOSSIP_KEY=$(dunnock keygen) dunnock scheduler`
}

// Run prints a key.
func (*keygenCmd) Run(p *process) error {
	key := make([]byte, gossip.KeyBytes)
	_, _ = crand.Read(key) // never fails
	_, err := fmt.Fprintln(p.stdout, base64.StdEncoding.EncodeToString(key))
	return err
}
