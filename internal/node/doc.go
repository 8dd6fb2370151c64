// Package node holds what a scheduler and a worker have in common as processes: a listener that refuses to be public by
// accident, membership, an HTTP server with health, metrics and errors in one shape, and a life of starting, active,
// draining.
//
// It places no task and knows no fleet message.
package node
