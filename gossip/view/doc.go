// Package view holds what a node knows of its fleet: an immutable [View] of the members, the [Table] that folds
// gossip's events into views, and the encoding of what a member announces about itself.
//
// A member is one life of one process. Its gossip identity joins role, name and [probe.Incarnation] ([Identity]), so
// that a restarted process is a new member at once and need not wait until its earlier life is declared dead. Names are
// unique per role: a scheduler and a worker may share one. Of several lives of one name the newest is in the view; when
// it leaves, the next newest that is still known comes back. So the view depends only on which lives are known, never
// on the order in which they came and went.
//
// What a member announces (address, slots, labels, zone, state; never load) travels as at most [MaxMeta] bytes of
// metadata. It is decoded strictly: a member whose identity or metadata does not decode is left out of the view, and
// counted.
//
// The package is pure: no I/O, no clock, no goroutine, no lock. Package gossip drives it in a
// fleet, and a simulator can as well.
package view
