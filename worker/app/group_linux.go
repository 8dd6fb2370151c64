package app

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// processGroup is the process group that a command leads.
//
// A group's number is the process number of its leader and may be given to strangers once the leader has been waited
// for and the group is empty. So we learn of the leader's end without waiting for it in the system's sense (WNOWAIT),
// kill what is left of the group while the dead leader still holds the number, and never signal it again.
type processGroup struct {
	cmd *exec.Cmd

	mu    sync.Mutex // guards ended
	ended bool       // the leader is dead and the group was killed
}

// newProcessGroup is called before the command starts.
func newProcessGroup(cmd *exec.Cmd) *processGroup {
	g := &processGroup{cmd: cmd}
	// A command does not outlive its worker, also if that is killed: nobody would take its result, and another worker
	// starts the task again. The kernel goes by the thread that started it, and the runtime keeps its threads, but for
	// those of goroutines that end locked to one.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = g.kill
	return g
}

// kill is called by cmd when its context ends.
func (g *processGroup) kill() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return os.ErrProcessDone
	}
	return unix.Kill(-g.cmd.Process.Pid, unix.SIGKILL)
}

// awaitLeader returns when the command itself has ended, with its group killed.
// cmd.Wait has yet to be called.
func (g *processGroup) awaitLeader() {
	pid := g.cmd.Process.Pid
	var err error = unix.EINTR
	for errors.Is(err, unix.EINTR) {
		err = unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		_ = unix.Kill(-pid, unix.SIGKILL)
		g.ended = true
	}
}
