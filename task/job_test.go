package task_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"dunnock/task"
)

func valid() task.Job {
	return task.Job{App: "grep", Tasks: []task.Task{{Payload: []byte("x")}}}.WithDefaults()
}

func TestValidate(t *testing.T) {
	j := valid()
	if err := j.Validate(task.Limits{}); err != nil {
		t.Fatal(err)
	}
	for field, breakIt := range map[string]func(j *task.Job){
		"app":                func(j *task.Job) { j.App = "Grep" },
		"user":               func(j *task.Job) { j.User = strings.Repeat("u", 256) },
		"priority":           func(j *task.Job) { j.Priority = 1001 },
		"probe_ratio":        func(j *task.Job) { j.ProbeRatio = math.NaN() },
		"probe_ratio: want":  func(j *task.Job) { j.ProbeRatio = 0.9 },
		"deadline":           func(j *task.Job) { j.Deadline = 25 * time.Hour },
		"deadline: want":     func(j *task.Job) { j.Deadline = -1 },
		"task_timeout":       func(j *task.Job) { j.TaskTimeout = -1 },
		"max_attempts":       func(j *task.Job) { j.MaxAttempts = 101 },
		"delivery":           func(j *task.Job) { j.Delivery = 9 },
		"on_disconnect":      func(j *task.Job) { j.OnDisconnect = 9 },
		"attempts: needs":    func(j *task.Job) { j.Attempts = []task.Attempts{{0, 1}} },
		"attempts[0].task":   func(j *task.Job) { j.Epoch, j.Attempts = 1, []task.Attempts{{1, 1}} },
		"attempts[1].task":   func(j *task.Job) { j.Epoch, j.Attempts = 1, []task.Attempts{{0, 1}, {0, 1}} },
		"attempts[0].task:":  func(j *task.Job) { j.Epoch, j.Attempts = 1, []task.Attempts{{-1, 1}} },
		"attempts[0].fail":   func(j *task.Job) { j.Epoch, j.Attempts = 1, []task.Attempts{{0, 4}} },
		"attempts[0].faile":  func(j *task.Job) { j.Epoch, j.Attempts = 1, []task.Attempts{{0, 0}} },
		"on_failure":         func(j *task.Job) { j.OnFailure = 9 },
		"tasks":              func(j *task.Job) { j.Tasks = nil },
		"finished":           func(j *task.Job) { j.Finished = []byte{1} },
		"finished: at most":  func(j *task.Job) { j.Epoch, j.Finished = 1, []byte{1, 2} },
		"require":            func(j *task.Job) { j.Require = map[string]string{"UPPER": "x"} },
		"prefer":             func(j *task.Job) { j.Prefer = map[string]string{"k": strings.Repeat("v", 64)} },
		"tasks[0].require":   func(j *task.Job) { j.Tasks[0].Require = map[string]string{"": "x"} },
		"exclude":            func(j *task.Job) { j.Exclude = []string{"Upper"} },
		"exclude: \"\"":      func(j *task.Job) { j.Exclude = []string{"w1", ""} },
		"exclude: \"=x\"":    func(j *task.Job) { j.Exclude = []string{"=x"} },
		"exclude: at most":   func(j *task.Job) { j.Exclude = make([]string, 33) },
		"slots":              func(j *task.Job) { j.Slots = task.MaxSlots + 1 },
		"resources":          func(j *task.Job) { j.Resources = map[string]uint32{"a gpu": 1} },
		"tasks[0].slots":     func(j *task.Job) { j.Tasks[0].Slots = -1 },
		"tasks[0].slots: ":   func(j *task.Job) { j.Tasks[0].Slots, j.Tasks[0].Require = -1, map[string]string{"gpu": "a100"} },
		"tasks[0].resources": func(j *task.Job) { j.Tasks[0].Resources = map[string]uint32{"slots": 1} },
		"spread":             func(j *task.Job) { j.Spread = "a zone" },
		"tasks[0].prefer":    func(j *task.Job) { j.Tasks[0].Prefer = map[string]string{"": "x"} },
		"tasks[0].exclude":   func(j *task.Job) { j.Tasks[0].Exclude = []string{"worker="} },
		"tasks[0].affinity":  func(j *task.Job) { j.Tasks[0].Affinity = strings.Repeat("a", 256) },
	} {
		j := valid()
		breakIt(&j)
		err := j.Validate(task.Limits{})
		if !errors.Is(err, task.CodeInvalidJob) || !strings.HasPrefix(err.Error(), "invalid_job: "+field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

func TestLimits(t *testing.T) {
	l := task.Limits{MaxTasks: 2, MaxPayloadBytes: 10, MaxJobBytes: 15}
	for name, tasks := range map[string][]task.Task{
		"tasks: at most 2":             make([]task.Task, 3),
		"tasks[1].payload: at most 10": {{}, {Payload: make([]byte, 11)}},
		"tasks: payloads":              {{Payload: make([]byte, 10)}, {Payload: make([]byte, 6)}},
	} {
		j := valid()
		j.Tasks = tasks
		if err := j.Validate(l); !errors.Is(err, task.CodeTooLarge) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestJobID(t *testing.T) {
	id, err := task.ParseJobID("000102030405060708090A0b0c0d0e0f")
	if err != nil || id.String() != "000102030405060708090a0b0c0d0e0f" || id.IsZero() {
		t.Fatalf("got %v, %v", id, err)
	}
	for _, s := range []string{"", "00", strings.Repeat("g", 32), strings.Repeat("0", 33)} {
		if _, err := task.ParseJobID(s); !errors.Is(err, task.CodeInvalidJob) {
			t.Errorf("%q: got %v", s, err)
		}
	}
}

func ExampleError() {
	err := fmt.Errorf("submit: %w", task.Errorf(task.CodeUnknownApp, "no connected worker has app %q", "zip"))
	fmt.Println(errors.Is(err, task.CodeUnknownApp))
	// Output: true
}
