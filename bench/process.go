package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// startTimeout is how long a process has to say that it is ready, and to find the others, endTimeout to end: on a busy
// machine too.
const (
	startTimeout = time.Minute
	endTimeout   = time.Minute
)

// process is a role of a run, played by this program started again.
type process struct {
	role string
	cmd  *exec.Cmd
	out  *bufio.Reader
	addr string
}

// spawn starts a role. It ends with this process whatever becomes of that.
func spawn(s *setup) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, roleFlag) //nolint:gosec,noctx // itself; end ends it
	cmd.Env = append(os.Environ(), roleVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	// The kernel sends it when the thread that starts the process ends: runs have one that does not.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{role: s.Role, cmd: cmd, out: bufio.NewReader(out)}, nil
}

// ready waits until the process says where it listens.
func (p *process) ready(ctx context.Context) error {
	line, err := p.line(ctx, startTimeout)
	if err != nil {
		return fmt.Errorf("the %s did not start: %w", p.role, err)
	}
	p.addr = strings.TrimSpace(line)
	return nil
}

// line reads a line of its output. When that takes too long the process is killed.
func (p *process) line(ctx context.Context, patience time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = p.cmd.Process.Kill() }) // it may have ended
	defer stop()
	line, err := p.out.ReadString('\n')
	if ctx.Err() != nil {
		return "", fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
	if errors.Is(err, io.EOF) {
		return "", errors.New("it ended")
	}
	return line, err
}

// end ends the process by its own id and waits for it.
func (p *process) end() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	killer := time.AfterFunc(endTimeout, func() { _ = p.cmd.Process.Kill() })
	defer killer.Stop()
	_, _ = io.Copy(io.Discard, p.out) // until it is closed
	err := p.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGTERM {
			return nil
		}
		return fmt.Errorf("the %s ended with: %w", p.role, err)
	}
	return err
}
