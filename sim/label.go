package sim

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"dunnock/probe"
	"dunnock/task"
)

// maxLabels bounds how many different labels a run has.
const maxLabels = 8

// Share says how many of something have a label, or require it: each with that probability.
type Share struct {
	Label string
	Of    float64 // 0 to 1
}

// String returns the form that [Share.UnmarshalText] reads.
func (s Share) String() string { return s.Label + "=" + strconv.FormatFloat(s.Of, 'g', -1, 64) }

// UnmarshalText reads LABEL=SHARE.
func (s *Share) UnmarshalText(b []byte) error {
	label, of, ok := strings.Cut(string(b), "=")
	v, err := strconv.ParseFloat(of, 64)
	if !ok || err != nil {
		return fmt.Errorf("want LABEL=SHARE, such as gpu=0.1, got %.40q", b)
	}
	*s = Share{label, v}
	return nil
}

// constrained reports whether anything requires a label.
func (c *Config) constrained() bool { return len(c.RequireJobs)+len(c.RequireTasks) > 0 }

func (c *Config) labelFaults() []error {
	var faults []error
	if len(c.Labels) > maxLabels {
		faults = append(faults, fmt.Errorf("labels: at most %d, got %d", maxLabels, len(c.Labels)))
	}
	for _, list := range []struct {
		name   string
		shares []Share
	}{{"labels", c.Labels}, {"require jobs", c.RequireJobs}, {"require tasks", c.RequireTasks}} {
		for i, s := range list.shares {
			named := func(o Share) bool { return o.Label == s.Label }
			switch {
			case !task.ValidApp(s.Label):
				faults = append(faults, fmt.Errorf("%s: want a name of 1 to %d characters of a-z 0-9 . _ -, got %.80q", list.name, task.MaxNameLen, s.Label))
			case math.IsNaN(s.Of) || s.Of < 0 || s.Of > 1:
				faults = append(faults, fmt.Errorf("%s: %s: want a share of 0 to 1, got %g", list.name, s.Label, s.Of))
			case slices.ContainsFunc(list.shares[:i], named):
				faults = append(faults, fmt.Errorf("%s: %s is there twice", list.name, s.Label))
			case !slices.ContainsFunc(c.Labels, named):
				faults = append(faults, fmt.Errorf("%s: no worker has label %s", list.name, s.Label))
			}
		}
	}
	if c.constrained() && !usesCores(c.Policy) && c.Policy != "per-task" {
		faults = append(faults, fmt.Errorf("require: policy %s does not know labels; per-task and those that run the fleet's own code do", c.Policy))
	}
	return faults
}

// mask is a set of labels: bit i is Config.Labels[i].
type mask uint8

// labelling is who has which labels and what requires them. A draw depends on the seed, the label and what it is for alone, so that all
// policies meet the same.
type labelling struct {
	labels   []probe.Label
	workers  []mask
	jobs     []draw
	tasks    []draw
	eligible [1 << maxLabels][]uint32 // by what is required; made when it is asked for
}

// draw says with which probability a label is there.
type draw struct {
	bit   mask
	below uint64 // of 2⁶³
	from  stream
}

func newLabelling(c *Config) *labelling {
	l := &labelling{workers: make([]mask, c.Workers)}
	draws := func(shares []Share, label string) []draw {
		list := make([]draw, 0, len(shares))
		for _, s := range shares {
			bit := slices.IndexFunc(c.Labels, func(o Share) bool { return o.Label == s.Label })
			list = append(list, draw{bit: 1 << bit, below: uint64(s.Of * (1 << 63)), from: newStream(c.Seed, label+s.Label)})
		}
		return list
	}
	l.jobs, l.tasks = draws(c.RequireJobs, labelJobLabels), draws(c.RequireTasks, labelTaskLabels)
	for _, d := range draws(c.Labels, labelWorkerLabels) {
		some := false
		for w := range l.workers {
			if d.at(uint64(w)) != 0 {
				l.workers[w] |= d.bit
				some = true
			}
		}
		if !some { // somebody has to
			l.workers[int(d.from.at(math.MaxUint32)%uint64(len(l.workers)))] |= d.bit
		}
	}
	for _, s := range c.Labels {
		l.labels = append(l.labels, probe.Label{Key: s.Label, Value: "yes"})
	}
	return l
}

// at returns the draw's bit or nothing.
func (d *draw) at(i uint64) mask {
	if d.from.at(i)>>1 < d.below {
		return d.bit
	}
	return 0
}

// ofJob returns what all tasks of a job require.
func (l *labelling) ofJob(index uint64) (m mask) {
	for i := range l.jobs {
		m |= l.jobs[i].at(index)
	}
	return m
}

// ofTask returns what a task requires beyond that.
func (l *labelling) ofTask(index uint64, t uint32) (m mask) {
	for i := range l.tasks {
		m |= l.tasks[i].at(index<<24 | uint64(t))
	}
	return m
}

// list returns the labels of a set.
func (l *labelling) list(m mask) []probe.Label {
	var out []probe.Label
	for i, label := range l.labels {
		if m>>i&1 == 1 {
			out = append(out, label)
		}
	}
	return out
}

// who returns the workers that have all labels of a set. If nobody has, nobody in the run could be asked for both, and the labels are
// dropped from the last one on until somebody has what is left.
func (l *labelling) who(m mask) (mask, []uint32) {
	for {
		if l.eligible[m] == nil {
			for w, has := range l.workers {
				if has&m == m {
					l.eligible[m] = append(l.eligible[m], uint32(w))
				}
			}
		}
		if len(l.eligible[m]) > 0 {
			return m, l.eligible[m]
		}
		top := mask(1)
		for m>>1 >= top {
			top <<= 1
		}
		m &^= top
	}
}
