package ack

import (
	"slices"
	"time"
)

// kept is a result that nobody has, and that its owner may still come for.
type kept struct {
	seq uint64
	at  time.Duration // since when nobody has it
}

// Keep notes that whoever had a claim to a result is gone without it, and may come for it, here or at another
// scheduler: its worker has to keep it. It is settled by Expire. since is when the claim ended, which may have been a
// while ago.
func (a *Account) Keep(since time.Duration, seq uint64) {
	i := len(a.kept)
	for i > 0 && a.kept[i-1].at > since {
		i--
	}
	a.kept = slices.Insert(a.kept, i, kept{seq, since})
}

// Kept is how many results are kept for owners who may come.
func (a *Account) Kept() int { return len(a.kept) }

// Expire settles what was kept for long enough, and the oldest that is kept if its worker has to keep too much behind
// it. As [Account.Settle] it returns for which results an acknowledgement is due by that, if one is.
func (a *Account) Expire(now time.Duration) (up uint64, due bool) {
	settled := false
	for len(a.kept) > 0 && (now-a.kept[0].at > a.cfg.KeepFor || a.crowded()) {
		a.settled.add(a.kept[0].seq)
		a.kept = a.kept[1:]
		settled = true
	}
	if len(a.kept) == 0 {
		a.kept = nil
	}
	if !settled {
		return 0, false
	}
	return a.due()
}

// crowded reports whether a worker has to keep more results of ours, or more bytes of them, than it should for the sake
// of those that nobody may come for.
func (a *Account) crowded() bool {
	up := a.settled.prefix()
	return a.taken.prefix() > up+a.cfg.MaxKept || a.mass.since(up) > int64(a.cfg.MaxKeptBytes)
}

// massSteps is how finely the bytes that are kept are known: to so many parts of the bound.
const massSteps = 16
