// Package api holds the JSON shapes of the HTTP interface, shared by the scheduler that answers and the commands that
// ask, and their translation to and from package task. docs/openapi.yaml describes the same shapes to everyone else.
package api
