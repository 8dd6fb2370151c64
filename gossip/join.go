package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	resolveTimeout = 5 * time.Second
	// Pauses between attempts while we are alone, doubling. An attempt is a few packets, and what is
	// waited for is usually a process that is just starting.
	firstJoinPause = 100 * time.Millisecond
	maxJoinPause   = 2 * time.Second
	// warnInterval spaces the warnings about one failure that lasts.
	warnInterval = time.Minute
	// An attempt asks at most maxJoinTries addresses, joinParallel at a time so that silent ones delay it little, and
	// stops at joinEnough answers: one knows the whole fleet, and three are unlikely to be all in one part of a divided
	// one.
	maxJoinTries = 16
	joinParallel = 4
	joinEnough   = 3
)

// keepJoined sees to it that we are in touch with whom Config.Join names, until ctx is done. While nobody else is there
// it tries again and again, soon; with company but someone named not answering, more and more rarely; and once in a
// RejoinInterval it looks in any case whether someone named is outside our fleet. That is the only way by which two
// parts that have forgotten each other meet again, and by which the islands that form when many nodes start at once
// become one.
func (n *Node) keepJoined(ctx context.Context) {
	if len(n.targets) == 0 {
		return
	}
	var pause backoff
	var warned time.Time // when the present trouble was last told; zero without trouble
	alone := true
	for ctx.Err() == nil {
		err := n.join(ctx)
		n.hadContact()
		if ctx.Err() != nil {
			return
		}
		if now := n.alone(); now != alone {
			alone = now
			pause.reset()
			n.tellCompany(ctx, alone)
		}
		switch {
		case !alone:
			warned = time.Time{}
		case err != nil && time.Since(warned) >= warnInterval:
			warned = time.Now()
			n.log.Log(ctx, n.concern(), "cannot join the fleet yet, trying on", slog.Any("join", n.cfg.Join), slog.Any("error", err))
		}
		var next time.Duration
		switch {
		case alone:
			next = pause.next(firstJoinPause, maxJoinPause)
		case err != nil:
			next = pause.next(firstJoinPause, n.cfg.RejoinInterval)
		default:
			next = jitter(n.cfg.RejoinInterval)
		}
		n.waitJoin(ctx, next, alone)
	}
}

// concern is how much it matters that nobody is there: to a node that drains, and may well be the last of a fleet that
// ends, not at all.
func (n *Node) concern() slog.Level {
	if n.draining.Load() {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

func (n *Node) tellCompany(ctx context.Context, alone bool) {
	if alone {
		n.log.Log(ctx, n.concern(), "every other node is gone, joining anew", slog.Any("join", n.cfg.Join))
	} else {
		n.log.Info("joined the fleet", slog.Int("nodes", n.nodes()))
	}
}

// waitJoin waits for the next attempt: until d is over, or we have lost or found company.
func (n *Node) waitJoin(ctx context.Context, d time.Duration, alone bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for n.alone() == alone {
		select {
		case <-n.wakeJoin:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// join makes one attempt at everyone who is named and not in our fleet. The error says who did not answer; it is nil if
// enough did or nobody is left to ask.
func (n *Node) join(ctx context.Context) error {
	addrs, err := n.outside(ctx)
	if len(addrs) == 0 {
		return err
	}
	rand.Shuffle(len(addrs), func(i, k int) { addrs[i], addrs[k] = addrs[k], addrs[i] })
	addrs = addrs[:min(len(addrs), maxJoinTries)]
	errs := make([]error, len(addrs)+1)
	errs[len(addrs)] = err
	var next, answers atomic.Int32
	var tries sync.WaitGroup
	for range joinParallel {
		tries.Go(func() {
			for ctx.Err() == nil && answers.Load() < joinEnough {
				i := int(next.Add(1)) - 1
				if i >= len(addrs) {
					return
				}
				if errs[i] = n.joinOne(addrs[i]); errs[i] == nil {
					answers.Add(1)
				}
			}
		})
	}
	tries.Wait()
	if answers.Load() >= joinEnough {
		return nil
	}
	return oneLine(errs)
}

// joinOne exchanges all state with one address.
func (n *Node) joinOne(addr netip.AddrPort) error {
	_, err := n.ml.Join([]string{addr.String()})
	if err == nil {
		return nil
	}
	// memberlist wraps the one failure in a list over several lines.
	if first := errors.Unwrap(err); first != nil {
		err = first
	}
	err = errors.New(explainedJoin(err.Error()))
	n.log.Debug("joining failed", slog.String("addr", addr.String()), slog.Any("error", err))
	return err
}

// outside resolves all that Config.Join names and leaves out this node and the nodes that are
// in our fleet already. The error says what could not be resolved.
func (n *Node) outside(ctx context.Context) ([]netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	var all []netip.AddrPort
	errs := make([]error, 0, len(n.targets))
	for _, t := range n.targets {
		addrs, err := t.resolve(ctx, n.cfg.Resolver)
		if err != nil {
			n.log.Debug("resolving failed", slog.Any("error", err))
		}
		all, errs = append(all, addrs...), append(errs, err)
	}
	inside := map[string]bool{n.advertised.String(): true, n.Addr(): true}
	n.mu.Lock()
	for addr := range n.table.GossipAddrs() {
		inside[addr] = true
	}
	n.mu.Unlock()
	all = slices.DeleteFunc(all, func(a netip.AddrPort) bool {
		key := a.String()
		seen := inside[key]
		inside[key] = true
		return seen
	})
	return all, oneLine(errs)
}

// oneLine joins the first few errors of a long list into one for the log.
func oneLine(errs []error) error {
	const few = 3
	var s strings.Builder
	count := 0
	for _, err := range errs {
		if err == nil {
			continue
		}
		if count++; count > few {
			continue
		}
		if count > 1 {
			s.WriteString("; ")
		}
		s.WriteString(err.Error())
	}
	switch {
	case count == 0:
		return nil
	case count > few:
		return fmt.Errorf("%s; and %d more", s.String(), count-few)
	default:
		return errors.New(s.String())
	}
}

// alone says whether gossip knows of nobody else.
func (n *Node) alone() bool { return n.nodes() <= 1 }

// nodes is how many nodes gossip holds for alive, this one included.
func (n *Node) nodes() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.table.Nodes()
}
