package storm

import (
	"slices"
	"time"
)

// line is a connection between two processes: ordered both ways, until it is broken.
type line struct {
	broken bool          // what is on its way does not arrive
	black  time.Duration // since when nothing arrives any more and nobody is told; 0: it works
	wild   bool          // messages may come twice, or be overtaken: what TCP does not do, and the cores survive
	astray bool          // that has happened to one
}

// end is one end of a connection.
type end struct {
	p    *process
	life uint32 // of the process
	peer *end
	line *line
	open bool
	last time.Duration   // when the last message arrives at the other end
	late time.Duration   // when the latest one does that others overtake
	lost func(why cause) // the process is told that the connection has ended, unless it closed it itself

	lag  *lag          // it reads slowly, or not at all; nil: it does not
	read time.Duration // when it had caught up

	welcome func() // the handshake is answered
	user    any    // whose end it is: a *caller, a *link, a *session or a *clientSession
}

// cause is why a connection has ended.
type cause int

const (
	hungUp cause = iota + 1
	broken       // reset, with what was on its way
	silent       // the lease is over
	gone         // refused: no process listens, or another life does
)

// newLine makes a connection whose ends are open.
func (w *world) newLine(a, b *process) (*end, *end) {
	l := &line{}
	x, y := &end{p: a, life: a.life, line: l, open: true}, &end{p: b, life: b.life, line: l, open: true}
	x.peer, y.peer = y, x
	a.ends, b.ends = append(a.ends, x), append(b.ends, y)
	return x, y
}

// transit is when a message that is sent now arrives. What is sent into a cut path is repeated until it is heard.
func (w *world) transit(from, to int) time.Duration {
	at := w.now
	if until := w.cut[from][to]; until > at {
		at = until + w.chance.below(200*time.Millisecond)
	}
	at += w.plan.Delay + w.chance.below(w.plan.Jitter)
	if w.plan.Spikes > 0 && w.chance.permille(w.plan.Spikes) && !w.healed() {
		at += w.chance.below(200 * time.Millisecond)
		w.count(delayedMessage)
	}
	return at
}

// send has the other end do something when the message arrives.
func (e *end) send(do func()) {
	w := e.p.w
	if !e.open {
		return
	}
	w.messages++
	at := w.transit(e.p.node, e.peer.p.node)
	if e.line.wild && w.plan.Wild > 0 && !w.healed() && w.chance.permille(w.plan.Wild) {
		e.line.astray = true
		late := max(at, e.last) + w.chance.below(20*time.Millisecond)
		e.late = max(e.late, late)
		if w.chance.coin() {
			w.count(duplicatedMessage)
			w.log("a message from %s to %s comes twice", w.name(e.p.node), w.name(e.peer.p.node))
			w.at(late, func() { e.peer.receive(do) })
		} else {
			w.count(reorderedMessage)
			w.log("a message from %s to %s is overtaken", w.name(e.p.node), w.name(e.peer.p.node))
			w.touchPair(e.p, e.peer.p, late-w.now)
			w.at(late, func() { e.peer.receive(do) })
			return
		}
	}
	at = max(at, e.last)
	e.last = at
	w.at(at, func() { e.peer.receive(do) })
}

// sendLast sends a message that says that all has been said: it overtakes nothing and is not overtaken, or it would not
// be true.
func (e *end) sendLast(do func()) {
	e.last = max(e.last, e.late)
	wild := e.line.wild
	e.line.wild = false
	e.send(do)
	e.line.wild = wild
}

func (e *end) receive(do func()) {
	if e.line.broken || e.line.black > 0 {
		return
	}
	e.handle(func() {
		if e.open {
			do()
		}
	})
}

// handle has the process do something now, or when it has read all that came before.
func (e *end) handle(do func()) {
	if e.lag != nil {
		e.lag.unread = append(e.lag.unread, do)
		return
	}
	e.p.run(e.life, e, do)
}

// lag is what lies unread at an end whose process reads slowly. That lives, and says so: its peer does not miss it.
type lag struct{ unread []func() }

// lagBehind has an end read nothing for a while, or one message in each pace.
func (e *end) lagBehind(d, pace time.Duration) bool {
	if e == nil || e.lag != nil {
		return false
	}
	w, l := e.p.w, &lag{}
	e.lag = l
	var next func()
	next = func() {
		if e.lag != l {
			return
		}
		if len(l.unread) > 0 {
			do := l.unread[0]
			l.unread = l.unread[1:]
			e.p.run(e.life, e, do)
		}
		w.after(pace, next)
	}
	if pace > 0 {
		w.after(pace, next)
	}
	w.after(d, func() {
		if e.lag == l {
			e.catchUp()
		}
	})
	return true
}

// catchUp has it read again.
func (e *end) catchUp() {
	rest := e.lag.unread
	e.lag, e.read = nil, e.p.w.now
	for _, do := range rest {
		e.p.run(e.life, e, do)
	}
	e.watch()
}

// close ends the connection from this side; the other learns it behind all that was sent.
func (e *end) close() {
	if !e.open {
		return
	}
	e.open = false
	e.forget()
	e.hangUp()
}

func (e *end) forget() {
	e.p.ends = slices.DeleteFunc(e.p.ends, func(x *end) bool { return x == e })
}

// hangUp tells the other end that this one is closed.
func (e *end) hangUp() {
	w := e.p.w
	if e.line.black > 0 {
		return
	}
	at := w.transit(e.p.node, e.peer.p.node)
	if !e.line.broken {
		at = max(at, e.last, e.late)
	}
	w.at(at, func() { e.peer.end(e.line.why()) })
}

// why is what an end learns of the other's.
func (l *line) why() cause {
	if l.broken {
		return broken
	}
	return hungUp
}

// end tells the process that the connection has ended.
func (e *end) end(why cause) {
	if e.line.black > 0 && why != silent {
		return
	}
	learn := func() {
		if e.open {
			e.open = false
			e.forget()
			if why == silent {
				e.hangUp()
			}
			e.lost(why)
		}
	}
	if why == hungUp {
		e.handle(learn) // behind all that was sent
	} else {
		e.p.run(e.life, e, learn)
	}
}

// deaf returns since when this end can hear nothing; false if it can.
func (e *end) deaf() (time.Duration, bool) {
	w, since := e.p.w, never
	from := e.peer.p
	if from.stopped || from.off {
		since = from.quiet
	}
	if w.cut[from.node][e.p.node] > w.now {
		since = min(since, w.cutSince[from.node][e.p.node])
	}
	if e.line.black > 0 {
		since = min(since, e.line.black)
	}
	if since == never || e.lag != nil { // who has something unread does not know whether there is more
		return 0, false
	}
	return max(since, e.p.woke, e.read), true
}

// watch has the end give the connection up when it has heard nothing for a lease. Beats are not sent: as long as
// nothing is wrong they would be heard.
func (e *end) watch() {
	w := e.p.w
	since, ok := e.deaf()
	if !ok || !e.open || !e.p.up {
		return
	}
	w.at(since+w.plan.Lease+w.chance.below(w.plan.Lease/3), func() {
		again, still := e.deaf()
		switch {
		case !e.open || !still || e.p.stopped:
		case w.now-again >= w.plan.Lease:
			w.count("lease over")
			e.end(silent)
		default:
			e.watch()
		}
	})
}

// dial opens a connection. greet runs at the process that is dialled when the handshake arrives, and says whether it
// takes the connection; it answers with [end.answer]. welcome runs at who dialled when the answer is there, and failed
// when there is none.
func (w *world) dial(from, to *process, greet func(*end) bool, welcome func(), failed func(why cause)) *end {
	x, y := w.newLine(from, to)
	y.forget()
	y.lost = func(cause) {}
	answered := false
	fail := func(why cause) {
		from.run(x.life, x, func() {
			if x.open && !answered {
				answered = true
				x.close()
				failed(why)
			}
		})
	}
	x.lost = func(why cause) {
		if !answered {
			answered = true
			failed(why)
		}
	}
	x.welcome = func() {
		if !answered {
			answered = true
			welcome()
		}
	}
	w.after(dialTimeout, func() { fail(hungUp) })
	x.last = w.transit(from.node, to.node)
	w.at(x.last, func() {
		if to.off {
			return // not even a refusal
		}
		if !to.up {
			w.at(w.transit(to.node, from.node), func() { fail(gone) })
			return
		}
		y.life = to.life // its system takes the connection, whatever the process does
		to.ends = append(to.ends, y)
		to.run(to.life, y, func() {
			if y.open && !greet(y) {
				y.open = false
				y.forget()
				w.at(w.transit(to.node, from.node), func() { fail(gone) })
			}
		})
	})
	return x
}

// answer completes the handshake.
func (e *end) answer() { e.send(func() { e.peer.welcome() }) }

// dialTimeout bounds connecting and the handshake together.
const dialTimeout = 2 * time.Second

// cutOff silences the path from one machine to another.
func (w *world) cutOff(from, to int, d time.Duration) {
	if w.cut[from][to] <= w.now {
		w.cutSince[from][to] = w.now
	}
	w.cut[from][to] = max(w.cut[from][to], w.now+d)
	for _, e := range w.processes[to].ends {
		if e.peer.p.node == from {
			e.watch()
		}
	}
}
