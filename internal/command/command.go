// Package command is what the commands around dunnock itself begin with: they end when they are told to, and say with
// their exit code how it went.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

// Exit codes.
const (
	Failure     = 1
	Usage       = 2 // a mistake in the command line
	Interrupted = 130
)

// UsageError is a mistake in the command line, or in a file that it names.
type UsageError struct{ text string }

// Error says which.
func (e *UsageError) Error() string { return e.text }

// Usagef makes a [UsageError].
func Usagef(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// InterruptedError ends a command that was told to end before it was done.
type InterruptedError struct{ Kept string }

// Error says what is kept.
func (e *InterruptedError) Error() string { return "interrupted: " + e.Kept }

// ExitError ends a command with the code of another one, which has said why.
type ExitError struct{ Code int }

// Error says which code.
func (e *ExitError) Error() string { return "exit status " + strconv.Itoa(e.Code) }

// Parse reads the flags of a command that has no other arguments. If they ask for help, help prints it.
func Parse(f *flag.FlagSet, args []string, help func()) error {
	f.SetOutput(io.Discard)
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		help()
		return err
	case err != nil:
		return Usagef("%v", err)
	case f.NArg() > 0:
		return Usagef("unexpected argument %q", f.Arg(0))
	}
	return nil
}

// Main runs a command and ends the process. The context of the command ends when SIGTERM or an interrupt asks for that.
func Main(name string, run func(ctx context.Context, args []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	os.Exit(Code(name, err, os.Stderr))
}

// Code says what a command that ended so has to say, and returns its exit code.
func Code(name string, err error, stderr io.Writer) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if again, ok := errors.AsType[*ExitError](err); ok {
		return again.Code
	}
	code, hint := Failure, ""
	if _, ok := errors.AsType[*UsageError](err); ok {
		code, hint = Usage, " (see --help)"
	}
	if _, ok := errors.AsType[*InterruptedError](err); ok {
		code = Interrupted
	}
	fmt.Fprintf(stderr, "%s: %v%s\n", name, err, hint)
	return code
}
