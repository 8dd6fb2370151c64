// Package app holds the handlers that a worker can have without any Go code of
// its user: the built-in ones ([Builtin]) and those that hand a task on to a
// local process, named on a command line ([Parse]).
//
// Built in are
//
//   - echo, which returns the payload;
//   - sleep, whose payload is a duration ("100ms") that it sleeps for: emulated
//     work for measurements, so precise that the measurement is of the fleet and
//     not of the timer ([Sleeper]);
//   - grep, which counts the lines of a range of a file that match a pattern
//     ([GrepPayload]).
//
// A local process is named by a spec:
//
//	zip=exec:gzip -9                   a command: payload on standard input, result on standard output
//	grep=http://127.0.0.1:9000/run     a server: payload POSTed, result in the answer
//	grep=unix:/run/grep.sock:/run      the same over a unix socket
//
// Only what the worker's own configuration names can run; nothing in a task
// chooses the command or the address. The words of a command go to the system
// as they are, never through a shell.
//
// Whatever the app, an attempt that failed ends in a [*task.Error], wrapped in
// [worker.Permanent] where another attempt would be no use, and an attempt whose
// context ended returns the context's cause.
package app
