package queue

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"dunnock/probe"
)

// refEntry is an entry with all that is known of it.
type refEntry struct {
	entry
	class probe.Class
	at    time.Duration
	seq   uint64
}

// turn returns whose turn it is: it looks at all that wait.
func (r *reference) turn() int {
	q := r.queue
	first := func(less func(a, b refEntry) int) int {
		e := slices.MinFunc(q, func(a, b refEntry) int { return cmp.Or(less(a, b), cmp.Compare(a.seq, b.seq)) })
		return slices.IndexFunc(q, func(x refEntry) bool { return x.seq == e.seq })
	}
	switch r.cfg.Discipline {
	case Priority:
		// How high an entry is now, in units of the ageing where there is one.
		height := func(e refEntry) time.Duration {
			if r.cfg.Ageing == 0 {
				return time.Duration(e.class.Priority)
			}
			return time.Duration(e.class.Priority)*r.cfg.Ageing + r.now - e.at
		}
		return first(func(a, b refEntry) int { return -cmp.Compare(height(a), height(b)) })
	case EDF:
		return first(func(a, b refEntry) int { return cmp.Compare(a.at+a.class.Deadline, b.at+b.class.Deadline) })
	case SRPT:
		work := func(e refEntry) time.Duration {
			if e.class.Work == 0 {
				return never
			}
			return e.class.Work
		}
		shortest := first(func(a, b refEntry) int { return cmp.Compare(work(a), work(b)) })
		if oldest := first(func(a, b refEntry) int { return 0 }); r.now-q[oldest].at >= r.cfg.StarvationBound && oldest != shortest {
			if r.draining {
				r.starved += uint64(q[oldest].count)
			} else {
				r.starved++
			}
			return oldest
		}
		return shortest
	case Fair:
		return r.fair.turn()
	case FIFO:
	}
	return 0
}

// refFair keeps what each share has spent in maps by name, and finds out the rest each time. The name of a user's own
// share is its path and a bar.
type refFair struct {
	r     *reference
	spent map[string]time.Duration
	clock map[string]time.Duration
	since map[string]uint64
	usual map[string]time.Duration
	holds map[int]refHold
}

type refHold struct {
	user    string
	since   time.Duration
	charged time.Duration
}

func newRefFair(r *reference) *refFair {
	return &refFair{
		r: r, spent: map[string]time.Duration{}, clock: map[string]time.Duration{}, since: map[string]uint64{},
		usual: map[string]time.Duration{}, holds: map[int]refHold{},
	}
}

// chain returns the names from a user's own share to the one below the root.
func chain(user string) []string {
	names := []string{user + "|"}
	if user == "" {
		return names
	}
	parts := strings.SplitN(user, "/", 8)
	for n := len(parts); n > 0; n-- {
		names = append(names, strings.Join(parts[:n], "/"))
	}
	return names
}

// parent returns the name above the i-th of a chain; that of the root is empty.
func parent(names []string, i int) string {
	if i+1 < len(names) {
		return names[i+1]
	}
	return ""
}

// wanting returns the names below which something waits.
func (f *refFair) wanting() map[string]bool {
	all := map[string]bool{}
	for _, e := range f.r.queue {
		for _, name := range chain(string(e.class.User)) {
			all[name] = true
		}
	}
	return all
}

func (f *refFair) wants(user string, seq uint64) {
	names := chain(user)
	for i, name := range names {
		waits := 0
		for _, e := range f.r.queue {
			if slices.Contains(chain(string(e.class.User)), name) {
				waits++
			}
		}
		if waits == 1 {
			clock := f.clock[parent(names, i)]
			if spent, known := f.spent[name]; known {
				f.spent[name] = max(spent, clock-8*time.Duration(f.r.cfg.Slots)*f.usual[""])
			} else {
				f.spent[name] = clock
			}
			f.since[name] = seq
		}
	}
}

func (f *refFair) turn() int {
	wanting := f.wanting()
	at := ""
	for {
		best := ""
		for name := range wanting {
			var above string
			for _, e := range f.r.queue {
				if names := chain(string(e.class.User)); slices.Contains(names, name) {
					above = parent(names, slices.Index(names, name))
				}
			}
			if above != at {
				continue
			}
			if best == "" || f.spent[name] < f.spent[best] || (f.spent[name] == f.spent[best] && f.since[name] < f.since[best]) {
				best = name
			}
		}
		if user, leaf := strings.CutSuffix(best, "|"); leaf {
			return slices.IndexFunc(f.r.queue, func(e refEntry) bool { return string(e.class.User) == user })
		}
		at = best
	}
}

func (f *refFair) charge(user string, d time.Duration) {
	for _, name := range chain(user) {
		f.spent[name] += d / time.Duration(max(f.r.cfg.Weights[name], 1))
	}
}

func (f *refFair) took(user string, slot int) {
	names := chain(user)
	for i, name := range names {
		f.clock[parent(names, i)] = max(f.clock[parent(names, i)], f.spent[name])
	}
	cost := cmp.Or(f.usual[names[0]], f.usual[""], time.Millisecond)
	f.charge(user, cost)
	f.holds[slot] = refHold{user, f.r.now, cost}
}

func (f *refFair) released(slot int, ran bool) {
	h, took := f.holds[slot]
	if !took {
		return // it was launched on an offer
	}
	delete(f.holds, slot)
	cost := f.r.now - h.since
	if ran {
		for _, name := range []string{h.user + "|", ""} {
			if f.usual[name] == 0 {
				f.usual[name] = max(cost, 1)
			} else {
				f.usual[name] = max(f.usual[name]+(cost-f.usual[name])/8, 1)
			}
		}
	}
	f.charge(h.user, cost-h.charged)
}

// users counts those who want or have a slot.
func (f *refFair) users() int {
	all := map[string]bool{}
	for _, e := range f.r.queue {
		all[string(e.class.User)] = true
	}
	for _, h := range f.holds {
		all[h.user] = true
	}
	return len(all)
}
