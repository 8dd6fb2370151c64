//go:build !linux

package loadgen

import (
	"errors"
	"syscall"
	"time"
)

func localProcess() *syscall.SysProcAttr { return nil }

func cpuOf(int) (time.Duration, error) { return 0, errors.ErrUnsupported }
