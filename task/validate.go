package task

import (
	"math"
	"strconv"
)

// Validate says whether a job with its defaults set is well formed and within the limits. The error is an [*Error] with
// code [CodeInvalidJob] or [CodeTooLarge] whose message names the field as it is called in JSON.
func (j *Job) Validate(l Limits) error {
	if l == (Limits{}) {
		l = DefaultLimits()
	}
	switch {
	case !validName(j.App):
		return Errorf(CodeInvalidJob, "app: want 1 to %d characters of a-z 0-9 . _ -, got %q", MaxNameLen, clip(j.App))
	case len(j.User) > MaxUserLen:
		return Errorf(CodeInvalidJob, "user: at most %d bytes, got %d", MaxUserLen, len(j.User))
	case j.Priority < MinPriority || j.Priority > MaxPriority:
		return Errorf(CodeInvalidJob, "priority: want %d to %d, got %d", MinPriority, MaxPriority, j.Priority)
	case math.IsNaN(j.ProbeRatio) || j.ProbeRatio < 1 || j.ProbeRatio > MaxProbeRatio:
		return Errorf(CodeInvalidJob, "probe_ratio: want 1 to %g, got %g", MaxProbeRatio, j.ProbeRatio)
	case j.Deadline <= 0 || j.Deadline > MaxDeadline:
		return Errorf(CodeInvalidJob, "deadline: want more than 0 and at most %v, got %v", MaxDeadline, j.Deadline)
	case j.TaskTimeout < 0 || j.TaskTimeout > MaxDeadline:
		return Errorf(CodeInvalidJob, "task_timeout: want 0 to %v, got %v", MaxDeadline, j.TaskTimeout)
	case j.Estimate < 0 || j.Estimate > MaxDeadline:
		return Errorf(CodeInvalidJob, "estimate: want 0 to %v, got %v", MaxDeadline, j.Estimate)
	case j.MaxAttempts < 1 || j.MaxAttempts > MaxAttempts:
		return Errorf(CodeInvalidJob, "max_attempts: want 1 to %d, got %d", MaxAttempts, j.MaxAttempts)
	case j.Delivery != AtLeastOnce && j.Delivery != AtMostOnce:
		return Errorf(CodeInvalidJob, "delivery: want at-least-once or at-most-once")
	case j.OnFailure != Continue && j.OnFailure != CancelRest:
		return Errorf(CodeInvalidJob, "on_failure: want continue or cancel")
	case j.OnDisconnect != CancelJob && j.OnDisconnect != DrainJob:
		return Errorf(CodeInvalidJob, "on_disconnect: want cancel or drain")
	case len(j.Tasks) == 0:
		return Errorf(CodeInvalidJob, "tasks: a job needs at least one task")
	case len(j.Tasks) > l.MaxTasks:
		return Errorf(CodeTooLarge, "tasks: at most %d tasks a job, got %d", l.MaxTasks, len(j.Tasks))
	case len(j.Finished) > (len(j.Tasks)+7)/8:
		return Errorf(CodeInvalidJob, "finished: at most %d bytes for %d tasks, got %d", (len(j.Tasks)+7)/8, len(j.Tasks), len(j.Finished))
	case len(j.Finished) > 0 && j.Epoch == 0:
		return Errorf(CodeInvalidJob, "finished: needs epoch > 0")
	case len(j.Attempts) > 0 && j.Epoch == 0:
		return Errorf(CodeInvalidJob, "attempts: needs epoch > 0")
	}
	if err := j.validateAttempts(); err != nil {
		return err
	}
	if err := validLabels("require", j.Require); err != nil {
		return err
	}
	if err := validLabels("prefer", j.Prefer); err != nil {
		return err
	}
	if err := validExclude("exclude", j.Exclude); err != nil {
		return err
	}
	if j.Spread != "" && !validName(j.Spread) {
		return Errorf(CodeInvalidJob, "spread: want the key of a label, 1 to %d characters of a-z 0-9 . _ -, got %q", MaxNameLen, clip(j.Spread))
	}
	if err := validNeed("", j.Slots, 1, j.Resources); err != nil {
		return err
	}
	return j.validateTasks(l)
}

func (j *Job) validateAttempts() error {
	next := 0
	for i, a := range j.Attempts {
		switch {
		case a.Task < next || a.Task >= len(j.Tasks):
			return Errorf(CodeInvalidJob, "attempts[%d].task: want an index of tasks, ascending, got %d", i, a.Task)
		case a.Failed < 1 || a.Failed > j.MaxAttempts:
			return Errorf(CodeInvalidJob, "attempts[%d].failed: want 1 to max_attempts, %d, got %d", i, j.MaxAttempts, a.Failed)
		}
		next = a.Task + 1
	}
	return nil
}

func (j *Job) validateTasks(l Limits) error {
	total := 0
	for i := range j.Tasks {
		t := &j.Tasks[i]
		if len(t.Payload) > l.MaxPayloadBytes {
			return Errorf(CodeTooLarge, "tasks[%d].payload: at most %d bytes, got %d", i, l.MaxPayloadBytes, len(t.Payload))
		}
		total += len(t.Payload)
		if len(t.Affinity) > MaxAffinityLen {
			return Errorf(CodeInvalidJob, "tasks[%d].affinity: at most %d bytes, got %d", i, MaxAffinityLen, len(t.Affinity))
		}
		if t.plain() {
			continue
		}
		if err := t.ValidateDemand("tasks[" + strconv.Itoa(i) + "]."); err != nil {
			return err
		}
	}
	if total > l.MaxJobBytes {
		return Errorf(CodeTooLarge, "tasks: payloads of one job at most %d bytes together, got %d", l.MaxJobBytes, total)
	}
	return nil
}

// plain reports whether a task says nothing about workers beside what its job says.
func (t *Task) plain() bool {
	return t.Slots == 0 && len(t.Require)+len(t.Prefer)+len(t.Exclude)+len(t.Resources) == 0
}

// ValidateDemand says whether what a task says about workers, its constraints and what it takes, is within its bounds.
// The error is an [*Error] with code [CodeInvalidJob] whose message begins with where, such as "tasks[3].", and the
// field as it is called in JSON.
func (t *Task) ValidateDemand(where string) error {
	if err := validLabels(where+"require", t.Require); err != nil {
		return err
	}
	if err := validLabels(where+"prefer", t.Prefer); err != nil {
		return err
	}
	if err := validExclude(where+"exclude", t.Exclude); err != nil {
		return err
	}
	return validNeed(where, t.Slots, 0, t.Resources)
}

func validExclude(field string, list []string) error {
	if len(list) > MaxLabels {
		return Errorf(CodeInvalidJob, "%s: at most %d, got %d", field, MaxLabels, len(list))
	}
	for _, entry := range list {
		k, v := Excluded(entry)
		if !validName(k) || len(v) > MaxNameLen || k == WorkerLabel && !validName(v) {
			return Errorf(CodeInvalidJob, "%s: %q: want a label, key=value, or the name of a worker", field, clip(entry))
		}
	}
	return nil
}

func validLabels(field string, labels map[string]string) error {
	if len(labels) > MaxLabels {
		return Errorf(CodeInvalidJob, "%s: at most %d labels, got %d", field, MaxLabels, len(labels))
	}
	for k, v := range labels {
		if !validName(k) || len(v) > MaxNameLen {
			return Errorf(CodeInvalidJob, "%s: label %q: want a key of 1 to %d characters of a-z 0-9 . _ - and a value of at most %d bytes",
				field, clip(k), MaxNameLen, MaxNameLen)
		}
	}
	return nil
}

// validNeed says whether what a task takes is within its bounds.
func validNeed(where string, slots, least int, resources map[string]uint32) error {
	if slots < least || slots > MaxSlots {
		return Errorf(CodeInvalidJob, "%sslots: want 1 to %d, got %d", where, MaxSlots, slots)
	}
	if len(resources) > MaxResources {
		return Errorf(CodeInvalidJob, "%sresources: at most %d, got %d", where, MaxResources, len(resources))
	}
	for name := range resources {
		if !validName(name) || name == SlotsName {
			return Errorf(CodeInvalidJob, "%sresources: %q: want a name of 1 to %d characters of a-z 0-9 . _ - other than %s", where, clip(name), MaxNameLen, SlotsName)
		}
	}
	return nil
}

// ValidApp says whether s can name an app: 1 to 63 characters of a-z 0-9 . _ -.
func ValidApp(s string) bool { return validName(s) }

func validName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= MaxNameLen
}

// clip shortens text from outside for an error message.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
