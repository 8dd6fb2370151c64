package storm

import (
	"time"

	"dunnock/probe"
)

// A task starts once, unless it has failed or a fault explains that it starts again. Here starts are judged by those
// before them, by what the owner of their job knew, and by whether that owner still lives.

// judgeStarts judges the last start of a task by those before.
func (b *book) judgeStarts(j *job, t *jobTask) {
	w, n := b.w, len(t.starts)
	if n == 1 {
		return
	}
	x := t.starts[n-1]
	if j.once {
		w.fail("job %d, task %d: started %d times, and may once", j.index, t.index, n)
	}
	prev := t.starts[n-2]
	if !b.explains(j, prev) && !b.stale(j, prev, x) {
		w.fail("job %d, task %d: started at %v on %s by %s (epoch %d, attempt %d) and again at %v on %s by %s (epoch %d, attempt %d), and nothing explains that",
			j.index, t.index, prev.at, w.name(prev.k.node), w.name(prev.s.node), prev.epoch, prev.attempt,
			x.at, w.name(x.k.node), w.name(x.s.node), x.epoch, x.attempt)
	}
	b.again++
	uncounted := 0 // starts whose end nobody may have lived to count, and those of a scheduler that did not know that it had lost the job
	for i, p := range t.starts {
		if (i < n-1 && b.touched(j, p)) || (i > 0 && b.stale(j, t.starts[i-1], p)) {
			uncounted++
		}
	}
	if n-uncounted > j.maxAttempts && j.twin == nil {
		w.fail("job %d, task %d: started %d times, of which faults hid %d; may %d times", j.index, t.index, n, uncounted, j.maxAttempts)
	}
}

// judgeSubmission judges a start by what its job's owner knew.
func (b *book) judgeSubmission(j *job, x *start) {
	w, t := b.w, x.task
	known := j.sent[x.epoch]
	switch {
	case j.twin != nil:
	case known.finished[t.index]:
		w.fail("job %d, task %d: started under epoch %d, and its owner had its outcome before", j.index, t.index, x.epoch)
	case x.attempt <= known.failures[t.index]:
		w.fail("job %d, task %d: attempt %d started under epoch %d, and its owner knew of %d before", j.index, t.index, x.attempt, x.epoch, known.failures[t.index])
	case len(t.starts) > 1 && b.keptResult(t.starts[len(t.starts)-2], x):
		prev := t.starts[len(t.starts)-2]
		w.fail("job %d, task %d: done again at %s, though %s has had its result since %v", j.index, t.index, w.name(x.k.node), w.name(prev.k.node), prev.ended)
	}
}

// keptResult reports whether a scheduler that starts a task again must have heard from the worker that has done it:
// both live and are well, and so is what connects them. For a while a worker keeps what its owner does not have, also
// of a job that was given up. Who has the job under its first epoch claims nothing, and hears of nothing: a fault may
// have held the submission up until others had done it all.
func (b *book) keptResult(prev, x *start) bool {
	w, k, s := b.w, prev.k, x.s
	p := &w.plan
	if !prev.over || prev.status != probe.StatusOK || w.now-prev.ended > p.ack.KeepFor || p.ack.MaxKept+uint64(p.ack.MaxKeptBytes) > 0 || p.Wild > 0 || p.Spikes > 0 || p.placement.ClaimWait < p.answers() {
		return false
	}
	if x.epoch == 0 && b.stale(x.task.job, prev, x) {
		return false
	}
	well := prev.at - p.Rumour - 10*(p.Delay+p.Jitter) // both knew each other by then
	return k.life == prev.life && k.up && k.woke < well && s.woke < well && k.touched < prev.at && s.touched < prev.at &&
		w.pair[k.node][s.node] < prev.at && k.core.Stats().ResultsDropped == 0
}

// answers is for how long a scheduler that asks a worker may wait for all that it says.
func (p *Plan) answers() time.Duration {
	wait := 4*(p.Delay+p.Jitter) + time.Millisecond
	if p.LargeFrom > 0 {
		wait += 2 * slowest
	}
	return wait
}

// explains reports whether a task may start again after a start.
func (b *book) explains(j *job, x *start) bool {
	if j.twin != nil {
		return true // two owners may be at two schedulers, which know nothing of each other
	}
	if x.stopped == probe.StatusTimeout || (x.over && (x.status == probe.StatusFailed || x.status == probe.StatusTimeout)) {
		return true // it failed
	}
	if b.touched(j, x) {
		return true
	}
	// It was stopped in favour of an earlier one, and that has failed since, or its result was lost.
	for _, p := range x.task.starts {
		if p != x && x.stopped != 0 && (p.over && p.status != probe.StatusOK || b.touched(j, p)) {
			return true
		}
	}
	return false
}

// stale reports whether a start is one of a scheduler that has lost the job to another, and was kept by a fault from
// learning that.
func (b *book) stale(j *job, prev, x *start) bool {
	w := b.w
	return x.epoch < prev.epoch && max(x.s.touched, x.k.touched, w.pair[x.k.node][x.s.node], w.pair[j.client.node][x.s.node]) >= prev.at
}

// touched reports whether a fault has touched the start's worker, scheduler or client, or the connections between them,
// since it was.
func (b *book) touched(j *job, x *start) bool {
	w := b.w
	return max(x.k.touched, x.s.touched, j.client.touched, w.pair[x.k.node][x.s.node], w.pair[j.client.node][x.s.node]) >= x.at-w.plan.underway()
}

// judgeOrphan judges a start, or the end of an attempt that was not told to stop, by whether the client of its job
// lives. When it is dead for longer than its scheduler takes to learn that, and holds the job for it, nothing of it
// starts and nothing runs on, unless a fault is between those who have to know.
func (b *book) judgeOrphan(j *job, x *start, what string) {
	w := b.w
	if !j.orphaned || j.twin != nil || w.now <= j.orphanedAt+w.slack()+w.plan.grace+w.plan.underway() {
		return
	}
	if max(x.k.touched, x.s.touched, w.pair[x.k.node][x.s.node], w.pair[j.client.node][x.s.node]) < j.orphanedAt {
		w.fail("job %d, task %d: %s on %s, %v after its client died", j.index, x.task.index, what, w.name(x.k.node), w.now-j.orphanedAt)
	}
}
