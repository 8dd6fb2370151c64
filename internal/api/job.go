package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
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
	ID          string            `json:"id,omitempty"`
	App         string            `json:"app"`
	User        string            `json:"user,omitempty"`
	Priority    int               `json:"priority,omitempty"`
	ProbeRatio  *float64          `json:"probe_ratio,omitempty"`
	Deadline    *Duration         `json:"deadline,omitempty"`
	TaskTimeout *Duration         `json:"task_timeout,omitempty"`
	MaxAttempts *int              `json:"max_attempts,omitempty"`
	Delivery    string            `json:"delivery,omitempty"`
	OnFailure   string            `json:"on_failure,omitempty"`
	Require     map[string]string `json:"require,omitempty"`
	Prefer      map[string]string `json:"prefer,omitempty"`
	Epoch       uint32            `json:"epoch,omitempty"`
	Finished    []byte            `json:"finished,omitempty"`
	Tasks       []Task            `json:"tasks"`
}

// Task is one task of a [Job]: its payload as base64 or as plain text, not both.
type Task struct {
	Payload  []byte            `json:"payload,omitempty"`
	Text     *string           `json:"text,omitempty"`
	Require  map[string]string `json:"require,omitempty"`
	Affinity string            `json:"affinity,omitempty"`
}

// DecodeJob reads one job object and nothing behind it. A fault is an
// [*task.Error] that names the field.
func DecodeJob(body []byte) (task.Job, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	var j Job
	if err := dec.Decode(&j); err != nil {
		return task.Job{}, decodeFault(err, dec.InputOffset())
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return task.Job{}, task.Errorf(task.CodeInvalidJob, "bad JSON: something follows the job object at byte %d", dec.InputOffset())
	}
	return j.Task()
}

// decodeFault turns an error of encoding/json into one that names the field.
func decodeFault(err error, offset int64) error {
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return task.Errorf(task.CodeInvalidJob, "bad JSON at byte %d: %s", syntax.Offset, syntax.Error())
	case errors.As(err, &typed):
		return task.Errorf(task.CodeInvalidJob, "%s: want %s, got %s", typed.Field, jsonName(typed.Type.Kind().String()), typed.Value)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return task.Errorf(task.CodeInvalidJob, "bad JSON: the body ends at byte %d, inside the job object", offset)
	default:
		return task.Errorf(task.CodeInvalidJob, "bad JSON near byte %d: %s", offset, strings.TrimPrefix(err.Error(), "json: "))
	}
}

func jsonName(kind string) string {
	switch {
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "a whole number"
	case strings.HasPrefix(kind, "float"):
		return "a number"
	case kind == "slice":
		return "a list or base64 text"
	case kind == "map", kind == "struct":
		return "an object"
	default:
		return "a " + kind
	}
}

// Task translates to the public job. A duration or number given as zero is a
// fault, unlike one left out.
func (j *Job) Task() (task.Job, error) {
	t := task.Job{
		App: j.App, User: j.User, Priority: j.Priority, Require: j.Require, Prefer: j.Prefer, Epoch: j.Epoch, Finished: j.Finished,
	}
	var err error
	if j.ID != "" {
		if t.ID, err = task.ParseJobID(j.ID); err != nil {
			return task.Job{}, err
		}
	}
	if j.ProbeRatio != nil {
		if t.ProbeRatio = *j.ProbeRatio; t.ProbeRatio == 0 {
			return task.Job{}, task.Errorf(task.CodeInvalidJob, "probe_ratio: want 1 to %g, got 0", task.MaxProbeRatio)
		}
	}
	if j.Deadline != nil {
		if t.Deadline = time.Duration(*j.Deadline); t.Deadline == 0 {
			return task.Job{}, task.Errorf(task.CodeInvalidJob, "deadline: want more than 0")
		}
	}
	if j.TaskTimeout != nil {
		if t.TaskTimeout = time.Duration(*j.TaskTimeout); t.TaskTimeout == 0 {
			return task.Job{}, task.Errorf(task.CodeInvalidJob, "task_timeout: want more than 0; leave it out for none")
		}
	}
	if j.MaxAttempts != nil {
		if t.MaxAttempts = *j.MaxAttempts; t.MaxAttempts == 0 {
			return task.Job{}, task.Errorf(task.CodeInvalidJob, "max_attempts: want 1 to %d, got 0", task.MaxAttempts)
		}
	}
	if t.Delivery, err = parseDelivery(j.Delivery); err != nil {
		return task.Job{}, err
	}
	if t.OnFailure, err = parseOnFailure(j.OnFailure); err != nil {
		return task.Job{}, err
	}
	t.Tasks = make([]task.Task, len(j.Tasks))
	for i, jt := range j.Tasks {
		if jt.Text != nil && jt.Payload != nil {
			return task.Job{}, task.Errorf(task.CodeInvalidJob, "tasks[%d]: give payload or text, not both", i)
		}
		t.Tasks[i] = task.Task{Payload: jt.Payload, Require: jt.Require, Affinity: jt.Affinity}
		if jt.Text != nil {
			t.Tasks[i].Payload = []byte(*jt.Text)
		}
	}
	return t.WithDefaults(), nil
}

func parseDelivery(s string) (task.Delivery, error) {
	switch s {
	case "", "at-least-once":
		return task.AtLeastOnce, nil
	case "at-most-once":
		return task.AtMostOnce, nil
	default:
		return 0, task.Errorf(task.CodeInvalidJob, "delivery: want at-least-once or at-most-once, got %q", s)
	}
}

func parseOnFailure(s string) (task.OnFailure, error) {
	switch s {
	case "", "continue":
		return task.Continue, nil
	case "cancel":
		return task.CancelRest, nil
	default:
		return 0, task.Errorf(task.CodeInvalidJob, "on_failure: want continue or cancel, got %q", s)
	}
}
