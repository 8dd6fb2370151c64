package ack

import (
	"cmp"
	"time"
)

// Config says for how much an acknowledgement is worth a message. Zero fields take their defaults.
type Config struct {
	// Every is for how many results at least one is sent. Default 64.
	Every uint64
	// Bytes is how much in results has come since the last when one is sent for fewer. Default 1 MiB.
	Bytes int
	// KeepFor is how long a result is kept that its owner may come for. Default 20 s: less than the 30 s for which a
	// worker keeps what nobody acknowledges, since what it drops by itself makes it say that something is missing.
	KeepFor time.Duration
	// MaxKept bounds the results of ours that a worker keeps because the first of them is kept for its owner. Default
	// 65,536: a quarter of what a worker keeps for all its schedulers.
	MaxKept uint64
	// MaxKeptBytes bounds their bytes likewise. Default 16 MiB, a quarter as well.
	MaxKeptBytes int
}

// Defaults of [Config].
const (
	DefaultEvery        = 64
	DefaultBytes        = 1 << 20
	DefaultKeepFor      = 20 * time.Second
	DefaultMaxKept      = 1 << 16
	DefaultMaxKeptBytes = 16 << 20
)

// Account is what a scheduler knows of the results of one life of a worker.
type Account struct {
	cfg     Config
	taken   window // that have come
	settled window // that have reached who owns them
	acked   uint64 // what the worker was told of that
	bytes   int    // of results that have come since
	mass    mass   // of all that have come
	kept    []kept // of the taken, not settled: in the order of their times
}

// NewAccount returns an account without results.
func NewAccount(cfg Config) Account {
	cfg.Every = cmp.Or(cfg.Every, DefaultEvery)
	cfg.Bytes = cmp.Or(cfg.Bytes, DefaultBytes)
	cfg.KeepFor = cmp.Or(cfg.KeepFor, DefaultKeepFor)
	cfg.MaxKept = cmp.Or(cfg.MaxKept, DefaultMaxKept)
	cfg.MaxKeptBytes = cmp.Or(cfg.MaxKeptBytes, DefaultMaxKeptBytes)
	return Account{cfg: cfg}
}

// Taken is the number up to which all results have come. The worker is told at a handshake, and does not repeat them.
func (a *Account) Taken() uint64 { return a.taken.prefix() }

// Settled is the number up to which all results have reached who owns them.
func (a *Account) Settled() uint64 { return a.settled.prefix() }

// Acknowledged is the number up to which the worker was told.
func (a *Account) Acknowledged() uint64 { return a.acked }

// Take notes that a result has come, of so many bytes. One may come again, when others before it were lost with a
// connection: then it is no news, and is settled by who has it since the first time.
func (a *Account) Take(seq uint64, bytes int) (again bool) {
	if a.taken.has(seq) {
		return true
	}
	a.taken.add(seq)
	a.bytes += bytes
	a.mass.add(bytes, a.taken.prefix(), int64(a.cfg.MaxKeptBytes)/massSteps)
	return false
}

// Settle notes that a result has reached who owns it, or that nobody does. If an acknowledgement is due it returns for
// which results.
func (a *Account) Settle(seq uint64) (up uint64, due bool) {
	a.settled.add(seq)
	return a.due()
}

func (a *Account) due() (up uint64, due bool) {
	up = a.settled.prefix()
	return up, up >= a.acked+a.cfg.Every || (up > a.acked && a.bytes >= a.cfg.Bytes)
}

// Rest returns for which results an acknowledgement could be sent, however few they are.
func (a *Account) Rest() (up uint64, due bool) {
	up = a.settled.prefix()
	return up, up > a.acked
}

// Acked notes that the worker was told. Not before it was: one that is not connected is told later.
func (a *Account) Acked(up uint64) {
	a.acked, a.bytes = up, 0
	a.mass.forget(up)
}

// Told takes the worker's word that it keeps nothing up to a number: what it has said at a handshake begins behind
// that. What is not kept will not be said again and need not be settled. An acknowledgement that was lost on its way is
// due once more.
func (a *Account) Told(seq uint64) {
	a.taken.advance(seq)
	a.settled.advance(seq)
	a.acked = seq
}

// Void forgets everything, with the worker. Should it be back in the same life it says all that it keeps; it may have
// forgotten the scheduler, and number from 1 again.
func (a *Account) Void() {
	a.taken.restart()
	a.settled.restart()
	a.acked, a.bytes, a.kept, a.mass = 0, 0, nil, mass{}
}
