package placement_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"dunnock/internal/coretest"
	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// TestScripts runs the scripts under testdata/script. The verbs:
//
//	core [policy=NAME] [seed=N] [hop=TIME] [max-sets=N …]  starts anew, without workers
//	up w=N [slots=1] [apps=a,b] [labels=k:v,… has=gpu:1,… fair=1]  drain, resume, left, lost, down, worker w=N
//	submit job=NAME tasks=N [user estimate ratio d deadline attempts app require=k:v,… prefer exclude spread=KEY needs=SLOTS takes=gpu:1,… group1=tasks:0,1;require:k:v,…;… finished=HEX epoch had=TASK:N,…] [once] [cancel-rest]
//	ask w=N slot=N [job=NAME]  a GetTask with the slot's next call, on the worker's oldest reservation (of that job)
//	again w=N slot=N           the slot's last GetTask again
//	get w= slot= call= job= res=   any GetTask
//	done w=N slot=N [status=ok] [service=0]  the Finished of the slot's last Launch; with as= (worker) to= (slot) call= job= task=
//	                           or attempt= another one than it should be
//	refuse w=N reason=WORD [job=NAME] [count=all]  decline w=N slot=N reason=WORD [call job task]  the slot's last Launch, or that, or with job=NAME alone a job's claim
//	adopt w=N slot=N [call job task attempt elapsed]  the slot runs its last Launch, or that
//	found w=N slot=N [call job task attempt status service]  the slot's last Launch ended, or that
//	told w=N [job=NAME] [dropped]
//	offer w=N slot=N [call] [ready=0s renewed=0]  the slot's next call, or that
//	hand from=N w=N slot=N call=N [ready=0s left=4s hops=1 more=0]  peer, peer-down p=N  define p=N set=N [app=app require=k:v,…]
//	learn w=N slot=N n=N service=  that many jobs of one task each, as of submit, run in the slot, one after the other; what is said of that is not shown
//	want p=N set=N [age=0s quota=1 now=0]  spare p=N set=N [lack=1 floor=0]  offers
//	cancel, suspend, unsuspend job=NAME    tick    wake    load    stats    job, waits job=NAME    task job=NAME task=N
func TestScripts(t *testing.T) {
	coretest.Run(t, "testdata/script", func() coretest.Machine {
		s := &script{}
		s.reset(placement.Config{}, 1)
		return s
	})
}

// script is a core, and what its workers would know.
type script struct {
	*coretest.Line
	core    *placement.Core
	names   map[probe.Ref]string
	refs    map[string]probe.Ref
	queues  map[probe.WorkerID][]placement.Effect // Reserves that are not used up
	asked   map[slotKey]probe.GetTask             // last call of each slot
	running map[slotKey]placement.Effect          // last Launch of each slot
}

type slotKey struct {
	worker probe.WorkerID
	slot   uint16
}

func (s *script) reset(cfg placement.Config, seed uint64) {
	*s = script{
		Line:  s.Line,
		core:  placement.New(cfg, rand.New(rand.NewPCG(seed, 0))),
		names: map[probe.Ref]string{}, refs: map[string]probe.Ref{}, queues: map[probe.WorkerID][]placement.Effect{},
		asked: map[slotKey]probe.GetTask{}, running: map[slotKey]placement.Effect{},
	}
}

func (s *script) CheckInvariants() error { return s.core.CheckInvariants() }

// Do runs one line and returns its effects, in words.
func (s *script) Do(l *coretest.Line) string {
	s.Line = l
	var lines []string
	for _, e := range s.message(l.Verb, &lines) {
		s.note(e)
		lines = append(lines, s.words(e))
	}
	return strings.Join(lines, "\n")
}

// message runs the verbs that are events.
func (s *script) message(verb string, lines *[]string) []placement.Effect {
	w, c := probe.WorkerID(s.Int("w", 0)), s.core
	switch verb {
	case "up":
		s.queues[w] = nil
		return c.WorkerUp(s.Now, w, placement.Worker{
			Slots: s.Int("slots", 1), Apps: s.list("apps", "app"), Labels: s.labels("labels"), Resources: amounts(s.Word("has")), Sorts: s.Int("sorts", 0) == 1,
			Fair: s.Int("fair", 0) == 1, Name: uint64(w),
		}, nil)
	case "drain":
		return c.WorkerDrain(s.Now, w, nil)
	case "resume":
		return c.WorkerResume(s.Now, w, nil)
	case "left":
		return c.WorkerLeft(s.Now, w, nil)
	case "lost":
		delete(s.queues, w)
		return c.WorkerLost(s.Now, w, nil)
	case "down":
		delete(s.queues, w)
		return c.WorkerDown(s.Now, w, nil)
	case "adopt", "found", "told", "suspend", "unsuspend":
		return s.again(verb, w)
	case "learn":
		return s.learn(w)
	case "offer", "hand", "take-back", "want", "define", "spare", "peer", "peer-down":
		return s.peers(verb, w)
	case "submit":
		return s.submit(lines)
	case "ask":
		return c.GetTask(s.Now, w, s.ask(w), nil)
	case "again":
		return c.GetTask(s.Now, w, s.asked[s.key()], nil)
	case "get":
		m := probe.GetTask{Slot: s.key().slot, Call: uint32(s.Int("call", 0)), Ref: s.ref(), Res: uint32(s.Int("res", 0))}
		s.asked[s.key()] = m
		return c.GetTask(s.Now, w, m, nil)
	case "done":
		return c.Finished(s.Now, probe.WorkerID(s.Int("as", int(w))), s.finished(), nil)
	case "refuse":
		i := s.oldest(w)
		e := s.queues[w][i]
		n := s.Int("count", int(e.Count))
		s.take(w, i, n)
		return c.Refuse(s.Now, w, probe.Refuse{Ref: e.Ref, Res: e.Res, Count: uint32(n), Reason: s.reason()}, nil)
	case "decline":
		if m := s.finished(); s.Int("call", 0) != 0 {
			return c.Decline(s.Now, w, probe.Decline{Slot: s.key().slot, Call: m.Call, Ref: m.Ref, Task: m.Task, Reason: s.reason()}, nil)
		}
		if s.Has("job") {
			return c.Decline(s.Now, w, probe.Decline{Ref: s.ref(), Reason: s.reason()}, nil)
		}
		e := s.running[s.key()]
		return c.Decline(s.Now, w, probe.Decline{Slot: e.Slot, Call: e.Call, Ref: e.Ref, Task: e.Task, Reason: s.reason()}, nil)
	case "cancel":
		return c.Cancel(s.Now, s.ref(), nil)
	case "tick":
		return c.Tick(s.Now, nil)
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
		a := probe.Adopt{Slot: s.key().slot, Call: m.Call, Ref: m.Ref, Task: m.Task, Attempt: m.Attempt, Elapsed: s.Duration("elapsed", 0)}
		s.asked[s.key()] = probe.GetTask{Slot: a.Slot, Call: a.Call}
		s.running[s.key()] = placement.Effect{Worker: w, Slot: a.Slot, Call: a.Call, Ref: a.Ref, Task: a.Task, Attempt: a.Attempt}
		return c.Adopt(s.Now, w, a, nil)
	case "found":
		m := s.finished()
		m.Slot = s.key().slot
		return c.Found(s.Now, w, m, nil)
	case "told":
		m := probe.Told{}
		if s.Has("job") {
			m.Ref = s.ref()
		}
		m.Dropped = s.Has("dropped")
		return c.Told(s.Now, w, m, nil)
	case "suspend":
		return c.Suspend(s.Now, s.ref(), nil)
	default:
		return c.Resume(s.Now, s.ref(), nil)
	}
}

// show runs the verbs that only look.
func (s *script) show(verb string) []string {
	c := s.core
	switch verb {
	case "core":
		return s.anew()
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
		return s.job()
	case "offers":
		free, soon := c.Offers()
		return []string{fmt.Sprintf("%d free, %d soon", free, soon)}
	case "waits":
		return s.waits()
	case "worker":
		v, ok := c.Worker(probe.WorkerID(s.Int("w", 0)))
		if !ok {
			return []string{"unknown"}
		}
		return []string{fmt.Sprintf("%+v", v)}
	case "task":
		v, ok := c.Task(s.ref(), s.Int("task", 0))
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
	s.Fatalf("unknown verb")
	return nil
}

// anew begins with another core, without workers.
func (s *script) anew() []string {
	policy, err := placement.ParsePolicy(s.WordOr("policy", "late-binding"))
	if err != nil {
		s.Fatalf("%v", err)
	}
	s.reset(placement.Config{
		Policy: policy, Hop: s.Duration("hop", 0), MaxSets: s.Int("max-sets", 0), MaxListed: s.Int("max-listed", 0), MaxJobs: s.Int("max-jobs", 0), MaxTasks: s.Int("max-tasks", 0), MaxWaiting: s.Int("max-waiting", 0),
	}, uint64(s.Int("seed", 1)))
	s.Now = 0
	return nil
}

// job shows one job.
func (s *script) job() []string {
	v, ok := s.core.Job(s.ref())
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
}

// waits shows what tasks of a job wait for.
func (s *script) waits() []string {
	var lines []string
	for _, v := range s.core.Waits(s.ref(), 10, nil) {
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

// spec is the job of a line.
func (s *script) spec() placement.Spec {
	spec := placement.Spec{
		App: s.WordOr("app", "app"), Require: s.labels("require"), Tasks: s.Int("tasks", 1), MaxAttempts: s.Int("attempts", 0),
		AtMostOnce: s.Has("once"), CancelOnFailure: s.Has("cancel-rest"), Epoch: uint32(s.Int("epoch", 0)),
	}
	spec.User, spec.Estimate = s.Word("user"), s.Duration("estimate", 0)
	spec.Need = placement.Need{Slots: s.Int("needs", 0), Resources: amounts(s.Word("takes"))}
	spec.Prefer, spec.Exclude, spec.Spread = s.labels("prefer"), s.labels("exclude"), s.Word("spread")
	for i := 1; s.Word("group"+strconv.Itoa(i)) != ""; i++ {
		spec.Groups = append(spec.Groups, s.group(s.Word("group"+strconv.Itoa(i))))
	}
	if s.Word("keys") != "" {
		for _, key := range s.list("keys", "") {
			spec.Keys = append(spec.Keys, probe.KeyOf(strings.TrimPrefix(key, "-"))) // "-" is none
		}
	}
	if s.Word("had") != "" {
		for _, had := range s.list("had", "") {
			var a placement.Attempts
			if _, err := fmt.Sscanf(had, "%d:%d", &a.Task, &a.N); err != nil {
				s.Fatalf("had: %v", err)
			}
			spec.Attempts = append(spec.Attempts, a)
		}
	}
	var err error
	if spec.ProbeRatio, err = strconv.ParseFloat(s.WordOr("ratio", "0"), 64); err != nil {
		s.Fatalf("%v", err)
	}
	spec.Deadline = s.Duration("deadline", 0)
	if hex := s.Word("finished"); hex != "" {
		if _, err := fmt.Sscanf(hex, "%x", &spec.Finished); err != nil {
			s.Fatalf("%v", err)
		}
	}
	return spec
}

func (s *script) submit(lines *[]string) []placement.Effect {
	name := s.Word("job")
	ref, effects, err := s.core.Submit(s.Now, s.spec(), nil)
	if err != nil {
		*lines = append(*lines, "error "+err.Error())
		return nil
	}
	s.refs[name], s.names[ref] = ref, name
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
					s.Fatalf("tasks: %v", err)
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
			s.Fatalf("no such field of a group")
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
		if !s.Has("job") || s.names[e.Ref] == s.Word("job") {
			return i
		}
	}
	s.Fatalf("worker %d has no such reservation", w)
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
	status, ok := statuses[s.WordOr("status", "ok")]
	if !ok {
		s.Fatalf("no such status")
	}
	e := s.running[s.key()]
	if s.Has("job") {
		e.Ref = s.ref()
	}
	return probe.Finished{
		Slot: uint16(s.Int("to", int(e.Slot))), Call: uint32(s.Int("call", int(e.Call))), Ref: e.Ref, Task: uint32(s.Int("task", int(e.Task))),
		Attempt: uint16(s.Int("attempt", int(e.Attempt))), Status: status, Service: s.Duration("service", 0),
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
	return slotKey{probe.WorkerID(s.Int("w", 0)), uint16(s.Int("slot", 0))}
}

// ref is the job named, or for a name that was never submitted a Ref that does not exist.
func (s *script) ref() probe.Ref {
	if ref, ok := s.refs[s.Word("job")]; ok {
		return ref
	}
	return 99<<32 | 7
}

func (s *script) reason() probe.Refusal {
	r, ok := map[string]probe.Refusal{
		"full": probe.RefusedFull, "draining": probe.RefusedDraining, "stale": probe.RefusedStale, "app": probe.RefusedApp,
		"fenced": probe.RefusedFenced, "early": probe.RefusedEarly,
	}[s.Word("reason")]
	if !ok {
		s.Fatalf("no such reason")
	}
	return r
}

func (s *script) list(key, otherwise string) []string {
	return strings.Split(s.WordOr(key, otherwise), ",")
}

func (s *script) labels(key string) []probe.Label {
	return labels(s.Word(key))
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
