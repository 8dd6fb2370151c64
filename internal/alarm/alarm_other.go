//go:build !linux

package alarm

import (
	"context"
	"errors"
	"time"
)

// Clock is not to be had outside Linux: sleeps are as precise as package time.
type Clock struct{}

// New returns no clock.
func New() (*Clock, error) { return nil, errors.ErrUnsupported }

// Now is never called.
func (c *Clock) Now() time.Duration { return 0 }

// Set is never called.
func (c *Clock) Set(time.Duration) {}

// Wait is never called.
func (c *Clock) Wait() bool { return false }

// SleepUntil is never called.
func (c *Clock) SleepUntil(context.Context, time.Duration) {}

// Close is never called.
func (c *Clock) Close() {}
