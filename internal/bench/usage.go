package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a process, or several, have had of the machine since they began.
type usage struct {
	cpu           time.Duration
	reads, writes uint64 // system calls
	switches      uint64 // of threads, those that have ended not included
}

func (u usage) add(v usage) usage {
	return usage{u.cpu + v.cpu, u.reads + v.reads, u.writes + v.writes, u.switches + v.switches}
}

func (u usage) sub(v usage) usage {
	return usage{u.cpu - v.cpu, u.reads - v.reads, u.writes - v.writes, u.switches - min(v.switches, u.switches)}
}

func readsOf(u usage) uint64    { return u.reads }
func writesOf(u usage) uint64   { return u.writes }
func switchesOf(u usage) uint64 { return u.switches }

// clockTick is the unit of /proc/PID/stat: 100 a second on every Linux.
const clockTick = 10 * time.Millisecond

// usageOf reads /proc, which costs the process nothing.
func usageOf(pid int) (usage, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat") //nolint:gosec // of /proc
	if err != nil {
		return usage{}, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return usage{}, fmt.Errorf("%s/stat: unexpected form", dir)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	sys, err2 := strconv.ParseInt(fields[12], 10, 64)
	u := usage{cpu: time.Duration(user+sys) * clockTick}
	io, err3 := os.ReadFile(dir + "/io") //nolint:gosec // of /proc
	u.reads, u.writes = field(io, "syscr:"), field(io, "syscw:")
	threads, err4 := filepath.Glob(dir + "/task/*/status")
	for _, t := range threads {
		status, err := os.ReadFile(t) //nolint:gosec // of /proc
		if err == nil {               // it may have ended just now
			u.switches += field(status, "voluntary_ctxt_switches:") + field(status, "nonvoluntary_ctxt_switches:")
		}
	}
	return u, errors.Join(err1, err2, err3, err4)
}

// field is the number behind a name at the beginning of a line; 0 if there is none.
func field(file []byte, name string) uint64 {
	for line := range strings.Lines(string(file)) {
		if value, found := strings.CutPrefix(line, name); found {
			n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}
