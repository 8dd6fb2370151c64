package placement_test

import (
	"fmt"
	"slices"
	"time"

	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// model is a deliberately dumb book of what a core may do. It knows nothing of how workers are sampled; it follows the
// events that the core is given and judges every effect by the rules that users rely on: each task ends exactly once,
// starts again only after a failed, lost or declined attempt, goes elsewhere if there is an elsewhere, and each call is
// answered once.
type model struct {
	core    *placement.Core
	now     time.Duration
	workers map[probe.WorkerID]*modelWorker
	jobs    map[probe.Ref]*modelJob
	ended   map[probe.Ref]bool
	needs   map[reserved]probe.Need // what was set aside for a call with a reservation, from the first word of it on
	event   event
	errs    []string
}

type modelWorker struct {
	life     int
	draining bool // not to be sampled
	severed  bool // not connected, and may be back

	quarantined bool
	onTrial     bool
	streak      int  // failures since the last success
	leaving     bool // said so itself
	apps        []string
	labels      []probe.Label
	slots       []modelSlot
}

type modelSlot struct {
	asked   bool
	call    uint32
	ref     probe.Ref // of the task that is bound here, with bound
	task    uint32
	bound   bool
	killed  bool   // was bound, and has been told to end
	attempt uint16 // as the worker knows it
	doubted bool   // with bound: the connection broke since
	started bool   // with bound: the worker has said that it runs this
	ended   uint32 // the last call of which it has said how what was bound ended
}

type modelJob struct {
	spec  placement.Spec
	since time.Duration
	tasks []modelTask
	res   map[uint32]*modelRes // outstanding

	suspended bool
	claiming  bool
	owing     map[probe.WorkerID]bool // while claiming: who has not said yet what it holds
}

type modelRes struct {
	worker probe.WorkerID
	left   uint32
}

type modelTask struct {
	done     bool
	skipped  bool // not to be run
	running  bool
	worker   probe.WorkerID
	slot     uint16
	attempt  uint16
	failedOn []failure
	starts   int  // launches that were not declined
	suspect  bool // a worker was lost under it
	outcome  task.Outcome
}

type failure struct {
	worker probe.WorkerID
	life   int
}

// event is what the core is being told, as far as effects are judged by it.
type event struct {
	kind     string
	worker   probe.WorkerID
	get      probe.GetTask
	finished probe.Finished
	adopt    probe.Adopt
	decline  probe.Decline
	ref      probe.Ref // of Cancel and Submit
	answered int
	claims   int
	fenced   probe.Ref // the job that is said to be another scheduler's
	settle   func()    // what the event does to the book once its effects are judged
}

func newModel(core *placement.Core) *model {
	return &model{
		core: core, workers: map[probe.WorkerID]*modelWorker{}, jobs: map[probe.Ref]*modelJob{}, ended: map[probe.Ref]bool{}, needs: map[reserved]probe.Need{},
	}
}

func (m *model) failf(format string, args ...any) {
	m.errs = append(m.errs, fmt.Sprintf("on %s: %s", m.event.kind, fmt.Sprintf(format, args...)))
}

// runs reports whether a worker satisfies the constraints of one task, apart from what gives way.
func (w *modelWorker) runs(s *placement.Spec, t int) bool {
	require, exclude, need := s.Require, s.Exclude, s.Need
	for _, g := range s.Groups {
		if slices.Contains(g.Tasks, uint32(t)) {
			require, exclude, need = g.Require, g.Exclude, g.Need
		}
	}
	has := func(l probe.Label) bool { return slices.Contains(w.labels, l) }
	if n := needOf(need); int(n.Slots) > len(w.slots) || n.Resources[0] > gpus(w.labels) {
		return false
	}
	return slices.Contains(w.apps, s.App) && !slices.ContainsFunc(exclude, has) &&
		!slices.ContainsFunc(require, func(l probe.Label) bool { return !has(l) })
}

// concerned reports whether a worker is asked for a job that was at another scheduler before.
func (w *modelWorker) concerned(s *placement.Spec) bool {
	if len(s.Groups) > 0 || s.Spread != "" {
		return slices.Contains(w.apps, s.App)
	}
	return w.runs(s, 0)
}

// soft reports whether a job has constraints that give way.
func soft(s *placement.Spec) bool {
	return s.Keys != nil || s.Spread != "" || len(s.Prefer) > 0 || slices.ContainsFunc(s.Groups, func(g placement.Group) bool { return len(g.Prefer) > 0 })
}

func (j *modelJob) waiting() int {
	n := 0
	for i := range j.tasks {
		if t := &j.tasks[i]; !t.done && !t.running {
			n++
		}
	}
	return n
}

// mayRun reports whether a waiting task may be bound at a worker: it has not failed there, or has failed everywhere.
func (m *model) mayRun(j *modelJob, index int, id probe.WorkerID) bool {
	t := &j.tasks[index]
	if !slices.Contains(t.failedOn, failure{id, m.workers[id].life}) {
		return true
	}
	for other, w := range m.workers {
		if w.sampled() && w.runs(&j.spec, index) && !slices.Contains(t.failedOn, failure{other, w.life}) {
			return false
		}
	}
	return true
}

// sampled reports whether reservations may go to a worker.
func (w *modelWorker) sampled() bool { return !w.draining && !w.quarantined }

// ended notes what an attempt's end says of its worker.
func (w *modelWorker) ended(s probe.Status) {
	switch s {
	case probe.StatusOK:
		w.streak = 0
		w.onTrial = w.onTrial && w.quarantined
	case probe.StatusFailed, probe.StatusTimeout:
		w.streak++
	case probe.StatusPermanent, probe.StatusKilled:
	}
}

func (m *model) quarantine(e *placement.Effect) {
	w := m.workers[e.Worker]
	if w == nil && m.event.kind == "WorkerDown" && m.event.worker == e.Worker {
		return
	}
	if w == nil || w.quarantined == (e.Count == 1) {
		m.failf("quarantine that should not be: %+v of %+v", *e, w)
		return
	}
	if w.quarantined = e.Count == 1; !w.quarantined {
		w.onTrial = true
		return
	}
	out, in := 0, 0
	for _, o := range m.workers {
		switch {
		case o.quarantined:
			out++
		case !o.draining:
			in++
		}
	}
	if in == 0 || out > max(1, (in+out)/10) || (w.streak < 3 && !w.onTrial) || w.streak == 0 {
		m.failf("worker %d with a streak of %d is quarantined, %d are and %d are not", e.Worker, w.streak, out, in)
	}
}

// halted reports whether nothing of a job may be launched.
func (j *modelJob) halted() bool { return j.suspended || j.claiming }

// asked returns a job's workers that it has to claim itself from.
func (m *model) asked(s *placement.Spec, connected bool) map[probe.WorkerID]bool {
	out := map[probe.WorkerID]bool{}
	for id, w := range m.workers {
		if w.concerned(s) && (!connected || !w.severed) {
			out[id] = true
		}
	}
	return out
}

// told notes that a worker has said all that it holds of a job, or never will.
func (j *modelJob) told(id probe.WorkerID) {
	if j.owing[id] {
		delete(j.owing, id)
		j.claiming = j.claiming && len(j.owing) > 0
	}
}

// counts notes an attempt that a worker tells of.
func (j *modelJob) counts(t *modelTask, attempt uint16) {
	if t.running {
		attempt++
	}
	t.attempt = min(max(t.attempt, attempt), uint16(j.spec.MaxAttempts))
}

// give takes the task that runs in a slot of a severed worker off it: nobody can be told.
func (m *model) give(t *modelTask) {
	if w := m.workers[t.worker]; t.running && w != nil && w.severed {
		m.unbind(&w.slots[t.slot])
	}
}

// boundAt returns the slot of a message and whether it reports the task that is bound there.
func (m *model) boundAt(id probe.WorkerID, slot uint16, call uint32, ref probe.Ref, t uint32) (*modelSlot, bool) {
	w := m.workers[id]
	if w == nil || int(slot) >= len(w.slots) {
		return nil, false
	}
	s := &w.slots[slot]
	return s, s.bound && s.call == call && s.ref == ref && s.task == t
}

// unbind takes a running task off its slot; it waits, until an effect says otherwise.
func (m *model) unbind(s *modelSlot) *modelTask {
	s.bound = false
	t := &m.jobs[s.ref].tasks[s.task]
	t.running = false
	return t
}

// take uses up reservations as the core should have.
func (m *model) take(id probe.WorkerID, ref probe.Ref, res, n uint32) {
	j := m.jobs[ref]
	if j == nil {
		return
	}
	if r := j.res[res]; r != nil && r.worker == id {
		if r.left -= min(n, r.left); r.left == 0 {
			delete(j.res, res)
		}
	}
}

// judge goes through the effects of one event in order.
func (m *model) judge(effects []placement.Effect) {
	for i := range effects {
		e := &effects[i]
		switch e.Kind {
		case placement.EffectReserve:
			m.reserve(e)
		case placement.EffectCancel:
			m.cancel(e)
		case placement.EffectLaunch:
			m.launch(e)
		case placement.EffectNoTask:
			m.noTask(e)
		case placement.EffectKill:
			m.kill(e)
		case placement.EffectRetry:
			m.retry(e)
		case placement.EffectTaskDone:
			m.taskDone(e)
		case placement.EffectJobDone:
			m.jobDone(e)
		case placement.EffectClaim:
			m.claim(e)
		case placement.EffectSetDef, placement.EffectWant, placement.EffectHand, placement.EffectSpare:
			m.failf("%v under a policy without offers", e.Kind)
		case placement.EffectQuarantine:
			m.quarantine(e)
		default:
			m.failf("effect of kind %v", e.Kind)
		}
	}
	if m.event.settle != nil {
		m.event.settle()
	}
	m.settle()
}

func (m *model) reserve(e *placement.Effect) {
	j, w := m.jobs[e.Ref], m.workers[e.Worker]
	if j == nil || w == nil || !w.sampled() || !w.runsAny(j) || e.Count == 0 {
		m.failf("reservation for %#x at worker %d, which may not have it", e.Ref, e.Worker)
		return
	}
	if j.waiting() == 0 || j.halted() {
		m.failf("reservation for %#x, of which nothing waits or may be launched", e.Ref)
	}
	if j.res[e.Res] != nil {
		m.failf("reservation %d of %#x is outstanding already", e.Res, e.Ref)
	}
	j.res[e.Res] = &modelRes{e.Worker, e.Count}
	need := m.core.Need(e.Task, e.Worker)
	need.Slots = max(need.Slots, 1)
	if (e.Task == 0) != need.Plain() {
		m.failf("reservation for %#x of need %d, which is %+v", e.Ref, e.Task, need)
	}
	m.needs[reserved{e.Worker, e.Ref, e.Res}] = need
}

func (m *model) cancel(e *placement.Effect) {
	j := m.jobs[e.Ref]
	if j == nil || j.res[e.Res] == nil || *j.res[e.Res] != (modelRes{e.Worker, e.Count}) {
		m.failf("cancelled reservation %d ×%d of %#x at worker %d, which is not outstanding", e.Res, e.Count, e.Ref, e.Worker)
		return
	}
	delete(j.res, e.Res)
}

func (m *model) launch(e *placement.Effect) {
	j, w := m.jobs[e.Ref], m.workers[e.Worker]
	if m.event.kind != "GetTask" || e.Worker != m.event.worker || e.Slot != m.event.get.Slot || e.Call != m.event.get.Call || j == nil {
		m.failf("launch that answers nothing: %+v", *e)
		return
	}
	m.event.answered++
	t, s := &j.tasks[e.Task], &w.slots[e.Slot]
	left := j.since + j.spec.Deadline - m.now
	if e.Deadline != left || left <= 0 {
		m.failf("launch with %v left, want %v", e.Deadline, left)
	}
	if s.bound {
		if s.ref != e.Ref || s.task != e.Task || s.attempt != e.Attempt {
			m.failf("call %d was answered with %#x.%d, and now with %#x.%d attempt %d", e.Call, s.ref, s.task, e.Ref, e.Task, e.Attempt)
		}
		s.doubted = false
		return
	}
	aside := m.needs[reserved{e.Worker, m.event.get.Ref, m.event.get.Res}]
	switch need := j.need(int(e.Task)); {
	case need != aside && (!need.Plain() || aside.Slots > 0 && !aside.Plain()):
		m.failf("launch of %#x.%d, which needs %+v, where %+v is set aside", e.Ref, e.Task, need, aside)
	case t.done || t.running:
		m.failf("launch of %#x.%d, which does not wait", e.Ref, e.Task)
	case !w.runs(&j.spec, int(e.Task)):
		m.failf("launch of %#x.%d at worker %d, which cannot run it", e.Ref, e.Task, e.Worker)
	case !soft(&j.spec) && !m.mayRun(j, int(e.Task), e.Worker):
		m.failf("launch of %#x.%d at worker %d, where it failed, and there is an elsewhere", e.Ref, e.Task, e.Worker)
	case m.keptApart(j, int(e.Task), e.Worker):
		m.failf("launch of %#x.%d at worker %d beside a suspect, and for one it is the last attempt", e.Ref, e.Task, e.Worker)
	case e.Attempt != t.attempt+1 || int(e.Attempt) > j.spec.MaxAttempts:
		m.failf("launch of %#x.%d is attempt %d after %d", e.Ref, e.Task, e.Attempt, t.attempt)
	case j.spec.AtMostOnce && (t.starts > 0 || j.spec.Epoch > 0):
		m.failf("second start of %#x.%d, which may start once", e.Ref, e.Task)
	case t.starts >= j.spec.MaxAttempts:
		m.failf("start of %#x.%d after %d of %d", e.Ref, e.Task, t.starts, j.spec.MaxAttempts)
	case j.halted():
		m.failf("launch of %#x.%d, of which nothing may be launched", e.Ref, e.Task)
	}
	t.running, t.worker, t.slot, t.attempt = true, e.Worker, e.Slot, e.Attempt
	t.starts++
	s.bound, s.ref, s.task, s.attempt, s.doubted, s.started = true, e.Ref, e.Task, e.Attempt, false, false
}

func (m *model) claim(e *placement.Effect) {
	m.event.claims++
	j, w := m.jobs[e.Ref], m.workers[e.Worker]
	if j == nil || j.spec.Epoch == 0 || w == nil || w.severed || !w.concerned(&j.spec) || (m.event.kind != "Submit" && m.event.worker != e.Worker) {
		m.failf("claim of %#x at worker %d, which should not be", e.Ref, e.Worker)
	}
}

func (m *model) noTask(e *placement.Effect) {
	g := m.event.get
	if m.event.kind != "GetTask" || e.Worker != m.event.worker || e.Slot != g.Slot || e.Call != g.Call {
		m.failf("no task for a call that was not made: %+v", *e)
		return
	}
	m.event.answered++
	w := m.workers[e.Worker]
	if w.slots[g.Slot].bound {
		m.failf("no task for a slot whose call %d was answered with a task", e.Call)
	}
	if j := m.jobs[g.Ref]; j != nil && !j.halted() && !w.quarantined && !soft(&j.spec) && j.alike() && m.event.answered == 1 && !m.event.repeated() {
		for i := range j.tasks {
			if t := &j.tasks[i]; !t.done && !t.running && w.runs(&j.spec, i) && m.mayRun(j, i, e.Worker) && !m.keptApart(j, i, e.Worker) {
				m.failf("no task though %#x.%d waits and may run there", g.Ref, i)
			}
		}
	}
}

// repeated reports whether the event is a GetTask whose call was the slot's last one before.
func (e *event) repeated() bool { return e.ref == ^probe.Ref(0) }

func (m *model) kill(e *placement.Effect) {
	s, ok := m.boundAt(e.Worker, e.Slot, e.Call, e.Ref, e.Task)
	if a := m.event.adopt; m.event.kind == "Adopt" && e.Worker == m.event.worker && a.Slot == e.Slot && a.Call == e.Call && a.Ref == e.Ref && a.Task == e.Task {
		s.killed, s.ref, s.task, s.attempt = true, e.Ref, e.Task, e.Attempt
		return
	}
	if !ok || m.workers[e.Worker].severed || e.Attempt != s.attempt {
		m.failf("kill of what does not run there: %+v", *e)
		return
	}
	m.unbind(s)
	s.killed = true
}

func (m *model) retry(e *placement.Effect) {
	j := m.jobs[e.Ref]
	t := &j.tasks[e.Task]
	if t.done || t.running || e.Attempt != t.attempt || int(t.attempt) >= j.spec.MaxAttempts || j.spec.AtMostOnce || e.Worker != t.worker || e.Code == "" {
		m.failf("retry that should not be: %+v of %+v", *e, *t)
	}
	t.suspect = t.suspect || m.workers[e.Worker] == nil && e.Code == task.CodeWorkerLost
	if w := m.workers[e.Worker]; w != nil {
		t.failedOn = append(t.failedOn, failure{e.Worker, w.life})
	}
}

func (m *model) taskDone(e *placement.Effect) {
	j := m.jobs[e.Ref]
	if j == nil {
		m.failf("end of a task of no live job: %+v", *e)
		return
	}
	t := &j.tasks[e.Task]
	m.give(t)
	if t.done || t.running || e.Attempt != t.attempt {
		m.failf("end of %#x.%d, which is %+v: %+v", e.Ref, e.Task, *t, *e)
	}
	f := m.event.finished
	reported := f.Ref == e.Ref && f.Task == e.Task
	if (e.Outcome == task.OK) != (reported && f.Status == probe.StatusOK) {
		m.failf("%#x.%d ends %v", e.Ref, e.Task, e.Outcome)
	}
	if (e.Outcome == task.OK) != (e.Code == "") {
		m.failf("%#x.%d ends %v with code %q", e.Ref, e.Task, e.Outcome, e.Code)
	}
	superseded := m.event.fenced == e.Ref
	if e.Outcome == task.Unknown && !superseded && (!j.spec.AtMostOnce || (t.starts != 1 && j.spec.Epoch == 0)) {
		m.failf("%#x.%d ends unknown", e.Ref, e.Task)
	}
	if superseded != (e.Code == task.CodeSuperseded) {
		m.failf("%#x.%d ends with code %q", e.Ref, e.Task, e.Code)
	}
	if e.Code == task.CodeDeadline && m.now < j.since+j.spec.Deadline {
		m.failf("%#x.%d ends by a deadline that has not come", e.Ref, e.Task)
	}
	t.done, t.outcome = true, e.Outcome
}

func (m *model) jobDone(e *placement.Effect) {
	j := m.jobs[e.Ref]
	if j == nil {
		m.failf("end of no live job: %+v", *e)
		return
	}
	failed := 0
	for i := range j.tasks {
		t := &j.tasks[i]
		if !t.done {
			m.failf("job %#x ends before its task %d", e.Ref, i)
		}
		if t.outcome != task.OK && !t.skipped {
			failed++
		}
	}
	want := task.Failed
	switch {
	case failed == 0:
		want = task.OK
	case m.event.fenced == e.Ref:
		want = task.Unknown
	case m.event.kind == "Cancel" && m.event.ref == e.Ref:
		want = task.Cancelled
	case e.Outcome == task.Timeout && m.now >= j.since+j.spec.Deadline:
		want = task.Timeout
	}
	if e.Outcome != want || int(e.Count) != failed {
		m.failf("job %#x ends %v with %d not ok, want %v with %d", e.Ref, e.Outcome, e.Count, want, failed)
	}
	delete(m.jobs, e.Ref)
	m.ended[e.Ref] = true
	if _, ok := m.core.Job(e.Ref); ok {
		m.failf("job %#x is still known", e.Ref)
	}
}

// settle compares what the core says of its state with the book.
func (m *model) settle() {
	var want placement.Load
	for ref, j := range m.jobs {
		v, ok := m.core.Job(ref)
		if !ok {
			m.failf("job %#x is unknown and has not ended", ref)
			continue
		}
		left := 0
		for _, r := range j.res {
			left += int(r.left)
		}
		if v.Reservations != left || v.Waiting != j.waiting() {
			m.failf("job %#x has %d reservations and %d waiting tasks, want %d and %d", ref, v.Reservations, v.Waiting, left, j.waiting())
		}
		if v.Claiming != j.claiming || v.Suspended != j.suspended {
			m.failf("job %#x is claiming (%v) and suspended (%v), want %v and %v", ref, v.Claiming, v.Suspended, j.claiming, j.suspended)
		}
		m.live(ref, j, left, &v)
		want.Jobs++
		want.Waiting += j.waiting()
		want.Reservations += left
		for i := range j.tasks {
			m.view(ref, i, &j.tasks[i])
		}
	}
	for _, w := range m.workers {
		switch {
		case w.severed:
		case !w.sampled():
			want.Draining++
			if w.quarantined {
				want.Quarantined++
			}
		default:
			want.Workers++
			want.Slots += len(w.slots)
		}
		for i := range w.slots {
			if w.slots[i].bound {
				want.Running++
			}
		}
	}
	if got := m.core.Load(); got != want {
		m.failf("load is %+v, want %+v", got, want)
	}
	if err := m.core.CheckInvariants(); err != nil {
		m.failf("%v", err)
	}
}

// live demands that something will happen to what waits: a worker has been asked, or the job wakes by itself, or nobody
// can be asked.
func (m *model) live(ref probe.Ref, j *modelJob, left int, v *placement.JobView) {
	switch {
	case j.claiming:
		if at, due := m.core.NextWake(); !due || at > j.since+placement.DefaultDoubtWait {
			m.failf("job %#x may claim for ever", ref)
		}
	case j.suspended || j.waiting() == 0 || left > 0 || v.ResampleAt > 0:
	case j.spec.AtMostOnce && j.spec.Epoch > 0:
		m.failf("tasks of %#x wait that nobody will launch", ref)
	default:
		for id, w := range m.workers {
			if w.sampled() && w.runsAny(j) {
				m.failf("tasks of %#x wait, and worker %d has not been asked", ref, id)
			}
		}
	}
}

func (m *model) view(ref probe.Ref, i int, t *modelTask) {
	v, ok := m.core.Task(ref, i)
	state := placement.TaskWaiting
	switch {
	case t.done:
		state = placement.TaskDone
	case t.running:
		state = placement.TaskRunning
	}
	if !ok || v.State != state || v.Attempt != int(t.attempt) || v.Outcome != t.outcome || (t.running && v.Worker != t.worker) {
		m.failf("task %#x.%d is %+v, want %+v", ref, i, v, *t)
	}
}
