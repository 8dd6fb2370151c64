package placement

import (
	"encoding/binary"
	"slices"
	"strings"

	"dunnock/probe"
	"dunnock/task"
)

// set is a constraint set: an app, the labels required with it, and the workers that a task under
// it may be sampled to. Keeping that list is what makes sampling O(reservations) and not O(fleet).
//
// Sampling shuffles the list in place, so it has no order, and a worker that leaves is searched for.
type set struct {
	key      string
	app      string
	require  []probe.Label // sorted
	eligible []probe.WorkerID
	jobs     int    // live jobs under it
	used     uint64 // Core.submits when it was last looked up
	index    int    // in Core.sets
	joined   bool   // scratch of WorkerUp: the worker that just came is eligible
	waiting  int    // tasks under it that wait, but for those of jobs that are to launch nothing for now
	meter    meter  // how fast they are launched
}

// wait notes that n tasks more wait, or fewer.
func (s *set) wait(n int) {
	s.waiting += n
	if s.waiting == 0 {
		s.meter.idle = true
	}
}

// matches reports whether a worker has the app and all the labels.
func (s *set) matches(w *Worker) bool {
	if !slices.Contains(w.Apps, s.app) {
		return false
	}
	for _, l := range s.require {
		if !slices.Contains(w.Labels, l) {
			return false
		}
	}
	return true
}

func (s *set) drop(id probe.WorkerID) {
	if i := slices.Index(s.eligible, id); i >= 0 {
		last := len(s.eligible) - 1
		s.eligible[i] = s.eligible[last]
		s.eligible = s.eligible[:last]
	}
}

// setFor returns the constraint set of an app and labels. The error is an
// [*task.Error] that says why no worker is eligible.
func (c *Core) setFor(app string, require []probe.Label) (*set, error) {
	c.labels = append(c.labels[:0], require...)
	slices.SortFunc(c.labels, compareLabels)
	c.key = binary.AppendUvarint(c.key[:0], uint64(len(app)))
	c.key = append(c.key, app...)
	for _, l := range c.labels {
		c.key = binary.AppendUvarint(c.key, uint64(len(l.Key)))
		c.key = append(c.key, l.Key...)
		c.key = binary.AppendUvarint(c.key, uint64(len(l.Value)))
		c.key = append(c.key, l.Value...)
	}
	if s := c.byKey[string(c.key)]; s != nil {
		if len(s.eligible) == 0 {
			return nil, c.explain(s)
		}
		s.used = c.stats.Submitted
		return s, nil
	}
	fresh := &set{key: string(c.key), app: app, require: slices.Clone(c.labels), meter: meter{idle: true}}
	for i := range c.workers {
		if w := &c.workers[i]; w.active && fresh.matches(c.offer(w)) {
			fresh.eligible = append(fresh.eligible, w.id)
		}
	}
	if len(fresh.eligible) == 0 {
		return nil, c.explain(fresh)
	}
	c.keep(fresh)
	return fresh, nil
}

func compareLabels(a, b probe.Label) int {
	if n := strings.Compare(a.Key, b.Key); n != 0 {
		return n
	}
	return strings.Compare(a.Value, b.Value)
}

// keep caches a set, and forgets the least recently used ones beyond the bound that no job is under.
func (c *Core) keep(s *set) {
	for len(c.sets) >= c.cfg.MaxSets {
		var oldest *set
		for _, o := range c.sets {
			if o.jobs == 0 && (oldest == nil || o.used < oldest.used) {
				oldest = o
			}
		}
		if oldest == nil {
			break
		}
		last := c.sets[len(c.sets)-1]
		c.sets[oldest.index], last.index = last, oldest.index
		c.sets[len(c.sets)-1] = nil
		c.sets = c.sets[:len(c.sets)-1]
		delete(c.byKey, oldest.key)
	}
	s.used, s.index = c.stats.Submitted, len(c.sets)
	c.sets = append(c.sets, s)
	c.byKey[s.key] = s
}

// retryAfterMS is what a job refused for want of workers is told to wait:
// about what a worker takes to start and be found.
const (
	retryAfterMS    = 1000
	maxRetryAfterMS = 10_000
)

// explain says why no worker is in the set.
func (c *Core) explain(s *set) error {
	active := false
	app := set{app: s.app}
	var candidates []*Worker // with the app
	for i := range c.workers {
		w := &c.workers[i]
		if !w.active {
			continue
		}
		active = true
		if o := c.offer(w); app.matches(o) {
			candidates = append(candidates, o)
		}
	}
	if !active {
		e := task.Errorf(task.CodeNoWorkers, "no worker is connected")
		e.RetryAfterMS = retryAfterMS
		return e
	}
	if len(candidates) == 0 {
		return task.Errorf(task.CodeUnknownApp, "app: no connected worker has %q", s.app)
	}
	for _, l := range s.require {
		if !slices.ContainsFunc(candidates, func(w *Worker) bool { return slices.Contains(w.Labels, l) }) {
			return task.Errorf(task.CodeUnsatisfiable, "require: no connected worker with app %q has %s=%s", s.app, l.Key, l.Value)
		}
	}
	// Each label is somewhere, but not all of them at one worker: name the first that leaves nobody.
	for i, l := range s.require {
		candidates = slices.DeleteFunc(candidates, func(w *Worker) bool { return !slices.Contains(w.Labels, l) })
		if len(candidates) == 0 {
			return task.Errorf(task.CodeUnsatisfiable, "require: no connected worker with app %q has %s=%s together with %s",
				s.app, l.Key, l.Value, join(s.require[:i]))
		}
	}
	return task.Errorf(task.CodeInternal, "placement: workers are eligible after all")
}

func join(labels []probe.Label) string {
	var b strings.Builder
	for i, l := range labels {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(l.Key + "=" + l.Value)
	}
	return b.String()
}
