package owner

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"dunnock/internal/coretest"
	"dunnock/internal/submission"
	"dunnock/task"
)

// TestScripts runs the scripts under testdata/script. Waits are drawn, so that the times of a script are those of its
// seed.
func TestScripts(t *testing.T) {
	coretest.Run(t, "testdata/script", func() coretest.Machine { return &script{} })
}

type script struct {
	*coretest.Line
	core *Core
	refs map[int]Ref // by the number in the job's id
	ids  map[Ref]int
}

func (s *script) CheckInvariants() error { return s.core.CheckInvariants() }

// Do runs one line and returns its effects, or what it asks for.
func (s *script) Do(l *coretest.Line) string {
	s.Line = l
	switch l.Verb {
	case "new":
		cfg := Config{Tries: s.Int("tries", 0), Spares: s.Int("spares", 0)}
		for i := range s.Int("schedulers", 1) {
			cfg.Schedulers = append(cfg.Schedulers, fmt.Sprintf("scheduler %d", i))
		}
		s.Now = 0
		s.core, s.refs, s.ids = New(cfg, rand.New(rand.NewPCG(1, 1))), map[int]Ref{}, map[Ref]int{}
		return ""
	case "wake":
		at, ok := s.core.NextWake()
		if !ok {
			return "none"
		}
		return at.String()
	case "left":
		ref := s.refs[s.Int("id", 1)]
		v, ok := s.core.Job(ref)
		if !ok {
			return "done"
		}
		return fmt.Sprintf("finished=%08b attempts=%v unfinished=%d", s.core.Finished(ref), s.core.AppendAttempts(ref, nil), v.Unfinished)
	case "seqs":
		return fmt.Sprint(s.core.AppendSeqs(Scheduler(s.Int("s", 0)), nil))
	case "load":
		return nonZero(s.core.Load())
	case "stats":
		return nonZero(s.core.Stats())
	}
	var b strings.Builder
	for _, e := range s.event() {
		fmt.Fprintln(&b, s.format(e))
	}
	return b.String()
}

func (s *script) event() []Effect {
	c, now := s.core, s.Now
	switch s.Verb {
	case "submit":
		return s.submit()
	case "tick":
		return c.Tick(now, nil)
	case "cancel":
		return c.Cancel(s.refs[s.Int("id", 1)], nil)
	}
	at := Scheduler(s.Int("s", 0))
	switch s.Verb {
	case "up":
		return c.SchedulerUp(now, at, nil)
	case "down":
		return c.SchedulerDown(now, at, nil)
	case "ask":
		return c.Ask(at, submission.Ask{}, nil)
	case "leave":
		return c.Leave(now, at, submission.Leave{}, nil)
	}
	seq, index := uint32(s.Int("seq", 1)), uint32(s.Int("task", 0))
	switch s.Verb {
	case "accepted":
		return c.Accepted(now, at, submission.Accepted{Seq: seq}, nil)
	case "rejected":
		e := &task.Error{Code: task.Code(s.WordOr("code", "overloaded")), RetryAfterMS: s.Duration("after", 0).Milliseconds()}
		return c.Rejected(now, at, submission.Rejected{Seq: seq, Err: e}, nil)
	case "retry":
		return c.TaskRetry(at, &submission.TaskRetry{Seq: seq, Task: index, Attempt: uint16(s.Int("attempt", 1))}, nil)
	case "done":
		m := submission.TaskDone{Seq: seq, Task: index, Outcome: s.outcome(), Code: task.Code(s.Word("code"))}
		return c.TaskDone(now, at, &m, nil)
	case "jobdone":
		return c.JobDone(at, submission.JobDone{Seq: seq, Outcome: s.outcome()}, nil)
	}
	s.Fatalf("unknown verb")
	return nil
}

func (s *script) submit() []Effect {
	id := s.Int("id", 1)
	spec := Spec{
		ID: task.JobID{byte(id)}, Tasks: s.Int("tasks", 1), Deadline: s.Duration("deadline", 0), Epoch: uint32(s.Int("epoch", 0)),
		Finished: []byte{byte(s.Int("finished", 0))}, CancelOnFailure: s.Word("on_failure") == "cancel",
	}
	ref, out, err := s.core.Submit(s.Now, &spec, nil)
	if err != nil {
		s.Fatalf("%v", err)
	}
	s.refs[id], s.ids[ref] = ref, id
	return out
}

func (s *script) outcome() task.Outcome {
	word := s.WordOr("outcome", "ok")
	for o := task.OK; o <= task.Unknown; o++ {
		if o.String() == word {
			return o
		}
	}
	s.Fatalf("unknown outcome %q", word)
	return 0
}

// format shows an effect's kind and the fields that every effect of this kind has.
func (s *script) format(e Effect) string {
	job := fmt.Sprintf("%v id=%d", e.Kind, s.ids[e.Ref])
	switch e.Kind {
	case EffectConnect, EffectStill:
		return fmt.Sprintf("%v s=%d", e.Kind, e.Scheduler)
	case EffectSubmit:
		return fmt.Sprintf("%s s=%d seq=%d epoch=%d deadline=%v", job, e.Scheduler, e.Seq, e.Epoch, e.Deadline)
	case EffectCancel:
		return fmt.Sprintf("%v s=%d seq=%d", e.Kind, e.Scheduler, e.Seq)
	case EffectAccepted:
		return fmt.Sprintf("%s s=%d epoch=%d", job, e.Scheduler, e.Epoch)
	case EffectRefused:
		return fmt.Sprintf("%s code=%s", job, e.Code)
	case EffectOutcome:
		return fmt.Sprintf("%s task=%d outcome=%v code=%s", job, e.Task, e.Outcome, e.Code)
	case EffectRetry:
		return fmt.Sprintf("%s task=%d", job, e.Task)
	case EffectDone:
		return fmt.Sprintf("%s outcome=%v not_ok=%d", job, e.Outcome, e.Count)
	default:
		return e.Kind.String()
	}
}

// nonZero shows the fields of a struct that are not zero.
func nonZero(v any) string {
	var parts []string
	rv := reflect.ValueOf(v)
	for i := range rv.NumField() {
		if !rv.Field(i).IsZero() {
			parts = append(parts, fmt.Sprintf("%s=%v", rv.Type().Field(i).Name, rv.Field(i).Interface()))
		}
	}
	return strings.Join(parts, " ")
}
