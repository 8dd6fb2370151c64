//go:build !linux

package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"time"
)

// errNotLinux is why there is no lab elsewhere.
var errNotLinux = errors.New("network namespaces need Linux")

// Lab is a private network, on Linux.
type Lab struct{}

// Host is one network namespace, on Linux.
type Host struct {
	Name string
	Addr netip.Addr
}

// New says that there is none here.
func New(uint64) (*Lab, error) { return nil, errNotLinux }

// Close does nothing.
func (l *Lab) Close() error { return nil }

// Host returns an error.
func (l *Lab) Host(string) (*Host, error) { return nil, errNotLinux }

// Start returns an error.
func (h *Host) Start(*exec.Cmd) error { return errNotLinux }

// Dial returns an error.
func (h *Host) Dial(context.Context, string, string) (net.Conn, error) { return nil, errNotLinux }

// Applied is a rule in force, on Linux.
type Applied struct{}

// Apply does nothing.
func (l *Lab) Apply(Rule) *Applied { return &Applied{} }

// Lift does nothing.
func (a *Applied) Lift() {}

// Dropped is 0.
func (a *Applied) Dropped() uint64 { return 0 }

// Reopened is never.
func (a *Applied) Reopened() (time.Time, bool) { return time.Time{}, false }
