package queue

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"dunnock/probe"
	"dunnock/task"
)

// TestScripts runs the scripts under testdata/script. A script has blocks of the form
//
//	run
//	new slots=2
//	up s=1
//	10ms reserve s=1 ref=7 res=1 count=2
//	----
//
// of which the output repeats each line and shows its effects below it. A line may begin with the
// time, which otherwise stands still. All invariants are checked after each line.
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
		s.core = New(Config{
			Slots: int(s.num("slots", 1)), MaxReservations: int(s.num("max", 0)), StopGrace: s.dur("grace", 0), Apps: int(s.num("apps", 0)),
			MaxResults: int(s.num("results", 0)), Forget: s.num("forget", 0) == 1,
			Discipline: s.discipline(), Ageing: s.dur("ageing", 0), StarvationBound: s.dur("bound", 0), Weights: map[string]int{"gold": 2},
			Offers: s.num("offers", 0) == 1, Seed: s.num("seed", 0), BriefProof: int(s.num("proof", 0)), Resources: s.amounts("gpu", "mem"),
		})
		return ""
	case "slots":
		return s.slots()
	case "load":
		return nonZero(s.core.Load())
	case "stats":
		return strings.Join(strings.Fields(nonZero(s.core.Stats())+" "+nonZero(s.core.OfferStats())+" "+nonZero(s.core.WideStats())), " ")
	case "idle":
		return strconv.FormatBool(s.core.Idle())
	case "mayleave":
		return strconv.FormatBool(s.core.MayLeave(s.now))
	case "wake":
		if at, ok := s.core.NextWake(); ok {
			return at.String()
		}
		return "none"
	}
	var b strings.Builder
	for _, e := range s.event(name) {
		fmt.Fprintln(&b, format(e))
	}
	return b.String()
}

func (s *script) event(name string) []Effect {
	c, now := s.core, s.now
	slot, call := uint16(s.num("slot", 0)), uint32(s.num("call", 1))
	ref, res := probe.Ref(s.num("ref", 7)), uint32(s.num("res", 1))
	switch name {
	case "up":
		return c.SchedulerUp(now, s.scheduler(), s.num("taken", 0), nil)
	case "takes":
		return c.OffersTo(now, s.scheduler(), nil)
	case "claim":
		return c.Claim(now, s.scheduler(), probe.Claim{Ref: ref, Job: s.job(), Epoch: uint32(s.num("epoch", 1))}, nil)
	case "ack":
		c.Ack(now, s.scheduler(), probe.Ack{Seq: s.num("seq", 0)})
		return nil
	case "down":
		return c.SchedulerDown(now, s.scheduler(), nil)
	case "reserve":
		class := probe.Class{User: []byte(s.text("user")), Priority: int16(s.num("priority", 0)), Deadline: s.dur("left", 0), Work: s.dur("work", 0)}
		need := probe.Need{Slots: uint16(s.num("slots", 0))}
		copy(need.Resources[:], s.amounts("gpu", "mem"))
		return c.ReserveNeed(now, s.scheduler(), probe.Reserve{Ref: ref, Res: res, Count: uint32(s.num("count", 1))}, &class, need, nil)
	case "cancel":
		return c.Cancel(now, s.scheduler(), probe.Cancel{Ref: ref, Res: res}, nil)
	case "launch":
		return c.Launch(now, s.scheduler(), &probe.Launch{
			Slot: slot, Call: call, Ref: ref, Task: uint32(s.num("task", 0)), Attempt: uint16(s.num("attempt", 1)),
			Job: s.job(), Epoch: uint32(s.num("epoch", 0)), App: uint16(s.num("app", 0)), Deadline: s.dur("deadline", time.Minute), Timeout: s.dur("timeout", 0),
			Expect: s.dur("expect", 0), More: s.num("more", 0) == 1,
		}, nil)
	case "coming":
		return c.Coming(now, s.scheduler(), probe.Coming{Slot: slot, Call: call}, nil)
	case "notask":
		return c.NoTask(now, s.scheduler(), probe.NoTask{Slot: slot, Call: call}, nil)
	case "kill":
		return c.Kill(now, s.scheduler(), probe.Kill{Slot: slot, Call: call}, nil)
	case "done":
		return c.Done(now, slot, call, End{Status: probe.StatusOK, Body: []byte(s.text("body")), Took: s.dur("took", 0)}, nil)
	case "drain":
		return c.Drain(now, nil)
	case "tick":
		return c.Tick(now, nil)
	}
	s.err = fmt.Errorf("unknown command %q", name)
	return nil
}

func (s *script) num(key string, otherwise uint64) uint64 {
	text, ok := s.args[key]
	if !ok {
		return otherwise
	}
	delete(s.args, key)
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		s.err = err
	}
	return n
}

func (s *script) dur(key string, otherwise time.Duration) time.Duration {
	text, ok := s.args[key]
	if !ok {
		return otherwise
	}
	delete(s.args, key)
	d, err := time.ParseDuration(text)
	if err != nil {
		s.err = err
	}
	return d
}

// text takes an argument as it is.
func (s *script) text(key string) string {
	text := s.args[key]
	delete(s.args, key)
	return text
}

// amounts takes arguments that are so much of something; nil if there are none.
func (s *script) amounts(names ...string) (out []uint32) {
	for i, name := range names {
		if n := s.num(name, 0); n > 0 {
			out = append(out, make([]uint32, i+1-len(out))...)
			out[i] = uint32(n)
		}
	}
	return out
}

func (s *script) job() (id task.JobID) {
	id[0] = byte(s.num("job", 0))
	return id
}

func (s *script) discipline() Discipline {
	name := s.text("discipline")
	if name == "" {
		return FIFO
	}
	d, err := ParseDiscipline(name)
	if err != nil {
		s.err = err
	}
	return d
}

func (s *script) scheduler() probe.SchedulerID { return probe.SchedulerID(s.num("s", 1)) }

func (s *script) slots() string {
	var b strings.Builder
	for i := range s.core.size {
		v := s.core.Slot(int(i))
		fmt.Fprintf(&b, "%d: %v %s\n", i, v.State, strings.ReplaceAll(nonZero(v, "State"), " Need={1 [0 0 0 0 0 0 0 0]}", ""))
	}
	return b.String()
}

// format shows an effect's kind and the fields that every effect of this kind has.
func format(e Effect) string {
	head := fmt.Sprintf("%v s=%d", e.Kind, e.Scheduler)
	attempt := fmt.Sprintf("slot=%d call=%d ref=%d task=%d attempt=%d", e.Slot, e.Call, e.Ref, e.Task, e.Attempt)
	switch e.Kind {
	case EffectGetTask:
		m := e.GetTask()
		return fmt.Sprintf("%s slot=%d call=%d ref=%d res=%d", head, m.Slot, m.Call, m.Ref, m.Res)
	case EffectStart, EffectHold:
		return head + " " + attempt
	case EffectOffer:
		m := e.Offer()
		if m.Brief > 0 {
			return fmt.Sprintf("%s slot=%d call=%d for app %d", head, m.Slot, m.Call, m.Brief-1)
		}
		return fmt.Sprintf("%s slot=%d call=%d ready=%v", head, m.Slot, m.Call, m.Ready)
	case EffectStop:
		return head + " " + attempt + " status=" + statusName(e.Status)
	case EffectFinished:
		m := e.Finished()
		return fmt.Sprintf("%s slot=%d call=%d ref=%d task=%d attempt=%d status=%s service=%v seq=%d",
			head, m.Slot, m.Call, m.Ref, m.Task, m.Attempt, statusName(m.Status), m.Service, m.Seq)
	case EffectRefuse:
		m := e.Refuse()
		return fmt.Sprintf("%s ref=%d res=%d count=%d reason=%s", head, m.Ref, m.Res, m.Count, reasonName(m.Reason))
	case EffectDecline:
		m := e.Decline()
		return fmt.Sprintf("%s slot=%d call=%d ref=%d task=%d reason=%s", head, m.Slot, m.Call, m.Ref, m.Task, reasonName(m.Reason))
	case EffectAdopt:
		return fmt.Sprintf("%s %s elapsed=%v", head, attempt, e.Adopt().Elapsed)
	case EffectFound:
		m := e.Finished()
		return fmt.Sprintf("%s %s status=%s service=%v seq=%d", head, attempt, statusName(m.Status), m.Service, m.Seq)
	case EffectTold:
		m := e.Told()
		return fmt.Sprintf("%s ref=%d acked=%d dropped=%v", head, m.Ref, m.Acked, m.Dropped)
	default:
		return e.Kind.String()
	}
}

func statusName(s probe.Status) string {
	return map[probe.Status]string{0: "handler's", probe.StatusOK: "ok", probe.StatusTimeout: "timeout", probe.StatusKilled: "killed"}[s]
}

func reasonName(r probe.Refusal) string {
	return map[probe.Refusal]string{
		probe.RefusedFull: "full", probe.RefusedDraining: "draining", probe.RefusedStale: "stale", probe.RefusedApp: "app",
		probe.RefusedFenced: "fenced", probe.RefusedEarly: "early",
	}[r]
}

// nonZero shows the fields of a struct that are not zero.
func nonZero(v any, without ...string) string {
	var parts []string
	rv := reflect.ValueOf(v)
	for i := range rv.NumField() {
		name := rv.Type().Field(i).Name
		if !rv.Field(i).IsZero() && !strings.Contains(strings.Join(without, " "), name) {
			parts = append(parts, fmt.Sprintf("%s=%v", name, rv.Field(i).Interface()))
		}
	}
	return strings.Join(parts, " ")
}
