// Command dunnock is the whole of Dunnock in one binary: the daemons of a
// fleet, the commands to use and look at one, and a demonstration.
//
// `dunnock --help` lists the commands, and `dunnock COMMAND --help` shows each with examples.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"dunnock/gossip"
	"dunnock/task"
)

// Exit codes.
const (
	exitFailure     = 1   // it could not be done, or a task failed
	exitUsage       = 2   // the command line, the environment or the configuration file is wrong
	exitUnknown     = 3   // of submit: nobody can say how a task ended
	exitInterrupted = 130 // ended by Ctrl-C, as shells report it
)

func main() { os.Exit(run(os.Args[1:])) }

// process is what a command has of the world.
type process struct {
	ctx    context.Context //nolint:containedctx // the life of the process: done at the first SIGINT or SIGTERM
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	log    *slog.Logger
}

// run does what the command line says and returns the exit code.
func run(args []string) int {
	ctx, stop := untilSignal()
	defer stop()
	p := &process{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	var c cli
	parser, err := newParser(&c, p)
	if err != nil {
		return p.report(err)
	}
	if len(args) == 0 {
		return p.bare(parser)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return p.report(withHint(err))
	}
	if p.log, err = c.logger(parsed.Selected(), p.stderr); err != nil {
		return p.report(err)
	}
	return p.report(parsed.Run(p))
}

// bare answers a command line without a command.
func (p *process) bare(parser *kong.Kong) int {
	parser.Stdout = p.stderr
	ctx, err := kong.Trace(parser, nil)
	if err == nil {
		err = ctx.PrintUsage(false)
	}
	if err != nil {
		return p.report(err)
	}
	return exitUsage
}

// exitError carries an exit code. Without an error inside, everything has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage marks an error as a mistake in how the command was called.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code: exitUsage, err: err}
}

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

// report tells an error in one line and returns the exit code for it.
func (p *process) report(err error) int {
	if err == nil {
		return 0
	}
	code := exitFailure
	if errors.Is(err, gossip.ErrConfig) { // which knows only then what the flags come to: addresses and labels share a message
		code = exitUsage
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		code = exit.code
		if exit.err == nil {
			return code
		}
	}
	p.complain(err)
	return code
}

// complain writes an error to standard error, in one line.
func (p *process) complain(err error) { fmt.Fprintf(p.stderr, "dunnock: %s\n", oneLine(err)) }

// oneLine is the text of an error, whose parts may have been joined with line breaks.
func oneLine(err error) string {
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	var refused *task.Error
	if errors.As(err, &refused) && refused.RetryAfterMS > 0 {
		text += fmt.Sprintf(" (try again in %s)", milliseconds(float64(refused.RetryAfterMS)))
	}
	return text
}

// withHint adds where help is, and marks the error as one of usage.
func withHint(err error) error {
	var parse *kong.ParseError
	var exit *exitError
	if errors.As(err, &exit) || !errors.As(err, &parse) {
		return usage(err)
	}
	command := "dunnock"
	if parse.Context != nil && parse.Context.Selected() != nil {
		command += " " + strings.TrimPrefix(parse.Context.Selected().FullPath(), "dunnock ")
	}
	return usagef("%w (see '%s --help')", err, command)
}

// oneSignal is how close together signals are one: timeout(1), for example, signals the process and then its group.
const oneSignal = 250 * time.Millisecond

// untilSignal returns a context that is done at the first SIGINT or SIGTERM. A second one
// ends the process at once.
func untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		var first time.Time
		for s := range signals {
			switch {
			case first.IsZero():
				first = time.Now()
				cancel(&signalError{s})
			case time.Since(first) > oneSignal:
				os.Exit(exitFailure)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel(nil)
	}
}

// signalError is why the process's context is done.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string { return "ended by " + e.signal.String() }

// interrupted is the error of a command that a signal has cut short.
func interrupted() error { return &exitError{code: exitInterrupted} }
