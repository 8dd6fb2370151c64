package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"dunnock/task"
	"dunnock/worker"
)

const (
	// DefaultMaxResultBytes is the largest result an attempt may have if [Options] do not say.
	DefaultMaxResultBytes = 1 << 20
	// maxDetailBytes bounds the foreign text (standard error, an answer's body) that an error carries.
	maxDetailBytes = 4 << 10
)

// Options bound the apps that [Options.Parse] makes. The zero Options stand for
// the defaults.
type Options struct {
	// MaxResultBytes is the largest result of one attempt; over it the attempt
	// fails for good with [task.CodeResultTooLarge]. Default 1 MiB.
	MaxResultBytes int
}

// Builtin returns the handlers echo, sleep and grep under these names. The
// closer ends the one goroutine that sleep may have started and frees its timer;
// call it when no handler runs any more. Its error is always nil.
func Builtin() (map[string]worker.Handler, io.Closer) {
	s := NewSleeper()
	return map[string]worker.Handler{
		"echo":  Echo,
		"sleep": s.Handle,
		"grep":  NewGrep().Handle,
	}, s
}

// Echo is the handler that returns a copy of the payload.
func Echo(_ context.Context, t worker.Task) ([]byte, error) {
	// A copy, because the payload is only lent until we return.
	return bytes.Clone(t.Payload), nil
}

// Parse makes a handler from NAME=SPEC with the default [Options].
func Parse(spec string) (name string, h worker.Handler, err error) {
	return Options{}.Parse(spec)
}

// Parse makes a handler from NAME=SPEC. NAME is 1 to 63 characters of
// a-z 0-9 . _ -, and SPEC one of
//
//	http://HOST[:PORT][/PATH]    and https://…
//	unix:SOCKET[:/PATH]          HTTP over the unix socket at SOCKET, which has no colon in it
//	exec:COMMAND [ARG…]          words split at blanks, with '…', "…" and \ as in a shell
//
// A command must be found at once; an address need not answer yet. The error is
// one line that names the spec.
func (o Options) Parse(spec string) (name string, h worker.Handler, err error) {
	if o.MaxResultBytes <= 0 {
		o.MaxResultBytes = DefaultMaxResultBytes
	}
	name, rest, ok := strings.Cut(spec, "=")
	if !ok {
		return "", nil, specError(spec, "want NAME=SPEC, such as zip='exec:gzip -9'")
	}
	if !task.ValidApp(name) {
		return "", nil, specError(spec, "a name is 1 to 63 characters of a-z 0-9 . _ -")
	}
	switch scheme, _, _ := strings.Cut(rest, ":"); scheme {
	case "exec":
		h, err = newCommand(strings.TrimPrefix(rest, "exec:"), o.MaxResultBytes)
	case "http", "https":
		h, err = newHTTP(rest, o.MaxResultBytes)
	case "unix":
		h, err = newUnix(strings.TrimPrefix(rest, "unix:"), o.MaxResultBytes)
	default:
		err = errors.New("want http://…, https://…, unix:SOCKET:/PATH or exec:COMMAND after the name")
	}
	if err != nil {
		return "", nil, specError(spec, err.Error())
	}
	return name, h, nil
}

func specError(spec, what string) error {
	return errors.New("app " + quote(spec) + ": " + what)
}

// failed is an attempt that may go better next time.
func failed(message, detail string) error {
	return &task.Error{Code: task.CodeAppFailed, Message: message, Detail: detail}
}

// hopeless is an attempt that would fail again in the same way.
func hopeless(message, detail string) error {
	return worker.Permanent(&task.Error{Code: task.CodePermanent, Message: message, Detail: detail})
}

func resultTooLarge(app string, limit int) error {
	return worker.Permanent(task.Errorf(task.CodeResultTooLarge, "%s: the result is over %d bytes", app, limit))
}
