package app

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"dunnock/worker"
)

const (
	// permanentExit is the exit status by which a command says that another
	// attempt is no use: EX_DATAERR of sysexits.h, the input was wrong.
	permanentExit = 65
	// pipeGrace is how long output may still come in once the command has ended and its
	// process group is killed: only a process that left the group can hold the pipes open.
	pipeGrace = time.Second
)

// command is the app that runs a command for each attempt.
//
// The payload is its standard input, its standard output the result. Exit status 0 is success; 65 fails for good; any
// other, or a signal, fails the attempt. The error carries the last 4 KiB of standard error. The command runs in a
// process group of its own, and the whole group is killed when the attempt's context ends, when the output is over the
// limit and when the command itself has ended: nothing that it started there outlives the attempt.
type command struct {
	name      string // for messages: the first word's last part
	path      string
	args      []string // with args[0]
	maxResult int
}

// errOutputTooLarge ends the context that a command runs under.
var errOutputTooLarge = errors.New("output too large")

func newCommand(line string, maxResult int) (worker.Handler, error) {
	args, err := splitWords(line)
	if err != nil {
		return nil, err
	}
	if len(args) == 0 || args[0] == "" {
		return nil, errors.New("exec: names no command")
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return nil, errors.New("command not found: " + oneLine(err))
	}
	c := &command{name: filepath.Base(path), path: path, args: args, maxResult: maxResult}
	return c.handle, nil
}

func (c *command) handle(ctx context.Context, t worker.Task) ([]byte, error) {
	runCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	out := cappedBuffer{limit: c.maxResult, full: func() { stop(errOutputTooLarge) }}
	var stderr tailBuffer

	cmd := exec.CommandContext(runCtx, c.path) //nolint:gosec // the worker's own configuration names it, never a task
	cmd.Args = c.args
	cmd.Env = taskEnv(os.Environ(), t)
	cmd.Stdin = bytes.NewReader(t.Payload)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	cmd.WaitDelay = pipeGrace
	group := newProcessGroup(cmd)

	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, c.startError(err)
	}
	group.awaitLeader()
	err := cmd.Wait()
	switch {
	case out.over:
		return nil, resultTooLarge(c.name, c.maxResult)
	case cmd.ProcessState != nil && cmd.ProcessState.Success():
		// Whatever else went wrong (input that was not read, pipes held open by
		// others, a context that ended just now) the command says that it is done.
		return out.buf, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	default:
		return nil, c.exitError(err, cmd.ProcessState, stderr.text())
	}
}

// startError tells a command that cannot be run at all from a machine that
// cannot run one now.
func (c *command) startError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		return hopeless("command not found: "+oneLine(err), "")
	case errors.Is(err, fs.ErrPermission):
		return hopeless("command cannot be run: "+oneLine(err), "")
	default:
		return failed("command did not start: "+oneLine(err), "")
	}
}

func (c *command) exitError(err error, state *os.ProcessState, stderr string) error {
	if state == nil {
		return failed(c.name+": "+oneLine(err), stderr)
	}
	message := c.name + ": " + state.String() // "exit status 3", "signal: killed"
	if state.ExitCode() == permanentExit {
		return hopeless(message, stderr)
	}
	return failed(message, stderr)
}

// taskEnv adds what names the attempt to the environment, for idempotent output,
// in place of the worker's own settings.
func taskEnv(environ []string, t worker.Task) []string {
	env := make([]string, 0, len(environ)+5)
	for _, kv := range environ {
		if !strings.HasPrefix(kv, "DUNNOCK_") {
			env = append(env, kv)
		}
	}
	env = append(env,
		"DUNNOCK_JOB="+t.Job.String(),
		"DUNNOCK_TASK="+strconv.Itoa(t.Index),
		"DUNNOCK_ATTEMPT="+strconv.Itoa(t.Attempt),
		"DUNNOCK_EPOCH="+strconv.FormatUint(uint64(t.Epoch), 10),
	)
	// Not DUNNOCK_SLOTS, which would be a flag to a dunnock that the command starts.
	env = append(env, "DUNNOCK_GRANTED_SLOTS="+strconv.Itoa(max(t.Slots, 1)))
	for _, name := range slices.Sorted(maps.Keys(t.Resources)) {
		env = append(env, "DUNNOCK_GRANTED_"+variable(name)+"="+strconv.FormatUint(uint64(t.Resources[name]), 10))
	}
	if !t.Deadline.IsZero() {
		env = append(env, "DUNNOCK_DEADLINE="+t.Deadline.UTC().Format(time.RFC3339Nano))
	}
	return env
}

// variable is a resource's name as it is in a variable's.
func variable(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' {
			return '_'
		}
		return unicode.ToUpper(r)
	}, name)
}

// cappedBuffer keeps up to limit bytes. At the first byte over it, it calls full and from then
// on takes and forgets everything, so that the writer can be ended in peace. It embeds no
// bytes.Buffer, whose ReadFrom would take in all there is.
type cappedBuffer struct {
	buf   []byte
	limit int
	full  func()
	over  bool
}

func (b *cappedBuffer) Write(p []byte) (int, error) {
	switch {
	case b.over:
	case len(b.buf)+len(p) > b.limit:
		b.over = true
		b.full()
	default:
		b.buf = append(b.buf, p...)
	}
	return len(p), nil
}

// tailBuffer keeps the last maxDetailBytes bytes written to it.
type tailBuffer struct{ buf []byte }

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.buf = append(b.buf, p[max(0, len(p)-maxDetailBytes):]...)
	if over := len(b.buf) - maxDetailBytes; over > maxDetailBytes {
		b.buf = b.buf[:copy(b.buf, b.buf[over:])]
	}
	return len(p), nil
}

func (b *tailBuffer) text() string { return tailText(b.buf) }
