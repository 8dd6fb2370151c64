// Package task holds the public nouns that every part of Dunnock shares: a
// [Job] of [Task]s as a user submits it, the [Result] that each task ends
// with, and the [Error] that says what went wrong under a stable code.
//
// A job is m tasks with one user, one app and one deadline. A task is an opaque payload for an app, a named handler on
// workers. A task ends in exactly one [Outcome].
//
// The package decides nothing about placement and does no I/O; it only says
// what is well formed ([Job.Validate]).
package task
