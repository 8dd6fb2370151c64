package owner

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"dunnock/internal/submission"
	"dunnock/task"
)

// TestScripts runs the scripts under testdata/script. A script has blocks of the form
//
//	run
//	new schedulers=2
//	submit id=1 tasks=3
//	10ms up s=0
//	----
//
// of which the output repeats each line and shows its effects below it. A line may begin with the time, which otherwise stands
// still. Waits are drawn, so that the times of a script are those of its seed. All invariants are checked after each line.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/script", func(t *testing.T, path string) {
		s := &script{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "run" {
				d.Fatalf(t, "unknown directive %q", d.Cmd)
			}
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				line = strings.TrimSpace(line)
				fmt.Fprintln(&out, line)
				result, err := s.line(line)
				if err != nil {
					d.Fatalf(t, "%s: %v", line, err)
				}
				for r := range strings.Lines(result) {
					fmt.Fprintf(&out, "  %s\n", strings.TrimSpace(r))
				}
				if err := s.core.CheckInvariants(); err != nil {
					d.Fatalf(t, "after %q: %v", line, err)
				}
			}
			return out.String()
		})
	})
}

type script struct {
	core *Core
	now  time.Duration
	refs map[int]Ref // by the number in the job's id
	ids  map[Ref]int
	args map[string]string
	err  error // the first argument that did not parse
}

func (s *script) line(line string) (string, error) {
	words := strings.Fields(line)
	if d, err := time.ParseDuration(words[0]); err == nil {
		s.now, words = d, words[1:]
	}
	s.args, s.err = map[string]string{}, nil
	for _, w := range words[1:] {
		key, value, ok := strings.Cut(w, "=")
		if !ok {
			return "", fmt.Errorf("argument %q: want key=value", w)
		}
		s.args[key] = value
	}
	result := s.command(words[0])
	if s.err == nil && len(s.args) > 0 {
		s.err = fmt.Errorf("unknown arguments %v", s.args)
	}
	return result, s.err
}

func (s *script) command(name string) string {
	switch name {
	case "new":
		cfg := Config{Tries: s.num("tries", 0), Spares: s.num("spares", 0)}
		for i := range s.num("schedulers", 1) {
			cfg.Schedulers = append(cfg.Schedulers, fmt.Sprintf("scheduler %d", i))
		}
		s.now = 0
		s.core, s.refs, s.ids = New(cfg, rand.New(rand.NewPCG(1, 1))), map[int]Ref{}, map[Ref]int{}
		return ""
	case "wake":
		at, ok := s.core.NextWake()
		if !ok {
			return "none"
		}
		return at.String()
	case "left":
		ref := s.refs[s.num("id", 1)]
		v, ok := s.core.Job(ref)
		if !ok {
			return "done"
		}
		return fmt.Sprintf("finished=%08b attempts=%v unfinished=%d", s.core.Finished(ref), s.core.AppendAttempts(ref, nil), v.Unfinished)
	case "seqs":
		return fmt.Sprint(s.core.AppendSeqs(Scheduler(s.num("s", 0)), nil))
	case "load":
		return nonZero(s.core.Load())
	case "stats":
		return nonZero(s.core.Stats())
	}
	var b strings.Builder
	for _, e := range s.event(name) {
		fmt.Fprintln(&b, s.format(e))
	}
	return b.String()
}

func (s *script) event(name string) []Effect {
	c, now := s.core, s.now
	if name == "submit" {
		return s.submit()
	}
	if name == "tick" {
		return c.Tick(now, nil)
	}
	if name == "cancel" {
		return c.Cancel(s.refs[s.num("id", 1)], nil)
	}
	at := Scheduler(s.num("s", 0))
	switch name {
	case "up":
		return c.SchedulerUp(now, at, nil)
	case "down":
		return c.SchedulerDown(now, at, nil)
	case "ask":
		return c.Ask(at, submission.Ask{}, nil)
	case "leave":
		return c.Leave(now, at, submission.Leave{}, nil)
	}
	seq, index := uint32(s.num("seq", 1)), uint32(s.num("task", 0))
	switch name {
	case "accepted":
		return c.Accepted(now, at, submission.Accepted{Seq: seq}, nil)
	case "rejected":
		e := &task.Error{Code: task.Code(s.word("code", "overloaded")), RetryAfterMS: s.dur("after", 0).Milliseconds()}
		return c.Rejected(now, at, submission.Rejected{Seq: seq, Err: e}, nil)
	case "retry":
		return c.TaskRetry(at, &submission.TaskRetry{Seq: seq, Task: index, Attempt: uint16(s.num("attempt", 1))}, nil)
	case "done":
		m := submission.TaskDone{Seq: seq, Task: index, Outcome: s.outcome(), Code: task.Code(s.word("code", ""))}
		return c.TaskDone(now, at, &m, nil)
	case "jobdone":
		return c.JobDone(at, submission.JobDone{Seq: seq, Outcome: s.outcome()}, nil)
	}
	s.err = fmt.Errorf("unknown command %q", name)
	return nil
}

func (s *script) submit() []Effect {
	id := s.num("id", 1)
	spec := Spec{
		ID: task.JobID{byte(id)}, Tasks: s.num("tasks", 1), Deadline: s.dur("deadline", 0), Epoch: uint32(s.num("epoch", 0)),
		Finished: []byte{byte(s.num("finished", 0))}, CancelOnFailure: s.word("on_failure", "") == "cancel",
	}
	ref, out, err := s.core.Submit(s.now, &spec, nil)
	if err != nil {
		s.err = err
	}
	s.refs[id], s.ids[ref] = ref, id
	return out
}

func (s *script) outcome() task.Outcome {
	word := s.word("outcome", "ok")
	for o := task.OK; o <= task.Unknown; o++ {
		if o.String() == word {
			return o
		}
	}
	s.err = fmt.Errorf("unknown outcome %q", word)
	return 0
}

func (s *script) word(key, otherwise string) string {
	text, ok := s.args[key]
	if !ok {
		return otherwise
	}
	delete(s.args, key)
	return text
}

func (s *script) num(key string, otherwise int) int {
	text := s.word(key, "")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		s.err = err
	}
	return n
}

func (s *script) dur(key string, otherwise time.Duration) time.Duration {
	text := s.word(key, "")
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		s.err = err
	}
	return d
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
