package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"dunnock/internal/api"
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

// latest chooses the jobs that were accepted last, in as little memory as they take.
type latest struct {
	jobs []listedJob
	from time.Duration // those that were accepted before are none of them
}

func (l *latest) add(j listedJob) {
	if j.accepted < l.from {
		return
	}
	if l.jobs = append(l.jobs, j); len(l.jobs) == 4*maxListed {
		l.jobs = l.list()
		l.from = l.jobs[maxListed-1].accepted
	}
}

// list returns them, the latest first.
func (l *latest) list() []listedJob {
	slices.SortFunc(l.jobs, func(a, b listedJob) int {
		return cmp.Or(cmp.Compare(b.accepted, a.accepted), slices.Compare(a.id[:], b.id[:]))
	})
	return l.jobs[:min(len(l.jobs), maxListed)]
}

func (s *Scheduler) listJobs() api.JobList {
	var newest latest
	s.mu.Lock()
	for _, ref := range s.core.Newest(maxListed) {
		j := s.jobs[ref]
		newest.add(listedJob{j.accepted, j.spec.ID, j})
	}
	finished := slices.Clone(s.finished)
	for _, l := range s.archive.newest(maxListed, nil) {
		newest.add(l)
	}
	s.mu.Unlock() // looking at many jobs takes time, and what is looked at never changes
	for _, j := range finished {
		newest.add(listedJob{j.accepted, j.spec.ID, j})
	}
	jobs := newest.list()
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
		if row.Attempt = v.Attempt; !v.HasWorker { // a launch that was given back was no attempt
			row.Worker = ""
		}
	}
	return row
}
