package loadgen

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// localProcess keeps Ctrl-C, which goes to a terminal's whole group of processes, from a local fleet, and has the
// system end the fleet when this process ends without a chance to.
func localProcess() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// clockTick is the unit of /proc/PID/stat: 100 a second on every Linux.
const clockTick = 10 * time.Millisecond

// cpuOf returns the processor time that a process has used.
func cpuOf(pid int) (time.Duration, error) {
	name := fmt.Sprintf("/proc/%d/stat", pid)
	stat, err := os.ReadFile(name) //nolint:gosec // a number
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s: unexpected form", name)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	sys, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+sys) * clockTick, errors.Join(err1, err2)
}
