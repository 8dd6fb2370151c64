package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/pprof"
	"strconv"
	"syscall"
	"time"
)

// process is a node in a process of its own.
type process struct {
	cmd          *exec.Cmd
	http, gossip string
}

// spawn starts this program again as a node, and waits until it says where it listens.
func (o *options) spawn(ctx context.Context, role string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args = append([]string{"-role", role, "-policy", o.policy.String(), "-slots", strconv.Itoa(o.slots), "-profile", o.profile}, args...)
	cmd := exec.CommandContext(ctx, self, args...) //nolint:gosec // itself
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd}
	if _, err := fmt.Fscan(bufio.NewReader(out), &p.http, &p.gossip); err != nil {
		return nil, errors.Join(fmt.Errorf("the %s did not start: %w", role, err), p.stop())
	}
	return p, nil
}

// stop ends the process by its own id and waits for it.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.cmd.Wait()
}

// startProfile writes a CPU profile until the returned function is called.
func startProfile(prefix, role string) (func(), error) {
	if prefix == "" {
		return func() {}, nil
	}
	role = cmp.Or(role, "client")
	if role != "client" && role != "scheduler" {
		role += strconv.Itoa(os.Getpid()) // there may be several
	}
	f, err := os.Create(prefix + role + ".prof") //nolint:gosec // the user names it
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // a profile that is cut short says so when it is read
	}, nil
}
