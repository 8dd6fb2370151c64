package placement

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"dunnock/probe"
)

// set is a constraint set: an app, labels that are required with it and labels that are not to be there, and the
// workers that a task under it may be sampled to. Keeping that list is what makes sampling O(reservations) and not
// O(fleet).
//
// Sampling shuffles the list in place, so it has no order, and a worker that leaves is searched for.
type set struct {
	key      string
	app      string
	require  []probe.Label // sorted, each once
	exclude  []probe.Label // sorted, each once
	need     *need         // what each task takes of its worker; nil: one slot
	eligible []probe.WorkerID
	pins     int           // groups of live jobs that it is for, now or when something gives way
	base     bool          // it has been all that tasks could do with
	used     uint64        // Stats.Submitted when it was last looked up
	place    int           // in Core.sets, from 1; 0: it is not kept
	joined   bool          // scratch of join: the worker that just came is eligible
	waiting  int           // tasks under it that wait for any of them, but for those of jobs that are to launch nothing for now
	late     int           // those of them whose jobs have reservations; under LateBinding all
	near     int           // tasks beside these, that wait for the workers that their keys have chosen
	emptied  time.Duration // when the last eligible worker was gone; never: none was
	meter    meter         // how fast they are launched
	request  *request      // what is done for them; nil unless the policy is IdleOffer
}

// wait notes that n tasks more of a group wait, or fewer.
func (g *group) wait(n int) {
	s := g.set
	switch {
	case g.near:
		s.near += n
	case g.timer.j.onOffers(g):
		s.waiting += n
	default:
		s.waiting += n
		s.late += n
	}
	if s.waiting+s.near == 0 {
		s.meter.empty()
	}
}

// needy is how many tasks wait that have no reservations.
func (s *set) needy() int { return s.waiting - s.late }

// matches reports whether a worker has the app, all the labels that are required and none that is excluded, and as much
// as a task needs.
func (s *set) matches(w *Worker) bool {
	if !slices.Contains(w.Apps, s.app) {
		return false
	}
	for _, l := range s.require {
		if !slices.Contains(w.Labels, l) {
			return false
		}
	}
	for _, l := range s.exclude {
		if slices.Contains(w.Labels, l) {
			return false
		}
	}
	return s.need == nil || s.need.fits(w)
}

// setFor returns the constraint set of an app, labels and a need, which nobody may be eligible for. One that is not
// kept yet is the caller's to pin, or to forget.
func (c *Core) setFor(app string, require, exclude []probe.Label, n *Need) *set {
	c.labels = sortLabels(c.labels[:0], require)
	required := len(c.labels)
	c.labels = append(c.labels, sortLabels(nil, exclude)...)
	c.key = binary.AppendUvarint(c.key[:0], uint64(len(app)))
	c.key = append(c.key, app...)
	c.key = binary.AppendUvarint(c.key, uint64(required))
	for _, l := range c.labels {
		c.key = binary.AppendUvarint(c.key, uint64(len(l.Key)))
		c.key = append(c.key, l.Key...)
		c.key = binary.AppendUvarint(c.key, uint64(len(l.Value)))
		c.key = append(c.key, l.Value...)
	}
	c.key = appendNeed(c.key, n)
	if s := c.byKey[string(c.key)]; s != nil {
		s.used = c.stats.Submitted
		return s
	}
	labels := slices.Clone(c.labels)
	s := &set{key: string(c.key), app: app, require: labels[:required:required], exclude: labels[required:], need: newNeed(n), emptied: never, meter: meter{idle: true, fresh: true}}
	for _, id := range c.index.shortest(app, s.require) {
		if s.matches(c.offer(&c.workers[id])) {
			s.eligible = append(s.eligible, id)
		}
	}
	slices.Sort(s.eligible) // the same whatever came before
	return s
}

// sortLabels appends labels to out, which is empty, in order and each once.
func sortLabels(out, labels []probe.Label) []probe.Label {
	out = append(out, labels...)
	slices.SortFunc(out, compareLabels)
	return slices.Compact(out)
}

func compareLabels(a, b probe.Label) int {
	if n := strings.Compare(a.Key, b.Key); n != 0 {
		return n
	}
	return strings.Compare(a.Value, b.Value)
}

// pin keeps a set for as long as a group of a live job needs it.
func (c *Core) pin(s *set) {
	if s.place == 0 {
		c.keep(s)
	}
	if s.pins == 0 {
		c.pinned++
	}
	s.pins++
}

// unpin is the end of a pin; of a nil set nothing.
func (c *Core) unpin(s *set) {
	if s == nil {
		return
	}
	s.pins--
	if s.pins == 0 {
		c.pinned--
	}
}

// keep caches a set.
func (c *Core) keep(s *set) {
	c.makeRoom(1, len(s.eligible))
	c.listed += len(s.eligible)
	c.sets = append(c.sets, s)
	s.used, s.place = c.stats.Submitted, len(c.sets)
	c.byKey[s.key] = s
	c.numberNeed(s)
}

// makeRoom forgets the least recently used sets that no job is under, for some more sets and workers in their lists to
// be within the bounds.
func (c *Core) makeRoom(sets, listed int) {
	for (len(c.sets)+sets > c.cfg.MaxSets || c.listed+listed > c.cfg.MaxListed) && c.pinned < len(c.sets) {
		var oldest *set
		for _, o := range c.sets {
			if o.pins == 0 && (oldest == nil || o.used < oldest.used) {
				oldest = o
			}
		}
		c.undefine(oldest)
		c.forgetNeed(oldest)
		last := c.sets[len(c.sets)-1]
		c.sets[oldest.place-1], last.place = last, oldest.place
		c.sets[len(c.sets)-1] = nil
		c.sets = c.sets[:len(c.sets)-1]
		delete(c.byKey, oldest.key)
		c.listed -= len(oldest.eligible)
		oldest.place = 0
	}
}

// retryAfterMS is what a job refused for want of workers is told to wait:
// about what a worker takes to start and be found.
const (
	retryAfterMS    = 1000
	maxRetryAfterMS = 10_000
)
