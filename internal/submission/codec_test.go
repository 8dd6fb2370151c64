package submission_test

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/internal/submission"
	"dunnock/internal/wire"
	"dunnock/task"
)

func drawLabels(t *rapid.T, label string) map[string]string {
	m := rapid.MapOfN(rapid.StringN(1, 5, 20), rapid.StringN(0, 5, 20), 0, 4).Draw(t, label)
	if len(m) == 0 {
		return nil
	}
	return m
}

func drawList(t *rapid.T, label string) []string {
	list := rapid.SliceOfN(rapid.StringN(0, 5, 20), 0, 3).Draw(t, label)
	if len(list) == 0 {
		return nil
	}
	return list
}

func drawResources(t *rapid.T, name string) map[string]uint32 {
	if all := rapid.MapOfN(rapid.StringN(0, 5, 20), rapid.Uint32(), 0, 3).Draw(t, name); len(all) > 0 {
		return all
	}
	return nil
}

func drawJob(t *rapid.T) task.Job {
	j := task.Job{
		App: rapid.StringMatching(`[a-z]{1,10}`).Draw(t, "app"), User: rapid.StringN(0, 10, 40).Draw(t, "user"),
		Priority: rapid.IntRange(math.MinInt32, math.MaxInt32).Draw(t, "priority"), ProbeRatio: rapid.Float64().Draw(t, "ratio"),
		Deadline: time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "deadline")), TaskTimeout: time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "timeout")),
		Estimate: time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "estimate")), MaxAttempts: rapid.IntRange(0, 1000).Draw(t, "attempts"), Delivery: task.AtMostOnce, OnFailure: task.CancelRest,
		Require: drawLabels(t, "require"), Prefer: drawLabels(t, "prefer"), Exclude: drawList(t, "exclude"), Spread: rapid.StringN(0, 5, 20).Draw(t, "spread"),
		Slots: rapid.IntRange(0, math.MaxInt32).Draw(t, "slots"), Resources: drawResources(t, "resources"),
		Epoch:    rapid.Uint32().Draw(t, "epoch"),
		Finished: rapid.SliceOfN(rapid.Byte(), 1, 4).Draw(t, "finished"), OnDisconnect: task.DrainJob,
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "failed") {
		j.Attempts = append(j.Attempts, task.Attempts{Task: rapid.IntRange(0, math.MaxInt32).Draw(t, "task"), Failed: i})
	}
	copy(j.ID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	j.Tasks = make([]task.Task, rapid.IntRange(1, 5).Draw(t, "tasks"))
	for i := range j.Tasks {
		j.Tasks[i] = task.Task{
			Payload: rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(t, "payload"), Require: drawLabels(t, "task require"),
			Affinity: rapid.StringN(0, 5, 20).Draw(t, "affinity"), Prefer: drawLabels(t, "task prefer"), Exclude: drawList(t, "task exclude"),
			Slots: rapid.IntRange(0, 9).Draw(t, "task slots"), Resources: drawResources(t, "task resources"),
		}
	}
	return j
}

func TestSubmitRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := drawJob(t)
		body := submission.AppendSubmit(nil, 7, &j)
		m, err := submission.DecodeSubmit(body, task.DefaultLimits())
		if err != nil || m.Seq != 7 || !reflect.DeepEqual(m.Job, j) {
			t.Fatalf("got %#v, %v; want %#v", m, err, j)
		}
		cut := rapid.IntRange(1, len(body)-1).Draw(t, "cut")
		if m, err := submission.DecodeSubmit(body[:cut], task.DefaultLimits()); !errors.Is(err, wire.ErrMalformed) || m.Seq != 7 {
			t.Fatalf("cut at %d: seq %d, %v", cut, m.Seq, err)
		}
	})
}

// The two parts of a submission make the whole, and the second is the same whatever the client has got by then.
func TestSubmitInParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := drawJob(t)
		later := j
		later.Epoch, later.Deadline, later.Finished, later.Attempts = j.Epoch+1, j.Deadline/2, []byte{1}, []task.Attempts{{Task: 1, Failed: 1}}
		rest := submission.AppendJob(nil, &j)
		m, err := submission.DecodeSubmit(append(submission.AppendSubmitHead(nil, 9, &later), rest...), task.DefaultLimits())
		if err != nil || m.Seq != 9 || !reflect.DeepEqual(m.Job, later) {
			t.Fatalf("got %#v, %v; want %#v", m, err, later)
		}
	})
}

// A count that no such message has room for is refused before anything is made for it.
func TestListsAreBoundedByTheirBytes(t *testing.T) {
	still := submission.AppendStill(nil, submission.Still{Seqs: []uint32{1, 2, 3}})
	if _, err := submission.DecodeStill(still[:3]); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("Still of 3 with 2: %v", err)
	}
	if _, err := submission.DecodeStill(wire.AppendUint(nil, 1<<40)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("Still of many with none: %v", err)
	}
	head := wire.AppendBytes(wire.AppendDuration(wire.AppendUint(wire.AppendUint(nil, 3), 1), 1), nil)
	if m, err := submission.DecodeSubmit(wire.AppendUint(head, 1<<30), task.DefaultLimits()); !errors.Is(err, wire.ErrMalformed) || m.Seq != 3 {
		t.Errorf("Submit with many attempts and none: %d, %v", m.Seq, err)
	}
}

func TestSubmitIsBoundedByItsBytes(t *testing.T) {
	j := task.Job{App: "a", Tasks: make([]task.Task, 11)}
	limits := task.DefaultLimits()
	limits.MaxTasks = 10
	if m, err := submission.DecodeSubmit(submission.AppendSubmit(nil, 3, &j), limits); !errors.Is(err, task.CodeTooLarge) || m.Seq != 3 {
		t.Fatalf("11 tasks where 10 are allowed: %v", err)
	}
	// A message that claims many tasks and has none must not make room for them.
	one := task.Job{App: "a", Tasks: make([]task.Task, 1)}
	body := submission.AppendSubmit(nil, 3, &one)
	body = wire.AppendUint(body[:len(body)-3], 90_000)
	if _, err := submission.DecodeSubmit(body, task.DefaultLimits()); !errors.Is(err, wire.ErrMalformed) {
		t.Fatalf("got %v", err)
	}
}

func TestAnswersRoundTrip(t *testing.T) {
	rejected := submission.Rejected{Seq: 9, Err: &task.Error{Code: task.CodeOverloaded, Message: "m", Detail: "d", RetryAfterMS: 500}}
	if got, err := submission.DecodeRejected(submission.AppendRejected(nil, rejected)); err != nil || !reflect.DeepEqual(got, rejected) {
		t.Errorf("Rejected: %#v, %v", got, err)
	}
	done := submission.TaskDone{
		Seq: 1, Task: 2, Outcome: task.Failed, Attempt: 3, Wait: 4, Service: 5, Worker: []byte("w1"), Code: task.CodeAppFailed,
		Message: []byte("m"), Detail: []byte("d"), Value: []byte("v"),
	}
	body := append(submission.AppendTaskDoneHead(nil, &done), done.Value...)
	if got, err := submission.DecodeTaskDone(body); err != nil || !reflect.DeepEqual(got, done) {
		t.Errorf("TaskDone: %#v, %v", got, err)
	}
	if got, err := submission.DecodeJobDone(submission.AppendJobDone(nil, submission.JobDone{Seq: 1, Outcome: task.Timeout, Failed: 3})); err != nil ||
		got != (submission.JobDone{Seq: 1, Outcome: task.Timeout, Failed: 3}) {
		t.Errorf("JobDone: %#v, %v", got, err)
	}
	if got, err := submission.DecodeCancel(submission.AppendCancel(nil, submission.Cancel{Seq: 8})); err != nil || got.Seq != 8 {
		t.Errorf("Cancel: %#v, %v", got, err)
	}
	retry := submission.TaskRetry{Seq: 1, Task: 2, Attempt: 3, Worker: []byte("w1"), Code: task.CodeWorkerLost, Message: []byte("m"), Detail: []byte("d")}
	if got, err := submission.DecodeTaskRetry(submission.AppendTaskRetry(nil, &retry)); err != nil || !reflect.DeepEqual(got, retry) {
		t.Errorf("TaskRetry: %#v, %v", got, err)
	}
	if _, err := submission.DecodeAsk(submission.AppendAsk(nil, submission.Ask{})); err != nil {
		t.Errorf("Ask: %v", err)
	}
	if _, err := submission.DecodeLeave(submission.AppendLeave(nil, submission.Leave{})); err != nil {
		t.Errorf("Leave: %v", err)
	}
	if _, err := submission.DecodeLeave([]byte{0}); err == nil {
		t.Error("Leave: a byte too many is taken")
	}
	for _, still := range []submission.Still{{}, {Seqs: []uint32{1, math.MaxUint32, 7}}} {
		if got, err := submission.DecodeStill(submission.AppendStill(nil, still)); err != nil || !reflect.DeepEqual(got, still) {
			t.Errorf("Still: %#v, %v", got, err)
		}
	}
	limits := submission.Limits{Job: task.DefaultLimits(), MessageBytes: 1 << 27}
	if got, err := submission.DecodeLimits(submission.AppendLimits(nil, limits)); err != nil || got != limits {
		t.Errorf("Limits: %#v, %v", got, err)
	}
	if got, err := submission.DecodeAccepted(submission.AppendAccepted(nil, submission.Accepted{Seq: 8})); err != nil || got.Seq != 8 {
		t.Errorf("Accepted: %#v, %v", got, err)
	}
}

func FuzzDecodeSubmit(f *testing.F) {
	f.Add(submission.AppendSubmit(nil, 1, &task.Job{App: "echo", Tasks: []task.Task{{Payload: []byte("x")}, {Affinity: "k", Require: map[string]string{"a": "b"}}}}))
	f.Add(submission.AppendSubmit(nil, 1, &task.Job{Epoch: 1, Finished: []byte{1}, Attempts: []task.Attempts{{Task: 1, Failed: 1}}, Tasks: make([]task.Task, 2)}))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := submission.DecodeSubmit(body, task.DefaultLimits())
		if err != nil {
			return
		}
		if len(m.Job.Tasks)*2 > len(body) {
			t.Fatalf("%d tasks out of %d bytes", len(m.Job.Tasks), len(body))
		}
		again, err := submission.DecodeSubmit(submission.AppendSubmit(nil, m.Seq, &m.Job), task.DefaultLimits())
		if err != nil || len(again.Job.Tasks) != len(m.Job.Tasks) {
			t.Fatalf("%#v became %#v, %v", m, again, err)
		}
	})
}

func FuzzDecodeAnswers(f *testing.F) {
	f.Add(submission.AppendRejected(nil, submission.Rejected{Seq: 1, Err: task.Errorf(task.CodeDraining, "x")}))
	f.Add(submission.AppendTaskDoneHead(nil, &submission.TaskDone{Seq: 1, Outcome: task.OK, Worker: []byte("w")}))
	f.Add(submission.AppendJobDone(nil, submission.JobDone{Seq: 1, Outcome: task.OK}))
	f.Add(submission.AppendTaskRetry(nil, &submission.TaskRetry{Seq: 1, Attempt: 1, Code: task.CodeWorkerLost}))
	f.Add(submission.AppendStill(nil, submission.Still{Seqs: []uint32{1, 300}}))
	f.Fuzz(func(t *testing.T, body []byte) {
		if m, err := submission.DecodeTaskDone(body); err == nil && (m.Outcome < task.OK || m.Outcome > task.Unknown) {
			t.Fatalf("outcome %d", m.Outcome)
		}
		if m, err := submission.DecodeJobDone(body); err == nil && (m.Outcome < task.OK || m.Outcome > task.Unknown) {
			t.Fatalf("outcome %d", m.Outcome)
		}
		if m, err := submission.DecodeRejected(body); err == nil && m.Err == nil {
			t.Fatal("a rejection without an error")
		}
		if m, err := submission.DecodeStill(body); err == nil && len(m.Seqs) > len(body) {
			t.Fatalf("%d numbers out of %d bytes", len(m.Seqs), len(body))
		}
		if m, err := submission.DecodeTaskRetry(body); err == nil {
			if again, err := submission.DecodeTaskRetry(submission.AppendTaskRetry(nil, &m)); err != nil || !reflect.DeepEqual(again, m) {
				t.Fatalf("%#v became %#v, %v", m, again, err)
			}
		}
		_, _ = submission.DecodeAsk(body)
		_, _ = submission.DecodeLeave(body)
		_, _ = submission.DecodeLimits(body)
		_, _ = submission.DecodeAccepted(body)
		_, _ = submission.DecodeCancel(body)
	})
}

func BenchmarkSubmit(b *testing.B) {
	b.ReportAllocs()
	j := task.Job{App: "echo", Tasks: make([]task.Task, 10)}.WithDefaults()
	buf := make([]byte, 0, 4096)
	var d submission.Decoder // a scheduler has one for each client
	for b.Loop() {
		buf = submission.AppendSubmit(buf[:0], 1, &j)
		if _, err := d.Submit(buf, task.DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}
