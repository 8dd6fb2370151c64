package api

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"dunnock/task"
)

// received is a [Job] as it is read: what has a form of its own is text here, so that a fault in it can be told by
// the name of its field. encoding/json does not say which field a type of one's own has refused.
type received struct {
	ID           string            `json:"id"`
	App          string            `json:"app"`
	User         string            `json:"user"`
	Priority     int               `json:"priority"`
	ProbeRatio   *float64          `json:"probe_ratio"`
	Deadline     *string           `json:"deadline"`
	TaskTimeout  *string           `json:"task_timeout"`
	Estimate     *string           `json:"estimate"`
	MaxAttempts  *int              `json:"max_attempts"`
	Delivery     string            `json:"delivery"`
	OnFailure    string            `json:"on_failure"`
	OnDisconnect string            `json:"on_disconnect"`
	Require      map[string]string `json:"require"`
	Prefer       map[string]string `json:"prefer"`
	Exclude      []string          `json:"exclude"`
	Spread       string            `json:"spread"`
	Slots        *int              `json:"slots"`
	Resources    map[string]uint32 `json:"resources"`
	Affinity     string            `json:"affinity"`
	Epoch        uint32            `json:"epoch"`
	Finished     *string           `json:"finished"`
	Attempts     []Attempts        `json:"attempts"`
	Tasks        receivedTasks     `json:"tasks"`
}

type receivedTask struct {
	Payload   *string           `json:"payload"`
	Text      *string           `json:"text"`
	Require   map[string]string `json:"require"`
	Prefer    map[string]string `json:"prefer"`
	Exclude   []string          `json:"exclude"`
	Slots     *int              `json:"slots"`
	Resources map[string]uint32 `json:"resources"`
	Affinity  string            `json:"affinity"`
}

// receivedTasks stops reading at its limit: "{}," costs three bytes of a body and many times that in memory.
type receivedTasks struct {
	limit int
	list  []receivedTask
}

// UnmarshalJSON reads a list, task by task.
func (r *receivedTasks) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if start, err := dec.Token(); err != nil || start != json.Delim('[') {
		return task.Errorf(task.CodeInvalidJob, "tasks: want a list")
	}
	for dec.More() {
		if len(r.list) == r.limit {
			return task.Errorf(task.CodeTooLarge, "tasks: at most %d tasks a job", r.limit)
		}
		var t receivedTask
		if err := dec.Decode(&t); err != nil {
			return decodeFault(err, fmt.Sprintf("tasks[%d]", len(r.list)), dec.InputOffset())
		}
		r.list = append(r.list, t)
	}
	return nil
}

// DecodeJob reads one job object of at most maxTasks tasks, and nothing behind it. A fault is an
// [*task.Error] that names the field.
func DecodeJob(body []byte, maxTasks int) (task.Job, error) {
	if !utf8.Valid(body) {
		return task.Job{}, task.Errorf(task.CodeInvalidJob, "bad JSON: the body is not UTF-8; payloads that are not text go into payload, as base64")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	r := received{Tasks: receivedTasks{limit: maxTasks}}
	if err := dec.Decode(&r); err != nil {
		return task.Job{}, decodeFault(err, "", dec.InputOffset())
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return task.Job{}, task.Errorf(task.CodeInvalidJob, "bad JSON: something follows the job object at byte %d", dec.InputOffset())
	}
	if err := checkKeys(body); err != nil {
		return task.Job{}, err
	}
	return r.job()
}

// decodeFault turns an error of encoding/json into one that names the field, of the object that within names.
func decodeFault(err error, within string, offset int64) error {
	var told *task.Error
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &told):
		return told
	case errors.As(err, &syntax):
		return task.Errorf(task.CodeInvalidJob, "bad JSON at byte %d: %s", syntax.Offset, syntax.Error())
	case errors.As(err, &typed):
		field := cmp.Or(strings.Trim(within+"."+typed.Field, "."), "the body")
		return task.Errorf(task.CodeInvalidJob, "%s: want %s, got %s", field, jsonName(typed.Type.Kind().String()), typed.Value)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return task.Errorf(task.CodeInvalidJob, "bad JSON: the body ends at byte %d, inside the job object", offset)
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	if within != "" {
		return task.Errorf(task.CodeInvalidJob, "%s: %s", within, text)
	}
	return task.Errorf(task.CodeInvalidJob, "bad JSON near byte %d: %s", offset, text)
}

func jsonName(kind string) string {
	switch {
	case kind == "uint32":
		return "a whole number from 0 to 4294967295"
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "a whole number"
	case strings.HasPrefix(kind, "float"):
		return "a number"
	case kind == "slice":
		return "a list"
	case kind == "map", kind == "struct":
		return "an object"
	default:
		return "a " + kind
	}
}

// job translates to the public job. A duration or number given as zero is a
// fault, unlike one left out.
func (r *received) job() (task.Job, error) {
	t := task.Job{
		App: r.App, User: r.User, Priority: r.Priority, Require: r.Require, Prefer: r.Prefer, Exclude: r.Exclude, Spread: r.Spread, Epoch: r.Epoch,
		Resources: r.Resources,
	}
	var err error
	if r.ID != "" {
		if t.ID, err = task.ParseJobID(r.ID); err != nil {
			return task.Job{}, err
		}
	}
	if r.ProbeRatio != nil {
		if t.ProbeRatio = *r.ProbeRatio; t.ProbeRatio == 0 {
			return task.Job{}, task.Errorf(task.CodeInvalidJob, "probe_ratio: want 1 to %g, got 0", task.MaxProbeRatio)
		}
	}
	if t.Deadline, err = duration("deadline", r.Deadline); err != nil {
		return task.Job{}, err
	}
	if t.TaskTimeout, err = duration("task_timeout", r.TaskTimeout); err != nil {
		return task.Job{}, err
	}
	if t.Estimate, err = duration("estimate", r.Estimate); err != nil {
		return task.Job{}, err
	}
	if t.Slots, err = slots("", r.Slots); err != nil {
		return task.Job{}, err
	}
	if r.MaxAttempts != nil {
		if t.MaxAttempts = *r.MaxAttempts; t.MaxAttempts == 0 {
			return task.Job{}, task.Errorf(task.CodeInvalidJob, "max_attempts: want 1 to %d, got 0", task.MaxAttempts)
		}
	}
	if t.Delivery, err = parseDelivery(r.Delivery); err != nil {
		return task.Job{}, err
	}
	if t.OnFailure, err = parseOnFailure(r.OnFailure); err != nil {
		return task.Job{}, err
	}
	if t.OnDisconnect, err = parseOnDisconnect(r.OnDisconnect); err != nil {
		return task.Job{}, err
	}
	if t.Finished, err = fromBase64("finished", r.Finished); err != nil {
		return task.Job{}, err
	}
	for _, a := range r.Attempts {
		t.Attempts = append(t.Attempts, task.Attempts(a))
	}
	t.Tasks = make([]task.Task, len(r.Tasks.list))
	for i := range t.Tasks {
		if err := r.Tasks.list[i].into(&t.Tasks[i], i); err != nil {
			return task.Job{}, err
		}
		if t.Tasks[i].Affinity == "" {
			t.Tasks[i].Affinity = r.Affinity
		}
	}
	return t.WithDefaults(), nil
}

func (r *receivedTask) into(t *task.Task, i int) error {
	t.Require, t.Prefer, t.Exclude, t.Affinity = r.Require, r.Prefer, r.Exclude, r.Affinity
	t.Resources = r.Resources
	if r.Slots != nil {
		var err error
		if t.Slots, err = slots("tasks["+strconv.Itoa(i)+"].", r.Slots); err != nil {
			return err
		}
	}
	switch {
	case r.Text != nil && r.Payload != nil:
		return task.Errorf(task.CodeInvalidJob, "tasks[%d]: give payload or text, not both", i)
	case r.Text != nil:
		t.Payload = []byte(*r.Text)
	case r.Payload != nil:
		var err error
		if t.Payload, err = fromBase64("", r.Payload); err != nil {
			return task.Errorf(task.CodeInvalidJob, "tasks[%d].payload: want base64: %v", i, err)
		}
	}
	return nil
}

// slots reads how many slots a task takes, which is never none.
func slots(where string, n *int) (int, error) {
	switch {
	case n == nil:
		return 0, nil
	case *n == 0:
		return 0, task.Errorf(task.CodeInvalidJob, "%sslots: want 1 to %d, got 0", where, task.MaxSlots)
	}
	return *n, nil
}

func duration(field string, s *string) (time.Duration, error) {
	if s == nil {
		return 0, nil
	}
	d, err := time.ParseDuration(*s)
	if err != nil {
		return 0, task.Errorf(task.CodeInvalidJob, "%s: want a duration such as 500ms or 2s, got %.40q", field, *s)
	}
	if d <= 0 {
		return 0, task.Errorf(task.CodeInvalidJob, "%s: want more than 0, got %v", field, d)
	}
	return d, nil
}

// fromBase64 decodes a field; without a name for it, the error is base64's.
func fromBase64(field string, s *string) ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(*s)
	if err != nil && field != "" {
		err = task.Errorf(task.CodeInvalidJob, "%s: want base64: %v", field, err)
	}
	return b, err
}

func parseDelivery(s string) (task.Delivery, error) {
	switch s {
	case "", "at-least-once":
		return task.AtLeastOnce, nil
	case "at-most-once":
		return task.AtMostOnce, nil
	default:
		return 0, task.Errorf(task.CodeInvalidJob, "delivery: want at-least-once or at-most-once, got %.40q", s)
	}
}

func parseOnFailure(s string) (task.OnFailure, error) {
	switch s {
	case "", "continue":
		return task.Continue, nil
	case "cancel":
		return task.CancelRest, nil
	default:
		return 0, task.Errorf(task.CodeInvalidJob, "on_failure: want continue or cancel, got %.40q", s)
	}
}

func parseOnDisconnect(s string) (task.OnDisconnect, error) {
	switch s {
	case "", "cancel":
		return task.CancelJob, nil
	case "drain":
		return task.DrainJob, nil
	default:
		return 0, task.Errorf(task.CodeInvalidJob, "on_disconnect: want cancel or drain, got %.40q", s)
	}
}
