package placement

import (
	"slices"
	"strings"

	"dunnock/probe"
	"dunnock/task"
)

// lack is what keeps a constraint set from having a worker.
type lack struct {
	app      bool          // nobody has it
	labels   []probe.Label // each of which nobody has who has the app and the labels in with
	with     []probe.Label
	excluded bool   // who has the app and all labels is excluded
	need     string // what those have too little of that have all that
}

// lacks says why nobody is eligible for a set, in the order in which a user would look: the app, then all labels that
// nobody has, then the first one that nobody has together with those before it, then what is excluded.
func (c *Core) lacks(s *set) lack {
	candidates := c.index.shortest(s.app, nil)
	if len(candidates) == 0 {
		return lack{app: true}
	}
	having := func(labels []probe.Label) bool {
		some := set{app: s.app, require: labels}
		return slices.ContainsFunc(c.index.shortest(s.app, labels), func(id probe.WorkerID) bool { return some.matches(c.offer(&c.workers[id])) })
	}
	var missing []probe.Label
	for i := range s.require {
		if !having(s.require[i : i+1]) {
			missing = append(missing, s.require[i])
		}
	}
	if len(missing) > 0 {
		return lack{labels: missing}
	}
	for i := range s.require {
		if !having(s.require[:i+1]) {
			return lack{labels: s.require[i : i+1], with: s.require[:i]}
		}
	}
	if s.need != nil {
		some := &set{app: s.app, require: s.require, exclude: s.exclude}
		list := c.index.shortest(s.app, s.require)
		if slices.ContainsFunc(list, func(id probe.WorkerID) bool { return some.matches(c.offer(&c.workers[id])) }) {
			return lack{need: c.shortage(s.need, list, some)}
		}
	}
	return lack{excluded: true}
}

// refusal is the error of a job that nobody could run. Where names the tasks that it is about, "" for those without
// constraints of their own.
func (c *Core) refusal(s *set, where string) *task.Error {
	if c.load.Workers == 0 {
		e := task.Errorf(task.CodeNoWorkers, "no worker is connected")
		e.RetryAfterMS = retryAfterMS
		return e
	}
	switch l := c.lacks(s); {
	case l.app:
		return task.Errorf(task.CodeUnknownApp, "app: no connected worker has %q", s.app)
	case l.need != "":
		return scarce(where, s.app, s.require, l.need, s.need)
	case l.excluded:
		return task.Errorf(task.CodeUnsatisfiable, "%sexclude: every connected worker with app %q%s is excluded (%s)",
			where, s.app, and(s.require), join(s.exclude))
	case len(l.with) > 0:
		return task.Errorf(task.CodeUnsatisfiable, "%srequire: no connected worker with app %q has %s together with %s",
			where, s.app, join(l.labels), join(l.with))
	default:
		return task.Errorf(task.CodeUnsatisfiable, "%srequire: no connected worker with app %q has %s", where, s.app, either(l.labels))
	}
}

// phrase says in words why nobody is eligible for a set.
func (c *Core) phrase(s *set) string {
	if c.load.Workers == 0 {
		return "no worker is connected"
	}
	switch l := c.lacks(s); {
	case l.app:
		return "no connected worker has app " + s.app
	case l.need != "":
		return "no connected worker with app " + s.app + and(s.require) + " has " + l.need
	case l.excluded:
		return "every connected worker with app " + s.app + and(s.require) + " is excluded (" + join(s.exclude) + ")"
	case len(l.with) > 0:
		return "no connected worker has " + join(l.labels) + " together with " + join(l.with)
	default:
		return "no connected worker has " + either(l.labels)
	}
}

// and lists labels behind an app.
func and(labels []probe.Label) string {
	if len(labels) == 0 {
		return ""
	}
	return " and " + join(labels)
}

// either lists labels of which none is there.
func either(labels []probe.Label) string {
	last := len(labels) - 1
	if last == 0 {
		return join(labels)
	}
	return join(labels[:last]) + " or " + join(labels[last:])
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
