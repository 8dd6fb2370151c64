//go:build !linux

package main

import (
	"context"
	"errors"
)

// errNotLinux is why CPUs are not throttled elsewhere.
var errNotLinux = errors.New("control groups need Linux")

type cpuGroup struct{}

func newCPUGroup(string, float64) (*cpuGroup, error) { return nil, errNotLinux }

func (g *cpuGroup) add(int) error { return errNotLinux }

func (g *cpuGroup) remove() error { return errNotLinux }

func sweepCPUGroups() error { return nil }

func cpuGroupsWork() error { return errNotLinux }

func asRootOfOwn(context.Context, []string) (bool, error) { return false, nil }
