package placement

import (
	"time"

	"dunnock/task"
)

// meter tells how fast tasks under one constraint set are launched while others of them wait: an average over about the
// last second, in which older launches count less. It begins anew after a moment in which none waited, because how fast
// workers are then says nothing about how fast they can be. It is moved on once every meterStep, so that counting costs
// next to nothing. Until it has seen enough steps, as many launches as tell something will do: what comes out of
// nothing at twice the rate makes a queue of half a second in half a second.
type meter struct {
	step     time.Duration // the present one, in units of meterStep
	launched float64       // in the present step
	rate     float64       // per second, over the steps before
	steps    int           // that rate is made of, up to meterSteps; -1: the present step has not been seen from its beginning
	idle     bool          // nothing waited at some time in the present step

	fresh bool          // nothing has been launched since nothing waited
	began time.Duration // of the first launch since then
	since int           // launches behind that one
}

const (
	meterStep     = 100 * time.Millisecond
	meterSteps    = 10
	meterMinSteps = 3 // before it is believed

	meterMinLaunches = 20 // or these, over meterStep at least
)

// count notes a launch.
func (m *meter) count(now time.Duration) {
	if now/meterStep != m.step {
		m.advance(now)
	}
	m.launched++
	if m.fresh {
		m.fresh, m.began, m.since = false, now, 0
	} else {
		m.since++
	}
}

// empty notes that nothing waits.
func (m *meter) empty() { m.idle, m.fresh = true, true }

// advance closes the steps that are over.
func (m *meter) advance(now time.Duration) {
	step := now / meterStep
	if m.idle && step != m.step {
		*m = meter{step: step, steps: -1, fresh: m.fresh, began: m.began, since: m.since}
		return
	}
	// After so many steps without a launch nothing is left of those before.
	for gone := 0; m.step < step && gone < 10*meterSteps; gone++ {
		if m.steps = min(m.steps+1, meterSteps); m.steps > 0 {
			m.rate += (m.launched/meterStep.Seconds() - m.rate) / float64(m.steps)
		}
		m.launched = 0
		m.step++
	}
	m.step = step
}

// perSecond is the present rate; 0: nothing is known.
func (m *meter) perSecond(now time.Duration) float64 {
	rate := 0.0
	switch lasted := now - m.began; {
	case m.steps >= meterMinSteps:
		rate = m.rate
	case m.since >= meterMinLaunches && lasted >= meterStep && !m.fresh:
		rate = float64(m.since) / lasted.Seconds()
	}
	if rate < 1 {
		return 0
	}
	return rate
}

// timeOf is how long so many launches take at a rate.
func timeOf(tasks int, rate float64) time.Duration {
	return time.Duration(float64(float64(tasks)/rate) * float64(time.Second))
}

// inFrontLooked is how many jobs are looked at to find out which go before one that may be refused: what that costs is
// an answer's time.
const inFrontLooked = 1000

// inFront is how many of the tasks that are ahead of a job by their arrival are so by their turn too, where workers
// serve by that: a job with a deadline soon does not wait for those that have time, and is not refused for them. Where
// many jobs are live it is as of the oldest.
func (c *Core) inFront(s *Spec, ahead int) int {
	if s.Turn == 0 || c.sorters < c.load.Workers || c.fair() {
		return ahead
	}
	tasks, looked := 0, 0
	for j := c.oldest; j != nil && looked < inFrontLooked; j = j.next {
		looked++
		if j.turn <= s.Turn && !j.halted() {
			tasks += j.waiting()
		}
	}
	if looked > 0 {
		tasks = int(float64(tasks) * float64(c.load.Jobs) / float64(looked))
	}
	return min(tasks, ahead)
}

// admitByTime refuses a job whose tasks would wait too long, by how fast such tasks are launched now (overload is an
// answer, not a queue). Where nothing waits there is nothing to say, and where nothing was launched lately nothing is
// known. A job with an epoch is no new work: another scheduler had it, its reservations there are gone, and to refuse
// it would only make it later. So its own time is not looked at, and the queue may be twice as long as for others:
// those that a whole scheduler leaves behind are too many all the same at some point.
func (c *Core) admitByTime(now time.Duration, p *planned, s *Spec) *task.Error {
	set := p.set
	if p.prefers {
		set = p.wider[0] // it gives way before anything is too late
	}
	m := &set.meter
	m.advance(now)
	if c.cfg.MaxQueueTime == never {
		return nil
	}
	waiting := set.waiting + set.near
	rate := m.perSecond(now)
	if waiting == 0 || rate == 0 {
		return nil
	}
	ahead, mine := c.ahead(s, waiting)
	if timeOf(ahead+p.tasks, rate) > min(c.cfg.MaxQueueTime, s.Deadline/2) {
		ahead = c.inFront(s, ahead)
	}
	queue := timeOf(ahead, rate)
	wait, most := queue, c.cfg.MaxQueueTime
	if s.Epoch > 0 {
		most += min(most, never-most)
	} else if full(mine, waiting, rate, most) {
		c.stats.Overloaded++
		e := task.Errorf(task.CodeOverloaded, "user %s has %d of %d tasks that wait, and %.0f are launched a second: the rest of the %v that jobs may wait is kept for others",
			s.User, mine, waiting, rate, most)
		e.RetryAfterMS = retryAfterMS
		return e
	} else if own := timeOf(ahead+p.tasks, rate); queue <= most && own > s.Deadline/2 {
		// Its last task would be launched in the second half of its time, and is to run and be tried again in it too.
		// What is accepted and not finished is worse than refused: it has cost others their slots.
		wait, most = own, s.Deadline/2
	}
	if wait <= most {
		return nil
	}
	c.stats.Overloaded++
	e := task.Errorf(task.CodeOverloaded, "%d tasks wait and %.0f are launched a second: a job would wait %v, and may wait %v",
		ahead, rate, wait.Round(time.Millisecond), most)
	e.RetryAfterMS = min(max((wait-most).Milliseconds(), retryAfterMS), maxRetryAfterMS)
	return e
}
