package placement_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// TestScripts runs the scripts under testdata/script. A script has blocks of the form
//
//	run
//	up w=1 slots=2
//	submit job=a tasks=3
//	10ms ask w=1 slot=0
//	----
//
// of which the output repeats each line and shows its effects below it. A line may begin with the time,
// which otherwise stands still. All invariants are checked after each line. The verbs:
//
//	core [policy=NAME] [seed=N] [max-sets=N …]  starts anew, without workers
//	up w=N [slots=1] [apps=a,b] [labels=k:v,… has=gpu:1,… fair=1]  drain, resume, left, lost, down, worker w=N
//	submit job=NAME tasks=N [user ratio d deadline attempts app require=k:v,… prefer exclude spread=KEY needs=SLOTS takes=gpu:1,… group1=tasks:0,1;require:k:v,…;… finished=HEX epoch had=TASK:N,…] [once] [cancel-rest]
//	ask w=N slot=N [job=NAME]  a GetTask with the slot's next call, on the worker's oldest reservation (of that job)
//	again w=N slot=N           the slot's last GetTask again
//	get w= slot= call= job= res=   any GetTask
//	done w=N slot=N [status=ok] [service=0]  the Finished of the slot's last Launch; with as= (worker) to= (slot) call= job= task=
//	                           or attempt= another one than it should be
//	refuse w=N reason=WORD [job=NAME] [count=all]  decline w=N slot=N reason=WORD [call job task]  the slot's last Launch, or that, or with job=NAME alone a job's claim
//	adopt w=N slot=N [call job task attempt elapsed]  the slot runs its last Launch, or that
//	found w=N slot=N [call job task attempt status service]  the slot's last Launch ended, or that
//	told w=N [job=NAME] [dropped]
//	offer w=N slot=N [call] [ready=0s]  the slot's next call, or that
//	hand from=N w=N slot=N call=N [ready=0s left=4s hops=1]  peer, peer-down p=N  define p=N set=N [app=app require=k:v,…]
//	want p=N set=N [age=0s quota=1 now=0]  spare p=N set=N [lack=1 floor=0]  offers
//	cancel, suspend, unsuspend job=NAME    tick    wake    load    stats    job, waits job=NAME    task job=NAME task=N
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/script", func(t *testing.T, path string) {
		s := newScript()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "run" {
				d.Fatalf(t, "unknown directive %q", d.Cmd)
			}
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				line = strings.TrimSpace(line)
				fmt.Fprintln(&out, line)
				for _, r := range s.line(t, line) {
					fmt.Fprintln(&out, "  "+r)
				}
				if err := s.core.CheckInvariants(); err != nil {
					d.Fatalf(t, "after %q: %v", line, err)
				}
			}
			return out.String()
		})
	})
}

// script is a core, and what its workers would know.
type script struct {
	core    *placement.Core
	now     time.Duration
	names   map[probe.Ref]string
	refs    map[string]probe.Ref
	queues  map[probe.WorkerID][]placement.Effect // Reserves that are not used up
	asked   map[slotKey]probe.GetTask             // last call of each slot
	running map[slotKey]placement.Effect          // last Launch of each slot
	text    string
	args    map[string]string
	t       *testing.T
}

type slotKey struct {
	worker probe.WorkerID
	slot   uint16
}

func newScript() *script {
	s := &script{}
	s.reset(placement.Config{}, 1)
	return s
}

func (s *script) reset(cfg placement.Config, seed uint64) {
	*s = script{
		core:  placement.New(cfg, rand.New(rand.NewPCG(seed, 0))),
		names: map[probe.Ref]string{}, refs: map[string]probe.Ref{}, queues: map[probe.WorkerID][]placement.Effect{},
		asked: map[slotKey]probe.GetTask{}, running: map[slotKey]placement.Effect{},
	}
}

func (s *script) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s: %s", s.text, fmt.Sprintf(format, args...))
}

// line runs one line and returns its effects, in words.
func (s *script) line(t *testing.T, line string) []string {
	t.Helper()
	fields := strings.Fields(line)
	if d, err := time.ParseDuration(fields[0]); err == nil {
		s.now = d
		fields = fields[1:]
	}
	s.t, s.text, s.args = t, line, map[string]string{}
	for _, f := range fields[1:] {
		k, v, _ := strings.Cut(f, "=")
		s.args[k] = v
	}
	lines, verb := []string(nil), fields[0]
	effects := s.message(verb, &lines)
	for _, e := range effects {
		s.note(e)
		lines = append(lines, s.words(e))
	}
	return lines
}

// message runs the verbs that are events.
func (s *script) message(verb string, lines *[]string) []placement.Effect {
	w, c := probe.WorkerID(s.int("w", 0)), s.core
	switch verb {
	case "up":
		s.queues[w] = nil
		return c.WorkerUp(s.now, w, placement.Worker{
			Slots: s.int("slots", 1), Apps: s.list("apps", "app"), Labels: s.labels("labels"), Resources: amounts(s.args["has"]), Sorts: s.int("sorts", 0) == 1,
			Fair: s.int("fair", 0) == 1, Name: uint64(w),
		}, nil)
	case "drain":
		return c.WorkerDrain(s.now, w, nil)
	case "resume":
		return c.WorkerResume(s.now, w, nil)
	case "left":
		return c.WorkerLeft(s.now, w, nil)
	case "lost":
		delete(s.queues, w)
		return c.WorkerLost(s.now, w, nil)
	case "down":
		delete(s.queues, w)
		return c.WorkerDown(s.now, w, nil)
	case "adopt", "found", "told", "suspend", "unsuspend":
		return s.again(verb, w)
	case "offer", "hand", "take-back", "want", "define", "spare", "peer", "peer-down":
		return s.peers(verb, w)
	case "submit":
		return s.submit(lines)
	case "ask":
		return c.GetTask(s.now, w, s.ask(w), nil)
	case "again":
		return c.GetTask(s.now, w, s.asked[s.key()], nil)
	case "get":
		m := probe.GetTask{Slot: s.key().slot, Call: uint32(s.int("call", 0)), Ref: s.ref(), Res: uint32(s.int("res", 0))}
		s.asked[s.key()] = m
		return c.GetTask(s.now, w, m, nil)
	case "done":
		return c.Finished(s.now, probe.WorkerID(s.int("as", int(w))), s.finished(), nil)
	case "refuse":
		i := s.oldest(w)
		e := s.queues[w][i]
		n := s.int("count", int(e.Count))
		s.take(w, i, n)
		return c.Refuse(s.now, w, probe.Refuse{Ref: e.Ref, Res: e.Res, Count: uint32(n), Reason: s.reason()}, nil)
	case "decline":
		if m := s.finished(); s.int("call", 0) != 0 {
			return c.Decline(s.now, w, probe.Decline{Slot: s.key().slot, Call: m.Call, Ref: m.Ref, Task: m.Task, Reason: s.reason()}, nil)
		}
		if _, given := s.args["job"]; given {
			return c.Decline(s.now, w, probe.Decline{Ref: s.ref(), Reason: s.reason()}, nil)
		}
		e := s.running[s.key()]
		return c.Decline(s.now, w, probe.Decline{Slot: e.Slot, Call: e.Call, Ref: e.Ref, Task: e.Task, Reason: s.reason()}, nil)
	case "cancel":
		return c.Cancel(s.now, s.ref(), nil)
	case "tick":
		return c.Tick(s.now, nil)
	default:
		*lines = s.show(verb)
		return nil
	}
}

// again runs the verbs that are about connections and owners that come back or change.
func (s *script) again(verb string, w probe.WorkerID) []placement.Effect {
	switch c := s.core; verb {
	case "adopt":
		m := s.finished()
		elapsed, err := time.ParseDuration(s.str("elapsed", "0s"))
		if err != nil {
			s.fatalf("%v", err)
		}
		a := probe.Adopt{Slot: s.key().slot, Call: m.Call, Ref: m.Ref, Task: m.Task, Attempt: m.Attempt, Elapsed: elapsed}
		s.asked[s.key()] = probe.GetTask{Slot: a.Slot, Call: a.Call}
		s.running[s.key()] = placement.Effect{Worker: w, Slot: a.Slot, Call: a.Call, Ref: a.Ref, Task: a.Task, Attempt: a.Attempt}
		return c.Adopt(s.now, w, a, nil)
	case "found":
		m := s.finished()
		m.Slot = s.key().slot
		return c.Found(s.now, w, m, nil)
	case "told":
		m := probe.Told{}
		if _, given := s.args["job"]; given {
			m.Ref = s.ref()
		}
		_, m.Dropped = s.args["dropped"]
		return c.Told(s.now, w, m, nil)
	case "suspend":
		return c.Suspend(s.now, s.ref(), nil)
	default:
		return c.Resume(s.now, s.ref(), nil)
	}
}

// show runs the verbs that only look.
func (s *script) show(verb string) []string {
	c := s.core
	switch verb {
	case "core":
		policy, err := placement.ParsePolicy(s.str("policy", "late-binding"))
		if err != nil {
			s.fatalf("%v", err)
		}
		s.reset(placement.Config{
			Policy: policy, MaxSets: s.int("max-sets", 0), MaxListed: s.int("max-listed", 0), MaxJobs: s.int("max-jobs", 0), MaxTasks: s.int("max-tasks", 0), MaxWaiting: s.int("max-waiting", 0),
		}, uint64(s.int("seed", 1)))
		return nil
	case "wake":
		if at, due := c.NextWake(); due {
			return []string{"at " + at.String()}
		}
		return []string{"never"}
	case "load":
		return []string{fmt.Sprintf("%+v", c.Load())}
	case "stats":
		return []string{nonZero(c.Stats())}
	case "job":
		v, ok := c.Job(s.ref())
		if !ok {
			return []string{"unknown"}
		}
		line := fmt.Sprintf("%d tasks: %d waiting, %d running, %d failed; %d reservations, %d eligible workers",
			v.Tasks, v.Waiting, v.Running, v.Failed, v.Reservations, v.Eligible)
		if v.Claiming {
			line += ", claiming"
		}
		if v.Suspended {
			line += ", suspended"
		}
		return []string{line}
	case "offers":
		free, soon := c.Offers()
		return []string{fmt.Sprintf("%d free, %d soon", free, soon)}
	case "waits":
		var lines []string
		for _, v := range c.Waits(s.ref(), 10, nil) {
			line := fmt.Sprintf("%d tasks, %d first: %d reservations at %d workers with %v", v.Tasks, v.First, v.Reservations, v.Eligible, v.Require)
			if v.Need != "" {
				line += ", taking " + v.Need
			}
			if v.Preferring {
				line += ", preferred"
			}
			if v.Keys > 0 {
				line += fmt.Sprintf(", %d keys", v.Keys)
			}
			if v.Near {
				line += fmt.Sprintf(", of the first %v, until %v", v.Chosen, v.Until)
			}
			if v.Lack != "" {
				line += fmt.Sprintf("; %s since %v", v.Lack, v.Emptied)
			}
			lines = append(lines, line)
		}
		return lines
	case "worker":
		v, ok := c.Worker(probe.WorkerID(s.int("w", 0)))
		if !ok {
			return []string{"unknown"}
		}
		return []string{fmt.Sprintf("%+v", v)}
	case "task":
		v, ok := c.Task(s.ref(), s.int("task", 0))
		if !ok {
			return []string{"unknown"}
		}
		line := fmt.Sprintf("%s, attempt %d, waited %v, ran %v", v.State, v.Attempt, v.Wait, v.Service)
		if v.HasWorker {
			line += fmt.Sprintf(", worker %d", v.Worker)
		}
		if v.Outcome != 0 {
			line += ", " + v.Outcome.String()
		}
		return []string{line}
	}
	s.fatalf("unknown verb")
	return nil
}

func nonZero(st placement.Stats) string {
	var words []string
	for f := range strings.FieldsSeq(strings.Trim(fmt.Sprintf("%+v", st), "{}")) {
		if !strings.HasSuffix(f, ":0") {
			words = append(words, f)
		}
	}
	return strings.Join(words, " ")
}

func (s *script) submit(lines *[]string) []placement.Effect {
	_, once := s.args["once"]
	_, rest := s.args["cancel-rest"]
	spec := placement.Spec{
		App: s.str("app", "app"), Require: s.labels("require"), Tasks: s.int("tasks", 1), MaxAttempts: s.int("attempts", 0),
		AtMostOnce: once, CancelOnFailure: rest, Epoch: uint32(s.int("epoch", 0)),
	}
	spec.User = s.str("user", "")
	spec.Need = placement.Need{Slots: s.int("needs", 0), Resources: amounts(s.args["takes"])}
	spec.Prefer, spec.Exclude, spec.Spread = s.labels("prefer"), s.labels("exclude"), s.str("spread", "")
	for i := 1; s.str("group"+strconv.Itoa(i), "") != ""; i++ {
		spec.Groups = append(spec.Groups, s.group(s.args["group"+strconv.Itoa(i)]))
	}
	if s.str("keys", "") != "" {
		for _, key := range s.list("keys", "") {
			spec.Keys = append(spec.Keys, probe.KeyOf(strings.TrimPrefix(key, "-"))) // "-" is none
		}
	}
	if s.str("had", "") != "" {
		for _, had := range s.list("had", "") {
			var a placement.Attempts
			if _, err := fmt.Sscanf(had, "%d:%d", &a.Task, &a.N); err != nil {
				s.fatalf("had: %v", err)
			}
			spec.Attempts = append(spec.Attempts, a)
		}
	}
	var err error
	if spec.ProbeRatio, err = strconv.ParseFloat(s.str("ratio", "0"), 64); err != nil {
		s.fatalf("%v", err)
	}
	if spec.Deadline, err = time.ParseDuration(s.str("deadline", "0s")); err != nil {
		s.fatalf("%v", err)
	}
	if hex := s.str("finished", ""); hex != "" {
		if _, err := fmt.Sscanf(hex, "%x", &spec.Finished); err != nil {
			s.fatalf("%v", err)
		}
	}
	ref, effects, err := s.core.Submit(s.now, spec, nil)
	if err != nil {
		*lines = append(*lines, "error "+err.Error())
		return nil
	}
	s.refs[s.args["job"]], s.names[ref] = ref, s.args["job"]
	return effects
}

// amounts reads name:n,….
func amounts(text string) (list []probe.Amount) {
	for _, l := range labels(text) {
		n, _ := strconv.Atoi(l.Value)
		list = append(list, probe.Amount{Name: l.Key, N: uint32(n)})
	}
	return list
}

// group reads tasks:0,1;require:k:v,…;prefer:…;exclude:….
func (s *script) group(text string) placement.Group {
	var g placement.Group
	for part := range strings.SplitSeq(text, ";") {
		field, value, _ := strings.Cut(part, ":")
		switch field {
		case "tasks":
			for t := range strings.SplitSeq(value, ",") {
				n, err := strconv.Atoi(t)
				if err != nil {
					s.fatalf("tasks: %v", err)
				}
				g.Tasks = append(g.Tasks, uint32(n))
			}
		case "require":
			g.Require = labels(value)
		case "prefer":
			g.Prefer = labels(value)
		case "exclude":
			g.Exclude = labels(value)
		case "needs":
			g.Need.Slots, _ = strconv.Atoi(value)
		case "takes":
			g.Need.Resources = amounts(value)
		default:
			s.fatalf("no such field of a group")
		}
	}
	return g
}

// ask is the next call of a slot, on the oldest reservation that its worker has.
func (s *script) ask(w probe.WorkerID) probe.GetTask {
	i := s.oldest(w)
	e := s.queues[w][i]
	s.take(w, i, 1)
	m := probe.GetTask{Slot: s.key().slot, Call: s.asked[s.key()].Call + 1, Ref: e.Ref, Res: e.Res}
	s.asked[s.key()] = m
	return m
}

func (s *script) oldest(w probe.WorkerID) int {
	for i, e := range s.queues[w] {
		if name, given := s.args["job"]; !given || s.names[e.Ref] == name {
			return i
		}
	}
	s.fatalf("worker %d has no such reservation", w)
	return 0
}

func (s *script) take(w probe.WorkerID, i, n int) {
	q := s.queues[w]
	q[i].Count -= uint32(n)
	if q[i].Count == 0 {
		s.queues[w] = append(q[:i:i], q[i+1:]...)
	}
}

func (s *script) finished() probe.Finished {
	statuses := map[string]probe.Status{
		"ok": probe.StatusOK, "failed": probe.StatusFailed, "permanent": probe.StatusPermanent, "timeout": probe.StatusTimeout, "killed": probe.StatusKilled,
	}
	status, ok := statuses[s.str("status", "ok")]
	service, err := time.ParseDuration(s.str("service", "0s"))
	if !ok || err != nil {
		s.fatalf("status or service")
	}
	e := s.running[s.key()]
	if _, given := s.args["job"]; given {
		e.Ref = s.ref()
	}
	return probe.Finished{
		Slot: uint16(s.int("to", int(e.Slot))), Call: uint32(s.int("call", int(e.Call))), Ref: e.Ref, Task: uint32(s.int("task", int(e.Task))),
		Attempt: uint16(s.int("attempt", int(e.Attempt))), Status: status, Service: service,
	}
}

// note keeps what a worker would know after an effect.
func (s *script) note(e placement.Effect) {
	switch e.Kind {
	case placement.EffectReserve:
		s.queues[e.Worker] = append(s.queues[e.Worker], e)
	case placement.EffectCancel:
		for i, r := range s.queues[e.Worker] {
			if r.Ref == e.Ref && r.Res == e.Res {
				s.take(e.Worker, i, int(r.Count))
				break
			}
		}
	case placement.EffectLaunch:
		s.running[slotKey{e.Worker, e.Slot}] = e
	case placement.EffectNoTask, placement.EffectKill, placement.EffectRetry, placement.EffectTaskDone, placement.EffectJobDone,
		placement.EffectClaim, placement.EffectQuarantine,
		placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
	}
}

// words renders an effect with the names of the script.
func (s *script) words(e placement.Effect) string {
	job := s.names[e.Ref]
	at := ""
	if e.HasWorker {
		at = fmt.Sprintf(" at w%d", e.Worker)
	}
	why := ""
	if e.Code != "" {
		why = " (" + string(e.Code) + ")"
	}
	switch e.Kind {
	case placement.EffectReserve:
		if n := s.core.Need(e.Task, e.Worker); e.Task != 0 {
			return fmt.Sprintf("w%d ← reserve %s/%s ×%d of %d slots and %v", e.Worker, job, number(e.Res), e.Count, n.Slots, n.Resources[:3])
		}
		return fmt.Sprintf("w%d ← reserve %s/%s ×%d", e.Worker, job, number(e.Res), e.Count)
	case placement.EffectCancel:
		return fmt.Sprintf("w%d ← cancel %s/%s ×%d", e.Worker, job, number(e.Res), e.Count)
	case placement.EffectLaunch:
		line := fmt.Sprintf("w%d ← launch slot %d call %d: task %s.%d attempt %d, %v left, waited %v", e.Worker, e.Slot, e.Call, job, e.Task, e.Attempt, e.Deadline, e.Wait)
		if e.Service > 0 {
			line += fmt.Sprintf(", to take %v", e.Service)
		}
		if e.More {
			line += ", more waits"
		}
		return line
	case placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
		return s.peerWords(e)
	case placement.EffectNoTask:
		return fmt.Sprintf("w%d ← no task, slot %d call %d", e.Worker, e.Slot, e.Call)
	case placement.EffectKill:
		return fmt.Sprintf("w%d ← kill slot %d call %d: task %s.%d attempt %d", e.Worker, e.Slot, e.Call, job, e.Task, e.Attempt)
	case placement.EffectQuarantine:
		if e.Count == 0 {
			return fmt.Sprintf("w%d on trial", e.Worker)
		}
		return fmt.Sprintf("w%d quarantined", e.Worker)
	case placement.EffectClaim:
		return fmt.Sprintf("w%d ← claim %s", e.Worker, job)
	case placement.EffectRetry:
		return fmt.Sprintf("retry task %s.%d after attempt %d%s%s", job, e.Task, e.Attempt, at, why)
	case placement.EffectTaskDone:
		return fmt.Sprintf("task %s.%d %v%s, attempt %d%s, waited %v, ran %v", job, e.Task, e.Outcome, why, e.Attempt, at, e.Wait, e.Service)
	case placement.EffectJobDone:
		return fmt.Sprintf("job %s %v, %d not ok", job, e.Outcome, e.Count)
	}
	return e.Kind.String()
}

// number shows a reservation's number as its index, and how often that has been used before.
func number(res uint32) string {
	if use := res >> 22; use > 0 {
		return fmt.Sprintf("%d'%d", res&(1<<22-1), use)
	}
	return strconv.Itoa(int(res))
}

func (s *script) key() slotKey {
	return slotKey{probe.WorkerID(s.int("w", 0)), uint16(s.int("slot", 0))}
}

// ref is the job named, or for a name that was never submitted a Ref that does not exist.
func (s *script) ref() probe.Ref {
	if ref, ok := s.refs[s.args["job"]]; ok {
		return ref
	}
	return 99<<32 | 7
}

func (s *script) reason() probe.Refusal {
	r, ok := map[string]probe.Refusal{
		"full": probe.RefusedFull, "draining": probe.RefusedDraining, "stale": probe.RefusedStale, "app": probe.RefusedApp,
		"fenced": probe.RefusedFenced, "early": probe.RefusedEarly,
	}[s.args["reason"]]
	if !ok {
		s.fatalf("no such reason")
	}
	return r
}

func (s *script) str(key, otherwise string) string {
	if v, ok := s.args[key]; ok {
		return v
	}
	return otherwise
}

func (s *script) int(key string, otherwise int) int {
	v, err := strconv.Atoi(s.str(key, strconv.Itoa(otherwise)))
	if err != nil {
		s.fatalf("%s: %v", key, err)
	}
	return v
}

func (s *script) list(key, otherwise string) []string {
	return strings.Split(s.str(key, otherwise), ",")
}

func (s *script) labels(key string) []probe.Label {
	return labels(s.str(key, ""))
}

func labels(text string) []probe.Label {
	if text == "" {
		return nil
	}
	var list []probe.Label
	for l := range strings.SplitSeq(text, ",") {
		k, v, _ := strings.Cut(l, ":")
		list = append(list, probe.Label{Key: k, Value: v})
	}
	return list
}
