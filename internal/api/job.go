package api

import (
	"errors"
	"time"

	"dunnock/task"
)

// Duration is a time.Duration written as Go writes it ("1m30s").
type Duration time.Duration

// MarshalText writes Go's form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads Go's form.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return errors.New("want a duration such as 500ms or 2s")
	}
	*d = Duration(v)
	return nil
}

// Job is the body of POST /v1/jobs.
type Job struct {
	ID           string            `json:"id,omitempty"`
	App          string            `json:"app"`
	User         string            `json:"user,omitempty"`
	Priority     int               `json:"priority,omitempty"`
	ProbeRatio   *float64          `json:"probe_ratio,omitempty"`
	Deadline     *Duration         `json:"deadline,omitempty"`
	TaskTimeout  *Duration         `json:"task_timeout,omitempty"`
	Estimate     *Duration         `json:"estimate,omitempty"`
	MaxAttempts  *int              `json:"max_attempts,omitempty"`
	Delivery     string            `json:"delivery,omitempty"`
	OnFailure    string            `json:"on_failure,omitempty"`
	OnDisconnect string            `json:"on_disconnect,omitempty"`
	Require      map[string]string `json:"require,omitempty"`
	Prefer       map[string]string `json:"prefer,omitempty"`
	Exclude      []string          `json:"exclude,omitempty"`
	Spread       string            `json:"spread,omitempty"`
	Slots        *int              `json:"slots,omitempty"`
	Resources    map[string]uint32 `json:"resources,omitempty"`
	Affinity     string            `json:"affinity,omitempty"` // of the tasks that have none of their own
	Epoch        uint32            `json:"epoch,omitempty"`
	Finished     []byte            `json:"finished,omitempty"`
	Attempts     []Attempts        `json:"attempts,omitempty"`
	Tasks        []Task            `json:"tasks"`
}

// Attempts says of one task how often it had failed before this submission.
type Attempts struct {
	Task   int `json:"task"`
	Failed int `json:"failed"`
}

// Task is one task of a [Job]: its payload as base64 or as plain text, not both.
type Task struct {
	Payload   []byte            `json:"payload,omitempty"`
	Text      *string           `json:"text,omitempty"`
	Require   map[string]string `json:"require,omitempty"`
	Prefer    map[string]string `json:"prefer,omitempty"`
	Exclude   []string          `json:"exclude,omitempty"`
	Slots     *int              `json:"slots,omitempty"`
	Resources map[string]uint32 `json:"resources,omitempty"`
	Affinity  string            `json:"affinity,omitempty"`
}

// NewJob translates a public job to its JSON. Fields that are zero are left out and so take their defaults.
func NewJob(t *task.Job) *Job {
	j := &Job{
		App: t.App, User: t.User, Priority: t.Priority, Require: t.Require, Prefer: t.Prefer, Exclude: t.Exclude, Spread: t.Spread, Resources: t.Resources,
		Epoch: t.Epoch, Finished: t.Finished, Tasks: make([]Task, len(t.Tasks)),
	}
	if !t.ID.IsZero() {
		j.ID = t.ID.String()
	}
	if t.ProbeRatio != 0 {
		j.ProbeRatio = &t.ProbeRatio
	}
	if t.Deadline != 0 {
		j.Deadline = (*Duration)(&t.Deadline)
	}
	if t.TaskTimeout != 0 {
		j.TaskTimeout = (*Duration)(&t.TaskTimeout)
	}
	if t.Estimate != 0 {
		j.Estimate = (*Duration)(&t.Estimate)
	}
	if t.MaxAttempts != 0 {
		j.MaxAttempts = &t.MaxAttempts
	}
	if t.Slots != 0 {
		j.Slots = &t.Slots
	}
	if t.Delivery == task.AtMostOnce {
		j.Delivery = "at-most-once"
	}
	if t.OnFailure == task.CancelRest {
		j.OnFailure = "cancel"
	}
	if t.OnDisconnect == task.DrainJob {
		j.OnDisconnect = "drain"
	}
	for _, a := range t.Attempts {
		j.Attempts = append(j.Attempts, Attempts(a))
	}
	for i := range t.Tasks {
		of := &t.Tasks[i]
		j.Tasks[i] = Task{Payload: of.Payload, Require: of.Require, Prefer: of.Prefer, Exclude: of.Exclude, Resources: of.Resources, Affinity: of.Affinity}
		if of.Slots != 0 {
			j.Tasks[i].Slots = &of.Slots
		}
	}
	return j
}
