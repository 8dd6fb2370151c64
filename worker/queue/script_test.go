package queue

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"dunnock/internal/coretest"
	"dunnock/probe"
	"dunnock/task"
)

// TestScripts runs the scripts under testdata/script.
func TestScripts(t *testing.T) {
	coretest.Run(t, "testdata/script", func() coretest.Machine { return &script{} })
}

type script struct {
	*coretest.Line
	core *Core
}

func (s *script) CheckInvariants() error { return s.core.CheckInvariants() }

// Do runs one line and returns its effects, or what it asks for.
func (s *script) Do(l *coretest.Line) string {
	s.Line = l
	switch l.Verb {
	case "new":
		s.core = New(Config{
			Slots: s.Int("slots", 1), MaxReservations: s.Int("max", 0), StopGrace: s.Duration("grace", 0), Apps: s.Int("apps", 0),
			MaxResults: s.Int("results", 0), Forget: s.Int("forget", 0) == 1,
			Discipline: s.discipline(), Ageing: s.Duration("ageing", 0), StarvationBound: s.Duration("bound", 0), Weights: map[string]int{"gold": 2},
			Offers: s.Int("offers", 0) == 1, Seed: uint64(s.Int("seed", 0)), BriefProof: s.Int("proof", 0), Resources: s.amounts("gpu", "mem"),
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
		return strconv.FormatBool(s.core.MayLeave(s.Now))
	case "wake":
		if at, ok := s.core.NextWake(); ok {
			return at.String()
		}
		return "none"
	}
	var b strings.Builder
	for _, e := range s.event() {
		fmt.Fprintln(&b, format(e))
	}
	return b.String()
}

func (s *script) event() []Effect {
	c, now := s.core, s.Now
	slot, call := uint16(s.Int("slot", 0)), uint32(s.Int("call", 1))
	ref, res := probe.Ref(s.Int("ref", 7)), uint32(s.Int("res", 1))
	switch s.Verb {
	case "up":
		return c.SchedulerUp(now, s.scheduler(), uint64(s.Int("taken", 0)), nil)
	case "takes":
		return c.OffersTo(now, s.scheduler(), nil)
	case "takes-none":
		return c.NoOffers(now, nil)
	case "claim":
		return c.Claim(now, s.scheduler(), probe.Claim{Ref: ref, Job: s.job(), Epoch: uint32(s.Int("epoch", 1))}, nil)
	case "ack":
		c.Ack(now, s.scheduler(), probe.Ack{Seq: uint64(s.Int("seq", 0))})
		return nil
	case "down":
		return c.SchedulerDown(now, s.scheduler(), nil)
	case "reserve":
		class := probe.Class{User: []byte(s.Word("user")), Priority: int16(s.Int("priority", 0)), Deadline: s.Duration("left", 0), Work: s.Duration("work", 0)}
		need := probe.Need{Slots: uint16(s.Int("slots", 0))}
		copy(need.Resources[:], s.amounts("gpu", "mem"))
		return c.ReserveNeed(now, s.scheduler(), probe.Reserve{Ref: ref, Res: res, Count: uint32(s.Int("count", 1))}, &class, need, nil)
	case "cancel":
		return c.Cancel(now, s.scheduler(), probe.Cancel{Ref: ref, Res: res}, nil)
	case "launch":
		return c.Launch(now, s.scheduler(), &probe.Launch{
			Slot: slot, Call: call, Ref: ref, Task: uint32(s.Int("task", 0)), Attempt: uint16(s.Int("attempt", 1)),
			Job: s.job(), Epoch: uint32(s.Int("epoch", 0)), App: uint16(s.Int("app", 0)), Deadline: s.Duration("deadline", time.Minute), Timeout: s.Duration("timeout", 0),
			Expect: s.Duration("expect", 0), More: s.Int("more", 0) == 1,
		}, nil)
	case "coming":
		return c.Coming(now, s.scheduler(), probe.Coming{Slot: slot, Call: call}, nil)
	case "notask":
		return c.NoTask(now, s.scheduler(), probe.NoTask{Slot: slot, Call: call}, nil)
	case "kill":
		return c.Kill(now, s.scheduler(), probe.Kill{Slot: slot, Call: call}, nil)
	case "done":
		return c.Done(now, slot, call, End{Status: probe.StatusOK, Body: []byte(s.Word("body")), Took: s.Duration("took", 0)}, nil)
	case "drain":
		return c.Drain(now, nil)
	case "tick":
		return c.Tick(now, nil)
	}
	s.Fatalf("unknown verb")
	return nil
}

// amounts takes arguments that are so much of something; nil if there are none.
func (s *script) amounts(names ...string) (out []uint32) {
	for i, name := range names {
		if n := s.Int(name, 0); n > 0 {
			out = append(out, make([]uint32, i+1-len(out))...)
			out[i] = uint32(n)
		}
	}
	return out
}

func (s *script) job() (id task.JobID) {
	id[0] = byte(s.Int("job", 0))
	return id
}

func (s *script) discipline() Discipline {
	d, err := ParseDiscipline(s.WordOr("discipline", FIFO.String()))
	if err != nil {
		s.Fatalf("%v", err)
	}
	return d
}

func (s *script) scheduler() probe.SchedulerID { return probe.SchedulerID(s.Int("s", 1)) }

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
		if m.Renewed > 0 {
			return fmt.Sprintf("%s slot=%d call=%d ready=%v, renewed %d times, good for %v", head, m.Slot, m.Call, m.Ready, m.Renewed, probe.Life(m.Renewed))
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
