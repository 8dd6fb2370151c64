package sim

import (
	"time"

	"dunnock/internal/stat"
)

// user is who some of the jobs belong to, and what they met.
type user struct {
	path      []byte
	name      string
	reported  bool
	jobs      uint64 // after the warm-up
	tasks     uint64
	failed    uint64 // jobs
	responses histogram
	waits     histogram
	means     stat.Batches
}

const (
	nobody = 0
	// maxReported bounds the users whose jobs have statistics of their own: a megabyte or two each where values are
	// widely spread.
	maxReported = 256
)

// user returns the number of a user.
func (e *Engine) user(name string) uint32 {
	if name == "" {
		return nobody
	}
	if n, known := e.names[name]; known {
		return n
	}
	if e.names == nil {
		e.names = make(map[string]uint32)
	}
	n := uint32(len(e.users))
	e.names[name] = n
	u := user{path: []byte(name), name: name}
	if len(e.users) <= maxReported {
		u.reported, u.responses, u.waits = true, newHistogram(), newHistogram()
	}
	e.users = append(e.users, u)
	return n
}

// wait records how long a task waited.
func (u *user) wait(d time.Duration) {
	if u.reported {
		u.waits.add(d)
	}
}

// jobDone records the end of a job.
func (u *user) jobDone(j *job, response time.Duration) {
	if !j.counted || !u.reported {
		return
	}
	u.jobs++
	u.tasks += uint64(len(j.service))
	if j.failed {
		u.failed++
	}
	u.responses.add(response)
	u.means.Add(float64(response))
}

// result returns what is reported of a user.
func (u *user) result() UserResult {
	return UserResult{Jobs: u.jobs, Tasks: u.tasks, FailedJobs: u.failed, ResponseMS: response(&u.responses, &u.means), WaitMS: wait(&u.waits)}
}

// userResults returns what is reported of users; nil if there is none.
func (e *Engine) userResults() map[string]UserResult {
	var all map[string]UserResult
	for i := range e.users {
		u := &e.users[i]
		if u.jobs == 0 {
			continue
		}
		if all == nil {
			all = make(map[string]UserResult)
		}
		r := u.result()
		r.Shares = e.shares.of(e, i)
		all[string(u.path)] = r
	}
	return all
}
