package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"

	"dunnock/internal/command"
)

// ownNamespace in the environment says that this process is root of a user namespace of its own.
const ownNamespace = "CHAOS_OWN_NAMESPACE"

// asRootOfOwn runs the harness again as root of a user namespace of its own, if this process is nobody's root: there it
// may make networks, where the machine allows such namespaces at all. done is false if there is no need for it, or no
// way: then whoever tries on finds out why.
func asRootOfOwn(ctx context.Context, args []string) (done bool, err error) {
	if os.Geteuid() == 0 || os.Getenv(ownNamespace) != "" {
		return false, nil
	}
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, self, args...) //nolint:gosec // itself
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	cmd.Env = append(os.Environ(), ownNamespace+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
		Setpgid:     true, // we tell it of a Ctrl-C
	}
	if err := cmd.Start(); err != nil {
		return false, nil //nolint:nilerr // no such namespaces here; the reason why no network can be made says more
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return true, &command.ExitError{Code: exit.ExitCode()}
	}
	return true, err
}
