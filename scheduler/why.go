package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/ack"
	"dunnock/scheduler/lease"
	"dunnock/scheduler/placement"
)

// Why a task still waits is told to users in a sentence: what nobody has, whose turn it is, or what is being waited
// for.

// why says what the waiting tasks of an unfinished job wait for. It runs under the lock.
func (s *Scheduler) why(j *job) string {
	v, ok := s.core.Job(j.ref)
	if !ok || v.Waiting == 0 {
		return ""
	}
	var reason string
	now := s.clock.Now()
	switch {
	case j.lease.Held()&lease.NoOwner != 0 && j.lease.Abandoned():
		reason = "no owner is connected any more; the job ends when what runs of it has ended"
	case j.lease.Held()&lease.NoOwner != 0:
		reason = fmt.Sprintf("no owner is connected; the job is given up in %v unless one comes back",
			max(s.leases.GivenUpAt(&j.lease)-now, 0).Round(time.Millisecond))
	case j.lease.Held()&lease.Asked != 0:
		reason = "this scheduler stood still, and the job's client has not said yet whether it still owns the job"
	case j.lease.Held()&lease.Unread != 0:
		reason = fmt.Sprintf("the job's client has %d bytes of results to read; it goes on below %d", j.unread.Unread(), ack.Low(s.cfg.MaxUnreadBytes))
	case v.Claiming:
		reason = "the job was submitted before, and workers are asked what they hold of it"
	default:
		return s.whyConstrained(j, now)
	}
	return counted(v.Waiting, "task waits", "tasks wait") + ": " + reason
}

// maxReasons bounds how many of a job's constraints the waiting is told of.
const maxReasons = 5

// whyConstrained says what the waiting tasks of a job wait for that nothing holds up but a lack of slots, under each of
// their constraints. It runs under the lock.
func (s *Scheduler) whyConstrained(j *job, now time.Duration) string {
	parts := s.core.Waits(j.ref, maxReasons+1, nil)
	lines := make([]string, 0, maxReasons+1)
	var inQueues [][]probe.WorkerID // where parts that wait in queues may run
	for i := range parts {
		if i == maxReasons {
			lines = append(lines, "and more under other constraints")
			break
		}
		line, queued := s.whyPart(&parts[i], len(parts) > 1, now)
		lines = append(lines, line)
		if queued {
			inQueues = append(inQueues, parts[i].Workers)
		}
	}
	return strings.Join(lines, "; ") + s.whoseTurn(j, inQueues, now)
}

// whyPart says what tasks under the same constraints wait for, and whether it is in workers' queues.
func (s *Scheduler) whyPart(v *placement.WaitView, several bool, now time.Duration) (why string, queues bool) {
	who := counted(v.Tasks, "task waits", "tasks wait")
	if several {
		who += fmt.Sprintf(" (task %d first)", v.First)
	}
	if v.Eligible == 0 {
		if v.Emptied == 0 {
			return fmt.Sprintf("%s: %s", who, v.Lack), false
		}
		return fmt.Sprintf("%s: %s; the last one left %.1f s ago", who, v.Lack, (now - v.Emptied).Seconds()), false
	}
	workers := counted(v.Eligible, "eligible worker", "eligible workers")
	if len(v.Require) > 0 {
		workers = counted(v.Eligible, "worker", "workers") + " with " + listed(v.Require)
	}
	if v.Preferring {
		workers += ", which " + plural(v.Eligible, "is", "are") + " preferred for now"
	}
	waited := max(now-v.Since, 0).Round(time.Millisecond)
	again := ""
	if v.Again > 0 {
		again = fmt.Sprintf("; queues were full, and more are made in %v", max(v.Again-now, 0).Round(time.Millisecond))
	}
	switch {
	case v.Near:
		return who + s.whyNear(v, workers, now, waited) + again, true
	case v.Reservations == 0 && v.Again > 0:
		return who + s.whyFull(v, waited, now), true
	case v.Need != "":
		return fmt.Sprintf("%s for %s: %s at %s that %s as much, for %v", who, v.Need, queued(v.Reservations), workers, plural(v.Eligible, "has", "have"), waited) + again, true
	case v.Offers:
		return who + s.whyNoOffer(v, workers, now, waited) + again, false
	}
	return fmt.Sprintf("%s for a free slot: %s at %s, for %v", who, queued(v.Reservations), workers, waited) + again, true
}

// whyFull says that the queues that were asked of late were all full.
func (s *Scheduler) whyFull(v *placement.WaitView, waited, now time.Duration) string {
	workers := counted(v.Eligible, "worker is eligible", "workers are eligible")
	switch {
	case v.Need != "":
		workers = counted(v.Eligible, "worker has as much", "workers have as much")
	case len(v.Require) > 0:
		workers = counted(v.Eligible, "worker has ", "workers have ") + listed(v.Require)
	}
	return fmt.Sprintf(" for %s: %s, all queues that were asked are full, for %v; more are asked in %v",
		cmp.Or(v.Need, "a free slot"), workers, waited, max(v.Again-now, 0).Round(time.Millisecond))
}

// plural chooses the word for so many.
func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// counted is "1 task waits" or "3 tasks wait".
func counted(n int, one, many string) string { return strconv.Itoa(n) + " " + plural(n, one, many) }

func queued(n int) string { return counted(n, "reservation is queued", "reservations are queued") }

// whoseTurn says by what those workers choose among the jobs in their queues, and what this one has of that; nothing
// where that is who came first. It runs under the lock.
func (s *Scheduler) whoseTurn(j *job, queues [][]probe.WorkerID, now time.Duration) string {
	var used []string
	for _, workers := range queues {
		for _, id := range workers {
			if l := s.links[id]; l != nil && !slices.Contains(used, l.discipline) {
				used = append(used, l.discipline)
			}
		}
	}
	if !slices.ContainsFunc(used, probe.NeedsClass) {
		return ""
	}
	slices.Sort(used)
	var b strings.Builder
	for i, discipline := range used {
		if len(used) > 1 { // else one would contradict the other
			b.WriteString([]string{"; at some workers ", "; at others "}[min(i, 1)])
		} else {
			b.WriteString("; ")
		}
		b.WriteString(s.turnBy(discipline, j, now))
	}
	return b.String()
}

func (s *Scheduler) turnBy(discipline string, j *job, now time.Duration) string {
	switch discipline {
	case "", probe.DisciplineFIFO:
		return "jobs that came before go first (fifo)"
	case probe.DisciplinePriority:
		return fmt.Sprintf("jobs of a higher priority than %d go first (priority)", j.spec.Priority)
	case probe.DisciplineFair:
		if j.spec.User == "" {
			return "users share the slots, and jobs without one together have one user's share (fair)"
		}
		return fmt.Sprintf("users share the slots, and what counts is what %s has had of late (fair)", j.spec.User)
	case probe.DisciplineEDF:
		return fmt.Sprintf("jobs whose deadline comes before this one's, in %v, go first (edf)", max(j.accepted+j.spec.Deadline-now, 0).Round(time.Millisecond))
	case probe.DisciplineSRPT:
		if j.spec.Estimate == 0 {
			return "jobs that state an estimate go first, and this one does not (srpt)"
		}
		return fmt.Sprintf("jobs with less left to run than this one's %v, as estimated, go first (srpt)", j.classNow(now).Work.Round(time.Millisecond))
	default:
		return "the queues' discipline is " + discipline
	}
}

// whyNear says what tasks wait for that like the workers that their affinity keys have chosen.
func (s *Scheduler) whyNear(v *placement.WaitView, workers string, now, waited time.Duration) string {
	names := make([]string, 0, maxReasons)
	for _, id := range v.Chosen[:min(len(v.Chosen), maxReasons)] {
		if l := s.links[id]; l != nil {
			names = append(names, l.member.Name)
		}
	}
	slices.Sort(names)
	keys, then := "its affinity key has", "tried"
	if v.Tasks > 1 {
		keys = "their affinity key has"
	}
	if v.Keys > 1 {
		keys = fmt.Sprintf("each of their %d affinity keys has", v.Keys)
	}
	chosen := strings.Join(names, ", ")
	if v.Keys > 1 {
		chosen = "for the first one " + chosen
	}
	if left := (v.Until - now).Round(time.Millisecond); left > 0 {
		then = fmt.Sprintf("tried or let go in %v", left)
	}
	return fmt.Sprintf(" for %s of those that %s chosen (%s): %s, and others of %s are %s; for %v",
		cmp.Or(v.Need, "a free slot"), keys, chosen, queued(v.Reservations), workers, then, waited)
}

// whyNoOffer says what tasks wait for that are launched on slots that offer themselves.
func (s *Scheduler) whyNoOffer(v *placement.WaitView, workers string, now, waited time.Duration) string {
	why := fmt.Sprintf(" for a free slot: none of %s has offered one", workers)
	if v.Asked > 0 {
		why += fmt.Sprintf(", and of %s %s been asked", counted(len(s.peers), "other scheduler", "other schedulers"), counted(v.Asked, "has", "have"))
	}
	if v.Reservations > 0 {
		why += "; " + queued(v.Reservations) + " there, because nothing was launched for long"
	}
	why = fmt.Sprintf("%s; for %v", why, waited)
	switch {
	case v.Older >= placement.MaxOlder:
		why += fmt.Sprintf(", behind %d older jobs or more", v.Older)
	case v.Older > 0:
		why += ", behind " + counted(v.Older, "older job", "older jobs")
	case v.HeadSince > 0:
		why += fmt.Sprintf(", at the head of the queue for %v", max(now-v.HeadSince, 0).Round(time.Millisecond))
	}
	return why
}
