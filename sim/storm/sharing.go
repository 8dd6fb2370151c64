package storm

import (
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/worker/queue"
)

// What tasks share, beside one slot each: several slots, resources, warm caches, and whose turn it is at a worker. All
// of it is drawn from streams of its own.

// sharing is what a plan says of that.
type sharing struct {
	Wide       int              // jobs, per thousand, of which all tasks or some take several slots or resources
	GPUs       int              // that every third worker has, and up to half of which a wide task takes
	Keyed      int              // jobs, per thousand, whose tasks have affinity keys
	Discipline queue.Discipline // of some workers or all; what waits there has a class
	SortEvery  int              // which: every n-th
	Flood      bool             // plain tasks keep coming for a while when all is well, and wide ones have to get through
}

// share draws what is shared.
func (p *Plan) share() {
	if p.Sleepy {
		return
	}
	d := newDice(p.Seed, 10<<32)
	if d.permille(300) {
		p.Wide, p.GPUs = d.between(50, 600), d.between(0, 3)
		p.Slots = max(p.Slots, 2)
		p.queue.Slots = p.Slots
		if p.Flood = d.permille(60) && !p.Even; p.Flood {
			p.Workers, p.Slots, p.Black, p.Odd = d.between(2, 3), 2, 0, [oddities]int{}
			p.queue.Slots = p.Slots
			p.Service, p.placement.MaxQueueTime, p.queue.MaxReservations = d.spread(2*time.Millisecond, 20*time.Millisecond), 0, 0
		}
	}
	if d.permille(200) {
		p.Keyed = d.between(100, 900)
	}
	if d.permille(150) && !p.Flood {
		p.Discipline = queue.Discipline(d.between(int(queue.FIFO)+1, int(queue.SRPT)))
		p.SortEvery = d.between(1, 3)
	}
}

// gpus are what a worker has of the one resource that there is.
func (k *worker) gpus() uint32 {
	if k.node%3 == 0 {
		return uint32(k.w.plan.GPUs)
	}
	return 0
}

// sorts reports whether a worker has a discipline by which those that came later may come first.
func (k *worker) sorts() bool {
	p := &k.w.plan
	return p.SortEvery > 0 && k.node%p.SortEvery == 0
}

// config is that of a worker's core.
func (k *worker) config() queue.Config {
	cfg := k.w.plan.queue
	cfg.Seed = uint64(k.incarnation(k.life))
	if n := k.gpus(); n > 0 {
		cfg.Resources = []uint32{n}
	}
	if k.sorts() {
		cfg.Discipline = k.w.plan.Discipline
	}
	return cfg
}

// offer is what a worker says of itself to a scheduler.
func (k *worker) offer() placement.Worker {
	o := placement.Worker{Slots: k.w.plan.Slots, Apps: k.w.apps, Labels: k.labels, Sorts: k.sorts(), Name: xxhash.Sum64String(k.w.name(k.node))}
	o.Fair = o.Sorts && k.w.plan.Discipline == queue.Fair
	if n := k.gpus(); n > 0 {
		o.Resources = []probe.Amount{{Name: "gpu", N: n}}
	}
	return o
}

// takes is what one task takes.
type takes struct {
	slots int
	gpus  uint32
}

// spec says it to a scheduler.
func (n takes) spec() placement.Need {
	s := placement.Need{Slots: n.slots}
	if n.gpus > 0 {
		s.Resources = []probe.Amount{{Name: "gpu", N: n.gpus}}
	}
	return s
}

// crowd is whose turn it is among jobs.
type crowd struct {
	user     string
	priority int16
	estimate time.Duration
}

// arrange draws what a job's tasks take and like, and whose it is.
func (w *world) arrange(j *job) {
	p := &w.plan
	d := newDice(p.Seed, 11<<32+uint64(j.index))
	for _, t := range j.tasks {
		t.takes.slots = 1
	}
	if d.permille(p.Wide) {
		n := takes{slots: d.between(1, p.Slots)}
		if p.GPUs > 0 && (n.slots == 1 || d.coin()) {
			n.gpus = uint32(d.between(1, (p.GPUs+1)/2))
		}
		first := 0
		if d.coin() { // the rest of it
			first = d.n(len(j.tasks))
		}
		for _, t := range j.tasks[first:] {
			t.takes = n
		}
	}
	if d.permille(p.Keyed) {
		j.keys = make([]probe.Key, len(j.tasks))
		for i := range j.keys {
			j.keys[i] = probe.Key(d.n(6)) // 0 is none
		}
	}
	j.crowd = crowd{user: "u" + strconv.Itoa(d.n(3)), priority: int16(d.between(-2, 2)), estimate: p.Service * time.Duration(d.n(3))}
}

// groups are the tasks of a job that take something else than its first one.
func (j *job) groups() (groups []placement.Group) {
	g := placement.Group{Require: j.require}
	for _, t := range j.tasks {
		if t.takes != j.tasks[0].takes {
			g.Tasks, g.Need = append(g.Tasks, t.index), t.takes.spec()
		}
	}
	if len(g.Tasks) > 0 {
		groups = append(groups, g)
	}
	return groups
}

// class is what a worker goes by that sorts.
func (h *heldJob) class(now time.Duration) *probe.Class {
	j := h.job
	return &probe.Class{
		User: []byte(j.crowd.user), Priority: j.crowd.priority, Deadline: max(h.deadline-now, 0), Work: probe.Work(j.crowd.estimate, len(j.tasks)-len(h.ends)),
	}
}

// reserve brings a reservation to its worker, with what its tasks take.
func (l *link) reserve(f *placement.Effect) {
	s := l.s
	h := s.held(f.Ref)
	if h == nil {
		return // it is cancelled behind this
	}
	m, need, class := probe.Reserve{Ref: f.Ref, Res: f.Res, Count: f.Count}, probe.Need{}, h.class(s.w.now)
	if f.Task != 0 {
		need = s.core.Need(f.Task, f.Worker)
	}
	l.tell(func(c *queue.Core, now time.Duration, id probe.SchedulerID, out []queue.Effect) []queue.Effect {
		return c.ReserveNeed(now, id, m, class, need, out)
	})
}

// judgeRoom judges a start by what its worker has, beside all that runs there.
func (b *book) judgeRoom(k *worker, x *start) {
	sum := x.task.takes
	for _, h := range k.handlers {
		if h != nil {
			sum.slots += h.task.takes.slots
			sum.gpus += h.task.takes.gpus
		}
	}
	if sum.slots > b.w.plan.Slots {
		b.w.fail("%s runs attempts of %d slots in %d", b.w.name(k.node), sum.slots, b.w.plan.Slots)
	}
	if sum.gpus > k.gpus() {
		b.w.fail("%s runs attempts that take %d of a resource of which it has %d", b.w.name(k.node), sum.gpus, k.gpus())
	}
}

// cost is how much of the fleet's time a task may take: one that takes resources has every third worker only, and slots
// wait for it meanwhile.
func (w *world) cost(t *jobTask) int64 {
	if t.takes.gpus > 0 || t.takes.slots > 1 {
		return int64(w.plan.Slots * len(w.workers))
	}
	return 1
}

// flood has plain jobs come for a while when all is well, as fast as the fleet can do them, and wide ones between them.
func (w *world) flood() {
	p := &w.plan
	if !p.Flood {
		return
	}
	c := w.clients[0]
	const jobs, tasks = 60, 4
	every := p.Service * tasks / time.Duration(p.Workers*p.Slots)
	for i := range jobs {
		j := &job{index: p.Jobs + i, ratio: 2, deadline: 3 * time.Minute, maxAttempts: 3, client: c}
		j.id[0], j.id[1], j.id[2] = byte(i), 1, 1
		for n := range tasks {
			j.tasks = append(j.tasks, &jobTask{job: j, index: uint32(n), odd: -1, service: p.Service, takes: takes{slots: 1}})
		}
		if i == jobs/4 {
			j.tasks = j.tasks[:1]
			j.tasks[0].takes.slots = p.Slots
			w.book.wide = j
		}
		if i >= 3*jobs/4 {
			j.late = true
		}
		w.book.byID[j.id] = j
		w.submitAt(j, w.heal+w.slack()+every*time.Duration(i))
	}
}

// judgeTurn judges that the wide task of a flood starts before plain ones that came long after it.
func (b *book) judgeTurn(x *start) {
	if j := x.task.job; j.late && b.wide != nil && b.wide.isTaken && !b.wide.over && len(b.wide.tasks[0].starts) == 0 {
		b.w.fail("job %d, task %d: starts, and the task of %d slots of job %d, which came long before, has not", j.index, x.task.index, b.w.plan.Slots, b.wide.index)
	}
}
