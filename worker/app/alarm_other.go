//go:build !linux

package app

import (
	"errors"
	"time"
)

// alarm is not to be had outside Linux: sleeps are as precise as package time.
type alarm struct{}

func newAlarm() (*alarm, error)     { return nil, errors.ErrUnsupported }
func (a *alarm) now() time.Duration { return 0 }
func (a *alarm) set(time.Duration)  {}
func (a *alarm) wait() bool         { return false }
func (a *alarm) close()             {}
