package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dunnock/task"
)

// MaxGroups bounds the groups of one job.
const MaxGroups = 999

// Demand is what tasks say about their worker: what they take of it, and its labels. Fields are named and mean what
// they do in [task.Job] and [task.Task]. What its maps and slices hold is shared by many jobs, and nobody changes it.
type Demand struct {
	Slots     int               // that each task takes: 1…MaxWidth; 0 is 1, and in a group what the job says
	Resources map[string]uint32 // that each task takes beside them
	Require   map[string]string // labels that a worker must have
	Prefer    map[string]string // labels that a worker had better have
	Exclude   []string          // labels, as "zone=b", that a worker must not have
}

// Group is tasks of a job that say more about workers than their job does; of one key their value counts.
type Group struct {
	Tasks []uint32 // ascending, and each in one group only
	Demand
}

// Plain reports whether a job's tasks say nothing about workers but how many slots they all take.
func (j *Job) Plain() bool {
	d := &j.Demand
	return len(d.Resources)+len(d.Require)+len(d.Prefer)+len(d.Exclude)+len(j.Groups) == 0 && j.Spread == ""
}

// GroupOf returns the place in Groups of the one that a task is in; −1: it is in none.
func (j *Job) GroupOf(t uint32) int {
	for i := range j.Groups {
		if _, found := slices.BinarySearch(j.Groups[i].Tasks, t); found {
			return i
		}
	}
	return -1
}

// Described returns a demand as a task has it.
func (d *Demand) Described() task.Task {
	return task.Task{Slots: d.Slots, Resources: d.Resources, Require: d.Require, Prefer: d.Prefer, Exclude: d.Exclude}
}

// fault returns the first bound that a demand does not keep; nil if it keeps all.
func (d *Demand) fault(where string) *breach {
	t := d.Described()
	err := t.ValidateDemand(where)
	if err == nil {
		return nil
	}
	text := err.Error()
	if e, ok := err.(*task.Error); ok { //nolint:errorlint // it is not wrapped
		text = e.Message
	}
	name, reason, _ := strings.Cut(text, ": ")
	return &breach{name: name, index: -1, reason: reason}
}

// checkDemands returns the first bound that what a job's tasks say about workers does not keep.
func (j *Job) checkDemands() *breach {
	if b := j.fault(""); b != nil {
		return b
	}
	if len(j.Spread) > task.MaxNameLen || j.Spread != "" && !task.ValidApp(j.Spread) {
		return &breach{name: nameSpread, index: -1, reason: "want the key of a label, got " + quote(j.Spread)}
	}
	if len(j.Groups) > MaxGroups {
		return &breach{name: nameGroups, index: -1, reason: fmt.Sprintf("at most %d, got %d", MaxGroups, len(j.Groups))}
	}
	var taken []bool
	if len(j.Groups) > 0 {
		taken = make([]bool, len(j.Service))
	}
	for i := range j.Groups {
		g, name := &j.Groups[i], element(nameGroups, i)
		if len(g.Tasks) == 0 {
			return &breach{name: name + ".tasks", index: -1, reason: "a group has at least one task"}
		}
		for k, t := range g.Tasks {
			switch {
			case int(t) >= len(j.Service):
				return &breach{name: name + ".tasks", index: -1, reason: fmt.Sprintf("the job has %d tasks, counted from 0, and no task %d", len(j.Service), t)}
			case k > 0 && g.Tasks[k-1] >= t:
				return &breach{name: name + ".tasks", index: -1, reason: fmt.Sprintf("want them ascending, got %d after %d", t, g.Tasks[k-1])}
			case taken[t]:
				return &breach{name: name + ".tasks", index: -1, reason: fmt.Sprintf("task %d is in another group", t)}
			}
			taken[t] = true
		}
		if b := g.fault(name + "."); b != nil {
			return b
		}
	}
	return nil
}

// AppendDemands appends what a job's tasks say about workers, slots left out, as the fields of a line of NDJSON, each
// after a comma.
func AppendDemands(b []byte, j *Job) []byte {
	b = j.append(b)
	if j.Spread != "" {
		b = appendString(append(b, `,"`+nameSpread+`":`...), j.Spread)
	}
	for i := range j.Groups {
		g := &j.Groups[i]
		if i == 0 {
			b = append(b, `,"`+nameGroups+`":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(b, `{"`+nameTasks+`":[`...)
		for k, t := range g.Tasks {
			if k > 0 {
				b = append(b, ',')
			}
			b = fmt.Append(b, t)
		}
		b = append(b, ']')
		if g.Slots > 0 {
			b = fmt.Append(append(b, `,"`+nameSlots+`":`...), g.Slots)
		}
		b = append(g.append(b), '}')
		if i+1 == len(j.Groups) {
			b = append(b, ']')
		}
	}
	return b
}

// append appends what a demand says but of slots, each field after a comma.
func (d *Demand) append(b []byte) []byte {
	b = appendObject(b, nameResources, d.Resources, func(b []byte, n uint32) []byte { return fmt.Append(b, n) })
	b = appendObject(b, nameRequire, d.Require, appendString)
	b = appendObject(b, namePrefer, d.Prefer, appendString)
	for i, e := range d.Exclude {
		if i == 0 {
			b = append(b, `,"`+nameExclude+`":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendString(b, e)
		if i+1 == len(d.Exclude) {
			b = append(b, ']')
		}
	}
	return b
}

// appendObject appends a field that is an object, in the order of its keys, after a comma. An empty one is left out.
func appendObject[V any](b []byte, name string, of map[string]V, value func([]byte, V) []byte) []byte {
	if len(of) == 0 {
		return b
	}
	b = append(b, `,"`+name+`":`...)
	for i, k := range slices.Sorted(maps.Keys(of)) {
		if i == 0 {
			b = append(b, '{')
		} else {
			b = append(b, ',')
		}
		b = value(append(appendString(b, k), ':'), of[k])
	}
	return append(b, '}')
}
