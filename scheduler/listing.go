package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dunnock/internal/api"
	"dunnock/probe"
	"dunnock/scheduler/ack"
	"dunnock/scheduler/lease"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// maxListed bounds one listing of jobs; the newest are listed.
const maxListed = 1000

// listedJob is a job that may be listed, if it is still known by then.
type listedJob struct {
	accepted time.Duration
	id       task.JobID
	job      *job // nil: the archive has it
}

func (s *Scheduler) listJobs() api.JobList {
	s.mu.Lock()
	jobs := make([]listedJob, 0, len(s.jobs)+len(s.finished)+maxListed)
	for _, j := range s.jobs {
		jobs = append(jobs, listedJob{j.accepted, j.spec.ID, j})
	}
	for _, j := range s.finished {
		jobs = append(jobs, listedJob{j.accepted, j.spec.ID, j})
	}
	jobs = s.archive.newest(maxListed, jobs)
	s.mu.Unlock() // sorting many jobs takes time, and by what never changes
	slices.SortFunc(jobs, func(a, b listedJob) int {
		return cmp.Or(cmp.Compare(b.accepted, a.accepted), slices.Compare(a.id[:], b.id[:]))
	})
	jobs = jobs[:min(len(jobs), maxListed)]
	s.mu.Lock()
	defer s.mu.Unlock()
	list := api.JobList{Jobs: make([]api.JobSummary, 0, len(jobs))}
	for _, l := range jobs {
		if l.job != nil {
			list.Jobs = append(list.Jobs, s.summarise(l.job))
		} else if row, ok := s.archive.summary(l.id, s.clock.Now()); ok && s.byID[l.id] == nil { // nor was it submitted again
			list.Jobs = append(list.Jobs, row)
		}
	}
	return list
}

func (s *Scheduler) summary(j *job) api.JobSummary {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.summarise(j)
}

// summarise runs under the lock.
func (s *Scheduler) summarise(j *job) api.JobSummary {
	row := api.JobSummary{
		Job: j.spec.ID.String(), App: j.spec.App, User: j.spec.User, State: api.StateRunning, Tasks: j.tasks.len(),
		Finished: j.before + len(j.order), Failed: j.failed, Detached: j.lease.Detached, AgeMS: api.Millis(s.clock.Now() - j.accepted),
	}
	if j.outcome != 0 {
		row.State, row.Error = j.outcome.String(), j.fault()
		row.ResponseMS = api.Millis(j.ended - j.accepted)
		return row
	}
	if v, ok := s.core.Job(j.ref); ok {
		row.Waiting, row.Running = v.Waiting, v.Running
	}
	return row
}

func (s *Scheduler) detail(j *job) api.JobDetail {
	d := api.JobDetail{Scheduler: s.node.Name, ProbeRatio: j.spec.ProbeRatio, TaskList: make([]api.TaskState, j.tasks.len())}
	d.Resources = j.spec.Resources
	if j.spec.Slots > 1 {
		d.Slots = int(j.spec.Slots)
	}
	apart := 0
	for from := 0; from < j.tasks.len(); from += tasksPerHold {
		s.mu.Lock()
		for i := from; i < min(from+tasksPerHold, j.tasks.len()); i++ {
			d.TaskList[i] = s.taskState(j, i)
			if v, ok := s.core.Task(j.ref, i); ok && v.Apart {
				apart++
			}
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.JobSummary = s.summarise(j)
	if j.outcome == 0 {
		d.EstimateMS, d.EstimateUse = api.Millis(j.spec.Estimate), s.estimateUse(j)
		d.DeadlineMS = api.Millis(max(j.accepted+j.spec.Deadline-s.clock.Now(), 0))
		if d.Why = s.why(j); d.Why != "" && apart > 0 {
			d.Why += fmt.Sprintf("; %d have one attempt left and have lost a worker before, and run one at a worker only, in case they kill it", apart)
		}
	}
	return d
}

// tasksPerHold bounds how many tasks are listed before others get the lock: placing waits for it.
const tasksPerHold = 256

// taskState runs under the lock.
func (s *Scheduler) taskState(j *job, i int) api.TaskState {
	rec := j.tasks.read(i)
	row := api.TaskState{Task: i, State: api.StateWaiting, Worker: rec.worker, Attempt: int(rec.attempt), Result: rec.value, Error: rec.err}
	if rec.outcome != 0 {
		row.State = rec.outcome.String()
		row.WaitMS, row.ServiceMS = api.Millis(rec.wait), api.Millis(rec.service)
		return row
	}
	now := s.clock.Now()
	v, ok := s.core.Task(j.ref, i)
	switch {
	case ok && v.State == placement.TaskRunning:
		row.State = api.StateRunning
		row.WaitMS, row.ServiceMS = api.Millis(v.Wait), api.Millis(now-v.Launched)
	case ok && v.State == placement.TaskDone:
		row.State = "finished" // before this submission
	default:
		row.WaitMS = api.Millis(now - j.accepted)
	}
	return row
}

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

// whyConstrained says what the waiting tasks of a job wait for that nothing holds up but a lack of slots, under each of their constraints. It
// runs under the lock.
func (s *Scheduler) whyConstrained(j *job, now time.Duration) string {
	parts := s.core.Waits(j.ref, maxReasons+1, nil)
	lines, inQueues := make([]string, 0, maxReasons+1), false
	for i := range parts {
		if i == maxReasons {
			lines = append(lines, "and more under other constraints")
			break
		}
		line, queued := s.whyPart(&parts[i], len(parts) > 1, now)
		lines, inQueues = append(lines, line), inQueues || queued
	}
	why := strings.Join(lines, "; ")
	if inQueues {
		why += s.whoseTurn(j, now)
	}
	return why
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

// whoseTurn says by what workers choose among the jobs in their queues, and what this one has of that; nothing where that is who came first. It runs
// under the lock.
func (s *Scheduler) whoseTurn(j *job, now time.Duration) string {
	var used []string
	for _, l := range s.links {
		if l.classed && !slices.Contains(used, l.discipline) {
			used = append(used, l.discipline)
		}
	}
	slices.Sort(used)
	var b strings.Builder
	for _, discipline := range used {
		b.WriteString("; " + s.turnBy(discipline, j, now))
	}
	return b.String()
}

func (s *Scheduler) turnBy(discipline string, j *job, now time.Duration) string {
	switch discipline {
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
