//go:build linux

package app

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dunnock/task"
	"dunnock/worker"
)

// command makes the handler of exec:line.
func commandHandler(t *testing.T, line string) worker.Handler {
	t.Helper()
	_, h, err := Options{MaxResultBytes: 1000}.Parse("x=exec:" + line)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestCommandTurnsPayloadIntoResult(t *testing.T) {
	for _, tt := range []struct{ line, payload, want string }{
		{"cat", "hello", "hello"},
		{"cat", "", ""},
		{"tr a-z A-Z", "hello", "HELLO"},
		{`sh -c "printf '%s|' \"$@\"" sh 'a  b' '' '$HOME'`, "", ""},
		{"true", strings.Repeat("x", 1<<20), ""}, // input that is not read is no failure
	} {
		got, err := commandHandler(t, tt.line)(t.Context(), worker.Task{Payload: []byte(tt.payload)})
		if tt.line[:2] == "sh" {
			tt.want = "a  b||$HOME|"
		}
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.line, got, err, tt.want)
		}
	}
}

func TestCommandSeesItsTask(t *testing.T) {
	t.Setenv("DUNNOCK_TOKEN", "secret")
	t.Setenv("OTHER", "kept")
	id, err := task.ParseJobID("000102030405060708090a0b0c0d0e0f")
	if err != nil {
		t.Fatal(err)
	}
	tk := worker.Task{Job: id, Index: 7, Attempt: 2, Epoch: 3, Slots: 2, Resources: map[string]uint32{"gpu.a-1": 1}, Deadline: time.Date(2026, 1, 2, 3, 4, 5, 600, time.FixedZone("x", 3600))}
	got, err := commandHandler(t, `sh -c 'env | grep -E "^(DUNNOCK_|OTHER=)"'`)(t.Context(), tk)
	if err != nil {
		t.Fatal(err)
	}
	own := strings.Fields(string(got))
	slices.Sort(own)
	want := []string{
		"DUNNOCK_ATTEMPT=2", "DUNNOCK_DEADLINE=2026-01-02T02:04:05.0000006Z", "DUNNOCK_EPOCH=3",
		"DUNNOCK_GRANTED_GPU_A_1=1", "DUNNOCK_GRANTED_SLOTS=2",
		"DUNNOCK_JOB=000102030405060708090a0b0c0d0e0f", "DUNNOCK_TASK=7", "OTHER=kept",
	}
	if !slices.Equal(own, want) {
		t.Errorf("environment %q, want %q", own, want)
	}
}

func TestCommandFailures(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	notExecutable := filepath.Join(t.TempDir(), "x")
	for _, path := range []string{gone, notExecutable} {
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, line, message, detail string
		code                        task.Code
		before                      func() error
	}{
		{name: "status", line: `sh -c 'echo no luck >&2; exit 3'`, message: "sh: exit status 3", detail: "no luck", code: task.CodeAppFailed},
		{name: "permanent", line: `sh -c 'echo bad input >&2; exit 65'`, message: "sh: exit status 65", detail: "bad input", code: task.CodePermanent},
		{name: "signal", line: `sh -c 'kill -SEGV $$'`, message: "sh: signal: segmentation fault", code: task.CodeAppFailed},
		{name: "too large", line: "yes", message: "yes: the result is over 1000 bytes", code: task.CodeResultTooLarge},
		{name: "too large, then ends", line: `head -c 1001 /dev/zero`, message: "head: the result is over 1000 bytes", code: task.CodeResultTooLarge},
		{
			name: "gone", line: gone, message: "command not found", code: task.CodePermanent,
			before: func() error { return os.Remove(gone) },
		},
		{
			name: "not executable", line: notExecutable, message: "command cannot be run", code: task.CodePermanent,
			before: func() error { return os.Chmod(notExecutable, 0o600) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := commandHandler(t, tt.line)
			if tt.before != nil {
				if err := tt.before(); err != nil {
					t.Fatal(err)
				}
			}
			_, err := h(t.Context(), worker.Task{})
			e := wantError(t, err, tt.code, tt.code != task.CodeAppFailed)
			if !strings.Contains(e.Message, tt.message) || e.Detail != tt.detail {
				t.Errorf("message %q, detail %q", e.Message, e.Detail)
			}
		})
	}
}

func TestCommandDetailIsTheTail(t *testing.T) {
	_, err := commandHandler(t, `sh -c 'seq 100000 >&2; echo the end >&2; exit 1'`)(t.Context(), worker.Task{})
	e := wantError(t, err, task.CodeAppFailed, false)
	if len(e.Detail) < maxDetailBytes-100 || !strings.HasSuffix(e.Detail, "99999\n100000\nthe end") {
		t.Errorf("%d bytes of detail, the last %q", len(e.Detail), e.Detail[max(0, len(e.Detail)-40):])
	}
}

func TestCommandAtTheResultLimit(t *testing.T) {
	got, err := commandHandler(t, `head -c 1000 /dev/zero`)(t.Context(), worker.Task{})
	if err != nil || len(got) != 1000 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// fifo makes a named pipe and returns its path and a function that waits for the first line written to it and returns
// the pipe. Reading on to the pipe's end proves that all processes that had it open for writing are dead.
func fifo(t *testing.T) (path string, firstLine func() *bufio.Reader) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, func() *bufio.Reader {
		f, err := os.OpenFile(path, os.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		r := bufio.NewReader(f)
		if _, err := r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// running says whether a process is there and is not dead and only waiting to be waited for.
func running(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ") && !strings.Contains(string(stat), ") X ")
}

func TestCommandIsKilledWithItsGroup(t *testing.T) {
	path, firstLine := fifo(t)
	// The command starts a shell that holds the pipe and standard output and would go on for ever.
	h := commandHandler(t, `sh -c 'sh -c "echo started; trap : TERM HUP INT; while :; do sleep 1000; done" >`+path+` & wait'`)
	cause := errors.New("deadline")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := h(ctx, worker.Task{})
		ended <- err
	}()
	pipe := firstLine()
	cancel(cause)
	if err := <-ended; !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	if rest, err := io.ReadAll(pipe); err != nil || len(rest) > 0 {
		t.Errorf("pipe: %q, %v", rest, err)
	}
}

func TestCommandLeavesNothingRunning(t *testing.T) {
	path, firstLine := fifo(t)
	// The command ends well and leaves a process behind that has all its pipes open.
	h := commandHandler(t, `sh -c 'exec 3>`+path+`; sleep 1000 & echo started >&3; echo done'`)
	ended := make(chan error, 1)
	go func() {
		got, err := h(t.Context(), worker.Task{Payload: make([]byte, 1<<20)})
		if err == nil && string(got) != "done\n" {
			err = errors.New("result " + string(got))
		}
		ended <- err
	}()
	pipe := firstLine()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(pipe); err != nil {
		t.Error(err)
	}
}

func TestCommandDoesNotWaitForThoseWhoLeftItsGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "left")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	h := commandHandler(t, `sh -c 'setsid sh -c "echo left >`+path+`; exec sleep 1000" & read x <`+path+`; echo $!'`)
	got, err := h(t.Context(), worker.Task{Payload: make([]byte, 1<<20)})
	if err != nil {
		t.Fatal(err)
	}
	pid := strings.TrimSpace(string(got))
	if !running(pid) {
		t.Errorf("process %s, which had the pipes open, is gone: nothing was tested", pid)
	}
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

func TestCommandDoesNotStartTooLate(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "started")
	cause := errors.New("too late")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := commandHandler(t, "touch "+marker)(ctx, worker.Task{}); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(marker); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it started: %v", err)
	}
}

// TestCommandDiesWithItsWorker kills a process that runs a command, as nothing that the process could catch does. Its
// own number and that of the command are known from files.
func TestCommandDiesWithItsWorker(t *testing.T) {
	const variable = "DUNNOCK_TEST_COMMAND"
	if file := os.Getenv(variable); file != "" {
		_, _ = commandHandler(t, `sh -c 'echo $$ >"`+file+`.new"; mv "`+file+`.new" "`+file+`"; exec sleep 600'`)(t.Context(), worker.Task{})
		return
	}
	file := filepath.Join(t.TempDir(), "pid")
	self := exec.Command(os.Args[0], "-test.run", "^TestCommandDiesWithItsWorker$")
	self.Env = append(os.Environ(), variable+"="+file)
	if err := self.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = self.Process.Wait() }()
	defer func() { _ = self.Process.Kill() }()
	command := 0
	eventually(t, "the command starts", func() bool {
		text, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		command, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	if err := self.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the command is gone", func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(command) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

// eventually looks again and again, for a minute at most.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 6000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not so within a minute: %s", what)
}
