package workload

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"dunnock/task"
)

// Wishes are labels that jobs and single tasks ask for, each with its probability. What a job and its tasks draw
// depends on the seed, the label and the job's place alone. Where no worker has what a task requires together, or is
// free of what it excludes, it requires or excludes less.
type Wishes struct {
	RequireJobs, RequireTasks []Share
	PreferJobs, PreferTasks   []Share
	ExcludeJobs, ExcludeTasks []Share
	Spread                    string // key of a label over which the tasks of all jobs are spread; empty: they are not
	Seed                      uint64
}

// None reports whether nothing is asked for.
func (w *Wishes) None() bool {
	return len(w.RequireJobs)+len(w.RequireTasks)+len(w.PreferJobs)+len(w.PreferTasks)+len(w.ExcludeJobs)+len(w.ExcludeTasks) == 0 && w.Spread == ""
}

// Lists are all lists of shares, by the names of the flags that they are from.
func (w *Wishes) Lists() []WishList {
	return []WishList{
		{"require-jobs", "job-label-", false, w.RequireJobs},
		{"require-tasks", "task-label-", false, w.RequireTasks},
		{"prefer-jobs", "job-prefer-", false, w.PreferJobs},
		{"prefer-tasks", "task-prefer-", false, w.PreferTasks},
		{"exclude-jobs", "job-exclude-", true, w.ExcludeJobs},
		{"exclude-tasks", "task-exclude-", true, w.ExcludeTasks},
	}
}

// WishList is one list of a [Wishes].
type WishList struct {
	Name     string // such as "require-tasks"
	stream   string // what its draws are named after, which is part of every digest ever published
	excludes bool
	Shares   []Share
}

// Validate reports all faults at once, for a fleet whose workers have this. Of a fleet that is not known, nil,
// everything may be asked for.
func (w *Wishes) Validate(nodes []Node) error {
	var faults []error
	seen := make(map[string]bool)
	for _, l := range w.Lists() {
		for i := range l.Shares {
			s := &l.Shares[i]
			if err := s.validate(); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", l.Name, err))
				continue
			}
			seen[s.label()] = true
			has := func(n Node) bool { return n.Has(s.Key, s.Value) }
			lacks := func(n Node) bool { return !has(n) }
			switch {
			case s.Key == task.WorkerLabel:
				faults = append(faults, fmt.Errorf("%s: %s is a worker's name, and not for a share of jobs or tasks to ask for", l.Name, s.Key))
			case slices.ContainsFunc(l.Shares[:i], func(o Share) bool { return o.Key == s.Key }):
				faults = append(faults, fmt.Errorf("%s: %s is there twice", l.Name, s.Key))
			case nodes == nil:
			case !slices.ContainsFunc(nodes, has):
				faults = append(faults, fmt.Errorf("%s: no worker has label %s", l.Name, s.label()))
			case l.excludes && !slices.ContainsFunc(nodes, lacks):
				faults = append(faults, fmt.Errorf("%s: every worker has label %s, and none would be left", l.Name, s.label()))
			}
		}
	}
	if len(seen) > MaxFleetLabels {
		faults = append(faults, fmt.Errorf("require, prefer, exclude: at most %d labels, got %d", MaxFleetLabels, len(seen)))
	}
	switch {
	case w.Spread == "":
	case !task.ValidApp(w.Spread):
		faults = append(faults, fmt.Errorf("spread: want the key of a label, 1 to %d characters of a-z 0-9 . _ -, got %s", task.MaxNameLen, quote(w.Spread)))
	case nodes != nil && !slices.ContainsFunc(nodes, func(n Node) bool { _, has := n.Labels[w.Spread]; return has }):
		faults = append(faults, fmt.Errorf("spread: no worker has a label %s", w.Spread))
	}
	return errors.Join(faults...)
}

// mask is a set of labels.
type mask uint16

// wishing is Wishes at work.
type wishing struct {
	of     Wishes
	labels []Share
	draws  [6][]maskDraw // in the order of Lists
	nodes  map[mask]bool // who there is, by what it has; nil: that is not known
	sets   map[mask]map[string]string
	groups []Group           // scratch: those of the last job
	places map[[3]mask]int   // scratch
	lists  map[mask][]string // of what is excluded
}

// maskDraw is a draw of a label.
type maskDraw struct {
	draw
	bit mask
}

// Wish has the jobs of a source ask for labels, in addition to what they say themselves; nodes is what the workers
// have, nil if that is not known. A job of a file that has groups may not be wished anything for its tasks.
func (s *Source) Wish(w Wishes, nodes []Node) error {
	if err := w.Validate(nodes); err != nil {
		return fmt.Errorf("workload: %w", err)
	}
	if w.None() {
		return nil
	}
	x := &wishing{of: w, sets: make(map[mask]map[string]string), places: make(map[[3]mask]int), lists: make(map[mask][]string)}
	for k, l := range w.Lists() {
		for i := range l.Shares {
			s := &l.Shares[i]
			at := slices.IndexFunc(x.labels, func(o Share) bool { return o.Key == s.Key && o.Value == s.Value })
			if at < 0 {
				at = len(x.labels)
				x.labels = append(x.labels, *s)
			}
			x.draws[k] = append(x.draws[k], maskDraw{newDraw(w.Seed, l.stream+s.label(), s.Of), 1 << at})
		}
	}
	if nodes != nil {
		x.nodes = make(map[mask]bool)
		for i := range nodes {
			var m mask
			for k := range x.labels {
				if nodes[i].Has(x.labels[k].Key, x.labels[k].Value) {
					m |= 1 << k
				}
			}
			x.nodes[m] = true
		}
	}
	s.wishes = x
	return nil
}

// drawn returns the labels of a list that are drawn at a place.
func (x *wishing) drawn(list int, at uint64) (m mask) {
	for i := range x.draws[list] {
		if x.draws[list][i].at(at) {
			m |= x.draws[list][i].bit
		}
	}
	return m
}

// anybody reports whether a worker has all of one set and nothing of another.
func (x *wishing) anybody(require, exclude mask) bool {
	if x.nodes == nil {
		return true
	}
	for m := range x.nodes {
		if m&require == require && m&exclude == 0 {
			return true
		}
	}
	return false
}

// possible returns what of two sets can be asked for beside what is: labels are dropped from the last one on until
// somebody has what is left.
func (x *wishing) possible(job [2]mask, require, exclude mask) (mask, mask) {
	for require|exclude != 0 && !x.anybody(job[0]|require, job[1]|exclude) {
		if exclude != 0 {
			exclude &^= top(exclude)
		} else {
			require &^= top(require)
		}
	}
	return require, exclude
}

// top is the last label of a set.
func top(m mask) mask {
	bit := mask(1)
	for m>>1 >= bit {
		bit <<= 1
	}
	return bit
}

// apply has a job ask for what it and its tasks draw.
func (x *wishing) apply(j *Job, index uint64) *breach {
	if x.of.Spread != "" && j.Spread == "" {
		j.Spread = x.of.Spread
	}
	require, exclude := x.possible([2]mask{}, x.drawn(0, index), x.drawn(4, index))
	prefer := x.drawn(2, index)
	j.Require, j.Prefer = x.add(j.Require, require), x.add(j.Prefer, prefer)
	if exclude != 0 {
		j.Exclude = append(slices.Clip(j.Exclude), x.excluded(exclude)...)
	}
	if len(x.draws[1])+len(x.draws[3])+len(x.draws[5]) == 0 {
		return nil
	}
	if len(j.Groups) > 0 {
		return &breach{name: nameGroups, index: -1, reason: "the job says itself what its tasks require, and cannot be told"}
	}
	clear(x.places)
	n := 0
	for t := range j.Service {
		at := index<<24 | uint64(t)
		r, e := x.possible([2]mask{require, exclude}, x.drawn(1, at)&^require, x.drawn(5, at)&^exclude)
		what := [3]mask{r, x.drawn(3, at) &^ prefer, e}
		if what == ([3]mask{}) {
			continue
		}
		i, known := x.places[what]
		if !known {
			i = n
			n++
			x.places[what] = i
			if n > len(x.groups) {
				x.groups = append(x.groups, Group{})
			}
			g := &x.groups[i]
			g.Tasks, g.Require, g.Prefer, g.Exclude = g.Tasks[:0], x.add(nil, what[0]), x.add(nil, what[1]), x.excluded(what[2])
		}
		x.groups[i].Tasks = append(x.groups[i].Tasks, uint32(t))
	}
	j.Groups = x.groups[:n]
	return nil
}

// add adds labels to those that are there, of which none is changed.
func (x *wishing) add(to map[string]string, m mask) map[string]string {
	if m == 0 {
		return to
	}
	set, known := x.sets[m]
	if !known {
		set = make(map[string]string)
		for i := range x.labels {
			if m>>i&1 == 1 {
				set[x.labels[i].Key] = x.labels[i].Value
			}
		}
		x.sets[m] = set
	}
	if len(to) == 0 {
		return set
	}
	both := maps.Clone(set)
	maps.Copy(both, to)
	return both
}

// excluded returns a set as entries of what is excluded.
func (x *wishing) excluded(m mask) []string {
	if m == 0 {
		return nil
	}
	list, known := x.lists[m]
	if !known {
		for i := range x.labels {
			if m>>i&1 == 1 {
				list = append(list, x.labels[i].Key+"="+x.labels[i].Value)
			}
		}
		x.lists[m] = list
	}
	return list
}
