package storm

import (
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"time"

	"dunnock/client/owner"
	"dunnock/task"
)

const never = time.Duration(math.MaxInt64)

// world is one run: a fleet, what connects it, and who watches it.
type world struct {
	clock
	plan       Plan
	chance     dice
	workers    []*worker
	schedulers []*scheduler
	clients    []*client
	processes  []*process // of all of them, by node
	apps       []string
	value      []byte // as long as the longest result; what it says does not matter

	cut      [][]time.Duration // by sender and receiver: messages are not heard until then
	cutSince [][]time.Duration
	pair     [][]time.Duration // by nodes, both ways: faults of their connection explain what happens until then

	book     *book
	heal     time.Duration
	err      error
	trace    io.Writer
	events   uint64
	messages uint64
	refused  int
	outcomes [task.Unknown + 1]int
	counts   map[string]uint64
}

func newWorld(p Plan, trace io.Writer) *world {
	w := &world{plan: p, chance: newDice(p.Seed, 2), apps: []string{"app"}, value: make([]byte, p.Largest), heal: p.Storm, trace: trace, counts: make(map[string]uint64)}
	w.book = &book{w: w, byID: make(map[task.JobID]*job), fences: make(map[fenceKey]fence)}
	for range p.Workers {
		k := &worker{}
		w.workers = append(w.workers, k)
		w.add(&k.process, k)
	}
	for range p.Schedulers {
		s := &scheduler{}
		w.schedulers = append(w.schedulers, s)
		w.add(&s.process, s)
	}
	for range p.Clients {
		c := &client{}
		w.clients = append(w.clients, c)
		w.add(&c.process, c)
	}
	n := len(w.processes)
	for range n {
		w.cut = append(w.cut, make([]time.Duration, n))
		w.cutSince = append(w.cutSince, make([]time.Duration, n))
		w.pair = append(w.pair, make([]time.Duration, n))
	}
	for i, k := range w.workers {
		if i%2 == 0 {
			k.labels = disk
		}
	}
	for _, k := range w.workers[:p.Black] {
		k.black = true
	}
	return w
}

// shell is a worker, a scheduler or a client.
type shell interface {
	begin()
	die(machine bool)
	resumed()
}

func (w *world) add(p *process, of shell) {
	p.w, p.node, p.owner, p.touched = w, len(w.processes), of, -1
	w.processes = append(w.processes, p)
}

// name is how messages and traces call a node.
func (w *world) name(node int) string {
	switch {
	case node < len(w.workers):
		return "w" + strconv.Itoa(node)
	case node < len(w.workers)+len(w.schedulers):
		return "s" + strconv.Itoa(node-len(w.workers))
	default:
		return "c" + strconv.Itoa(node-len(w.workers)-len(w.schedulers))
	}
}

// fail notes that a promise was broken. The first time ends the run.
func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("at %v: %w", w.now, fmt.Errorf(format, args...))
	}
}

// ticked checks that a core that has just been woken does not want to be woken at once again: a shell would do nothing
// else.
func (w *world) ticked(who string, next func() (time.Duration, bool)) {
	if at, due := next(); due && at <= w.now {
		w.fail("%s was woken and wants to be woken at %v", who, at)
	}
}

func (w *world) log(format string, args ...any) {
	if w.trace != nil {
		_, _ = fmt.Fprintf(w.trace, "%-14v ", w.now)
		_, _ = fmt.Fprintf(w.trace, format+"\n", args...)
	}
}

// count counts something that the report speaks of.
func (w *world) count(what string) { w.counts[what]++ }

// tally adds up the counts of a core.
func (w *world) tally(stats any) {
	v := reflect.ValueOf(stats)
	for i := range v.NumField() {
		if n := v.Field(i).Uint(); n > 0 {
			w.counts[v.Type().String()+"."+v.Type().Field(i).Name] += n
		}
	}
}

// healed reports whether nothing goes wrong any more.
func (w *world) healed() bool { return w.now >= w.heal }

// slack is how long a fault may have consequences behind its end.
func (w *world) slack() time.Duration { return 3*w.plan.Lease + time.Second }

// ownerGrace is how long after its deadline a job ends in any case, if its client is well.
const ownerGrace = owner.DefaultGrace + time.Millisecond

// touch says that a fault that lasts for d explains what becomes of a process's work.
func (w *world) touch(p *process, d time.Duration) { p.touched = max(p.touched, w.now+d+w.slack()) }

// touchPair says so of a connection.
func (w *world) touchPair(a, b *process, d time.Duration) {
	at := max(w.pair[a.node][b.node], w.now+d+w.slack())
	w.pair[a.node][b.node], w.pair[b.node][a.node] = at, at
}

// news spreads that a life of a worker has begun or ended: soon, or when gossip believes it.
func (w *world) news(k *worker) {
	life, up := k.life, k.up
	for _, s := range w.schedulers {
		d := w.chance.below(w.plan.Rumour)
		if !up {
			d = w.chance.within(w.plan.Lease, 4*w.plan.Lease)
		}
		w.after(d, func() {
			if !s.up {
				return
			}
			s.run(s.life, nil, func() {
				switch {
				case !up:
					s.forget(k, life)
				case k.life == life && k.up:
					s.hear(k, life)
				}
			})
		})
	}
}

// restart starts a node again after a while.
func (w *world) restart(node int, d time.Duration) {
	w.after(d, func() {
		if p := w.processes[node]; !p.up {
			w.log("%s starts", w.name(node))
			p.owner.begin()
		}
	})
}

// crash ends a process, or the machine it is on.
func (w *world) crash(p *process, machine bool) {
	if p.up {
		w.log("%s dies (machine %v)", w.name(p.node), machine)
		w.touch(p, 0)
		p.owner.die(machine)
	}
}

// run lets everything happen, and judges what is left.
func (w *world) run() error {
	w.drawJobs()
	w.flood()
	w.startAll()
	w.planFaults()
	w.at(w.heal, w.healAll)
	for w.err == nil && w.now <= w.book.restBy() {
		do, ok := w.next()
		if !ok {
			break
		}
		if w.events++; w.events > maxEvents {
			w.fail("%d events, and no end", w.events)
		}
		do()
	}
	if w.err == nil {
		w.judgeEnd()
	}
	return w.err
}

// startAll has every process begin: at once, or some time later where nodes are to join. The first worker and the first
// scheduler are there from the beginning.
func (w *world) startAll() {
	for _, p := range w.processes {
		if w.plan.Faults[faultJoin] > 0 && p.node > 0 && p.node < len(w.workers) && w.chance.coin() {
			w.count(faultJoin.String())
			w.restart(p.node, w.chance.below(w.plan.Storm))
			continue
		}
		if i := p.node - len(w.workers); w.plan.Faults[faultJoinScheduler] > 0 && i > 0 && i < len(w.schedulers) && w.chance.coin() {
			w.count(faultJoinScheduler.String())
			w.restart(p.node, w.chance.below(w.plan.Storm))
			continue
		}
		w.restart(p.node, 0)
	}
}

// judgeEnd judges what is left when nothing happens any more.
func (w *world) judgeEnd() {
	for _, k := range w.workers {
		w.tally(k.core.Stats())
		w.tally(k.core.OfferStats())
		w.judge(k.core.CheckInvariants(), k.node)
	}
	for _, s := range w.schedulers {
		w.tally(s.core.Stats())
		w.judge(s.core.CheckInvariants(), s.node)
	}
	for _, c := range w.clients {
		w.tally(c.core.Stats())
		w.judge(c.core.CheckInvariants(), c.node)
	}
	w.book.atRest()
	if late := w.book.last - w.heal - w.bound(); late > 0 {
		w.fail("the last outcome came %v after everything was well, later than %v", w.book.last-w.heal, w.bound())
	}
}

func (w *world) judge(err error, node int) {
	if err != nil {
		w.fail("%s: %w", w.name(node), err)
	}
}

// maxEvents is more than any run needs.
const maxEvents = 5_000_000

// bound is how long the fleet may take for what is left when nothing goes wrong any more.
func (w *world) bound() time.Duration {
	work := time.Duration(0)
	for _, j := range w.book.jobs {
		for _, t := range j.tasks {
			work += time.Duration(2*w.cost(t)*int64(t.service)) + w.plan.queue.StopGrace + 10*w.plan.Delay + 10*w.plan.Jitter
		}
	}
	return 15*time.Second + 3*work/time.Duration(w.plan.Slots*max(1, w.plan.Workers-w.plan.Black))
}

// drawJobs draws the jobs, and has clients submit them.
func (w *world) drawJobs() {
	d := newDice(w.plan.Seed, 3)
	p := &w.plan
	for i := range p.Jobs {
		j := &job{
			index: i, ratio: float64(d.between(100, 300)) / 100, deadline: 3 * time.Minute, maxAttempts: d.between(1, 5),
			once: d.permille(p.Odd[oddOnce]), rest: d.permille(p.Odd[oddRest]), drain: d.permille(p.Odd[oddDrain]),
			client: w.clients[d.n(len(w.clients))],
		}
		for n := range j.id {
			j.id[n] = byte(d.n(256))
		}
		if d.permille(p.Odd[oddHasty]) {
			j.deadline = d.spread(20*time.Millisecond, time.Second)
		}
		if d.permille(p.Odd[oddCancelled]) {
			j.cancelAfter = d.spread(time.Millisecond, time.Second)
		}
		if d.permille(p.Odd[oddDeaf]) {
			j.timeout = d.spread(20*time.Millisecond, time.Second)
		}
		for n := range d.between(1, p.MostTasks) {
			t := &jobTask{job: j, index: uint32(n), odd: -1, service: d.within(p.Service/2, p.Service*3/2), bytes: d.between(0, p.Largest)}
			for _, odd := range []oddity{oddFlaky, oddPermanent, oddPoison, oddDeaf, oddLong} {
				if d.permille(p.Odd[odd]) {
					t.odd, t.failures = odd, d.between(1, 2)
				}
			}
			if t.odd == oddLong {
				t.service = d.spread(p.Lease, 3*time.Second)
			}
			j.tasks = append(j.tasks, t)
		}
		if p.Picky > 0 && newDice(p.Seed, 6+uint64(i)).permille(p.Picky) {
			j.require = disk
		}
		w.arrange(j)
		w.book.byID[j.id] = j
		w.submitAt(j, w.evenly(j, d.below(p.Storm)))
		if other := w.clients[d.n(len(w.clients))]; other != j.client && !j.once && d.permille(p.Odd[oddShared]) {
			twin := *j
			twin.client, twin.twin, j.twin = other, j, &twin
			w.submitAt(&twin, d.below(p.Storm))
		}
	}
}

// submitAt has a client submit a job at a time, if it lives then.
func (w *world) submitAt(j *job, at time.Duration) {
	j.outcomes, j.failures, j.sent = make([]task.Outcome, len(j.tasks)), make([]uint16, len(j.tasks)), make(map[uint32]sent)
	w.book.jobs = append(w.book.jobs, j)
	w.after(at, func() {
		c := j.client
		c.run(c.life, nil, func() {
			w.log("job %d of %s: %d tasks, deadline %v, %d attempts, once %v, again %v",
				j.index, w.name(c.node), len(j.tasks), j.deadline, j.maxAttempts, j.once, j.twin != nil)
			c.submit(j)
		})
	})
}
