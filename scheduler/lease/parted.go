package lease

import (
	"time"

	"dunnock/probe"
)

// parted are jobs that ended here while they may go on elsewhere: because no owner came back for them, or because
// another scheduler has them, or a later submission. Attempts that had ended by then, and were on their way, are as
// good as any others.
type parted struct {
	jobs  map[probe.Ref]struct{}
	order []partedJob // in the order of their times
}

type partedJob struct {
	ref probe.Ref
	at  time.Duration
}

func (p *parted) add(now time.Duration, ref probe.Ref, most int) {
	if p.jobs == nil {
		p.jobs = make(map[probe.Ref]struct{})
	}
	if len(p.order) >= most {
		p.drop()
	}
	p.jobs[ref] = struct{}{}
	p.order = append(p.order, partedJob{ref, now})
}

func (p *parted) drop() {
	delete(p.jobs, p.order[0].ref)
	p.order = p.order[1:]
}

// Forget forgets the jobs that have parted long ago.
func (b *Book) Forget(now time.Duration) {
	p := &b.parted
	for len(p.order) > 0 && now-p.order[0].at > b.cfg.PartedFor {
		p.drop()
	}
}

// Wants reports whether somebody may come for what a worker says of an attempt: its job has parted. That it was stopped
// is of no use: whoever comes starts it again.
func (b *Book) Wants(m *probe.Finished) bool {
	if len(b.parted.jobs) == 0 || m.Status == probe.StatusKilled {
		return false
	}
	_, ok := b.parted.jobs[m.Ref]
	return ok
}
