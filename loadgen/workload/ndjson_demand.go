package workload

import (
	"math"
	"slices"
	"strings"

	"dunnock/task"
)

// object reads an object: a name, which is valid until the next string is read, and what field reads after its colon,
// one after the other. in is what errors about the names call it.
func (p *ndjson) object(in string, field func(name []byte) *InputError) *InputError {
	if err := p.expect('{'); err != nil {
		err.Field = in
		return err
	}
	for first := true; ; first = false {
		if p.peek() == '}' && first {
			break
		}
		name, err := p.string(in)
		if err != nil {
			return err
		}
		if err := p.expect(':'); err != nil {
			err.Field = in
			return err
		}
		if err := field(name); err != nil {
			return err
		}
		if p.peek() == '}' {
			break
		}
		if err := p.expect(','); err != nil {
			err.Field = in
			return err
		}
	}
	p.at++
	return nil
}

// entries reads an object of at most so many names, each once, into a map; nil if it is empty.
func entries[V any](p *ndjson, name string, most int, value func(in string) (V, *InputError)) (map[string]V, *InputError) {
	var all map[string]V
	err := p.object(name, func(key []byte) *InputError {
		k := string(key)
		in := name + "." + k
		if _, there := all[k]; there {
			return &InputError{Field: printable(in), Reason: "is there twice"}
		}
		if len(all) == most {
			return &InputError{Field: name, Reason: "at most " + formatFloat(float64(most))}
		}
		v, err := value(printable(in))
		if all == nil {
			all = make(map[string]V)
		}
		all[k] = v
		return err
	})
	return all, err
}

// printable returns a name as it is, or quoted if it has anything unusual in it.
func printable(name string) string {
	if strings.IndexFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }) >= 0 || len(name) > 60 {
		return quote(name)
	}
	return name
}

// labels reads an object of labels.
func (p *ndjson) labels(name string) (map[string]string, *InputError) {
	return entries(p, name, task.MaxLabels, func(in string) (string, *InputError) {
		value, err := p.string(in)
		return string(value), err
	})
}

// amounts reads an object of resources.
func (p *ndjson) amounts(name string) (map[string]uint32, *InputError) {
	return entries(p, name, task.MaxResources, func(in string) (uint32, *InputError) {
		n, err := p.integer(in, 0, math.MaxUint32)
		return uint32(n), err
	})
}

// strings reads an array of strings.
func (p *ndjson) strings(name string) (list []string, err *InputError) {
	err = p.array(name, func(i int) *InputError {
		s, err := p.string(element(name, i))
		list = append(list, string(s))
		return err
	})
	return list, err
}

// group reads one group.
func (p *ndjson) group(i int, g *Group) *InputError {
	known := []string{nameTasks, nameSlots, nameResources, nameRequire, namePrefer, nameExclude}
	in := element(nameGroups, i)
	seen := make([]bool, len(known))
	return p.object(in, func(name []byte) (err *InputError) {
		at := slices.Index(known, string(name))
		if at < 0 {
			return &InputError{Field: in + "." + quote(string(name)), Reason: "unknown field; a group has " + strings.Join(known[:5], ", ") + " and " + known[5]}
		}
		field := in + "." + known[at]
		if seen[at] {
			return &InputError{Field: field, Reason: "is there twice"}
		}
		seen[at] = true
		if known[at] == nameTasks {
			g.Tasks, err = p.integers(field, 0, MaxTasks-1, nil)
			return err
		}
		return p.demand(known[at], field, &g.Demand)
	})
}

// demand reads the field of that name of what a job or a group asks of workers; errors call it in.
func (p *ndjson) demand(name, in string, d *Demand) (err *InputError) {
	switch name {
	case nameSlots:
		d.Slots, err = p.integer(in, 1, MaxWidth)
	case nameResources:
		d.Resources, err = p.amounts(in)
	case nameRequire:
		d.Require, err = p.labels(in)
	case namePrefer:
		d.Prefer, err = p.labels(in)
	case nameExclude:
		d.Exclude, err = p.strings(in)
	}
	return err
}
