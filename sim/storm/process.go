package storm

import (
	"slices"
	"time"
)

// process is a process of the fleet on a machine of its own: a worker, a scheduler or a client. It lives, dies and is
// started again, and may be stopped for a while and continued, as SIGSTOP and SIGCONT do.
type process struct {
	w       *world
	node    int    // number of its machine; its address
	life    uint32 // counts its starts
	up      bool
	off     bool // its machine is: nobody answers, not even to refuse
	stopped bool
	quiet   time.Duration // since when it is stopped, or its machine off
	woke    time.Duration // when it was continued last
	ends    []*end        // of its connections
	left    []*end        // of connections that the other side still believes in
	backlog []pending     // what it will find when it is continued
	touched time.Duration // faults that it has suffered explain what happens until then
	steps   uint64
	check   func() error // of its core
	owner   shell
}

// pending is something that waits for a stopped process: a message on a connection, or a timer.
type pending struct {
	life uint32
	from *end // nil: a timer
	do   func()
}

// start begins a life.
func (p *process) start() {
	p.life++
	p.up, p.off, p.stopped = true, false, false
	p.woke, p.ends, p.backlog = p.w.now, nil, nil
	for _, e := range p.left { // the machine is back, and knows nothing of them
		e.line.broken = true
		e.hangUp()
	}
	p.left = nil
}

// run lets something happen in a life of the process: now, or when it is continued.
func (p *process) run(life uint32, from *end, do func()) {
	switch {
	case !p.up || p.life != life:
	case p.stopped:
		p.backlog = append(p.backlog, pending{life, from, do})
	default:
		do()
		p.verify()
	}
}

// after sets a timer.
func (p *process) after(d time.Duration, do func()) {
	life := p.life
	p.w.after(d, func() { p.run(life, nil, do) })
}

// verify has the core check itself, every few steps.
func (p *process) verify() {
	if p.steps++; p.up && p.steps%p.w.plan.CheckEvery == 0 {
		if err := p.check(); err != nil {
			p.w.fail("%s: %w", p.w.name(p.node), err)
		}
	}
}

// stop is SIGSTOP.
func (p *process) stop() {
	p.stopped, p.quiet = true, p.w.now
	for _, e := range p.ends {
		e.peer.watch()
	}
}

// resume is SIGCONT. The process does something first, if it knows that it was stopped. What has come in meanwhile is
// there; nothing says which connection is read first, or whether a timer fires before.
func (p *process) resume(first func()) {
	if !p.stopped {
		return
	}
	p.stopped, p.woke = false, p.w.now
	rest := p.backlog
	p.backlog = nil
	first()
	life := p.life
	for len(rest) > 0 && p.up && p.life == life {
		i := p.w.chance.n(len(rest))
		first := slices.IndexFunc(rest, func(x pending) bool { return x.from == rest[i].from }) // in the order of its connection
		x := rest[first]
		rest = slices.Delete(rest, first, first+1)
		p.run(x.life, x.from, x.do)
	}
	for _, e := range slices.Clone(p.ends) {
		e.watch()
	}
}

// kill ends the life of the process. Its system tells the other ends, if its machine lives.
func (p *process) kill(machine bool) {
	p.up, p.stopped, p.off, p.quiet, p.backlog = false, false, machine, p.w.now, nil
	for _, e := range p.ends {
		e.open = false
		switch {
		case machine:
			p.left = append(p.left, e)
			e.peer.watch()
		case p.w.chance.coin():
			e.line.broken = true // a reset overtakes what was not read
			e.hangUp()
		default:
			e.hangUp()
		}
	}
	p.ends = nil
}
