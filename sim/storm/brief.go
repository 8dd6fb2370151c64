package storm

import "time"

// makeBrief makes a fleet of one seed in seven with idle offers one whose tasks take less than a message: its workers
// invite more of them than they have slots. Odd tasks, and those that start on a worker while it fails everything, are
// not brief.
func (p *Plan) makeBrief() {
	d := newDice(p.Seed, 9<<32)
	if !p.offers() || p.Sleepy || p.Flood || !d.permille(140) {
		return
	}
	p.Brief = true
	p.Jobs, p.MostTasks = d.between(20, 60), d.between(20, 80)
	p.Storm = min(p.Storm, time.Second)
	p.Service = max(p.Delay/time.Duration(d.between(8, 40)), 2*time.Microsecond)
	p.queue.BriefProof = d.between(2, 40)
	if p.Odd[oddLong] > 0 {
		p.Odd[oddLong] = d.between(5, 50)
	}
}

// mostHeld is for how long a launch that was invited so may wait while nothing is started at its worker.
const mostHeld = 2 * time.Millisecond

// judgeHeld judges a launch that a worker has held, and holds no more.
func (k *worker) judgeHeld(h *held, what string) {
	if !h.brief || k.touched >= h.since {
		return
	}
	if waited := k.w.now - max(h.since, k.moved); waited > mostHeld {
		k.w.fail("%s: a launch that came for a brief app is %s after %v in which nothing was started", k.w.name(k.node), what, waited)
	}
}
