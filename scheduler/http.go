package scheduler

import (
	"cmp"
	"strings"

	"github.com/valyala/fasthttp"

	"dunnock/internal/api"
	"dunnock/internal/node"
	"dunnock/internal/stream"
	"dunnock/probe"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// route answers the paths under /v1 that are a scheduler's own.
func (s *Scheduler) route(ctx *fasthttp.RequestCtx) bool {
	path := string(ctx.Path())
	switch path {
	case probe.StreamPath:
		_ = stream.Upgrade(ctx, s.clientStream, s.serve) // has answered in any case
	case "/v1/jobs":
		s.routeJobs(ctx)
	case "/v1/workers":
		if node.Allow(ctx, fasthttp.MethodGet) {
			node.Answer(ctx, fasthttp.StatusOK, s.listWorkers())
		}
	case "/v1/schedulers":
		if node.Allow(ctx, fasthttp.MethodGet) {
			node.Answer(ctx, fasthttp.StatusOK, s.listSchedulers())
		}
	case "/v1/fleet":
		if node.Allow(ctx, fasthttp.MethodGet) {
			node.Answer(ctx, fasthttp.StatusOK, s.fleet())
		}
	default:
		rest, found := strings.CutPrefix(path, "/v1/jobs/")
		if !found {
			return false
		}
		name, events := strings.CutSuffix(rest, "/events")
		if strings.Contains(name, "/") {
			return false
		}
		s.routeJob(ctx, name, events)
	}
	return true
}

func (s *Scheduler) routeJobs(ctx *fasthttp.RequestCtx) {
	if !node.Allow(ctx, fasthttp.MethodGet, fasthttp.MethodPost) {
		return
	}
	if ctx.IsPost() {
		s.postJob(ctx)
		return
	}
	node.Answer(ctx, fasthttp.StatusOK, s.listJobs())
}

// postJob submits a job; with wait=true its events are the answer.
func (s *Scheduler) postJob(ctx *fasthttp.RequestCtx) {
	wait := false
	switch v := string(ctx.QueryArgs().Peek("wait")); v {
	case "", "false", "0":
	case "true", "1":
		wait = true
	default:
		node.Fail(ctx, task.Errorf(task.CodeInvalidJob, "wait: want true or false, got %.80q", v))
		return
	}
	spec, err := api.DecodeJob(ctx.PostBody(), s.cfg.Limits.MaxTasks)
	if err != nil {
		node.Fail(ctx, s.rejected(asError(err)))
		return
	}
	var t turn
	var j *job
	es := newEventStream(s, spec.Finished)
	refused := s.submit(&t, spec, func(accepted *job, _ bool) {
		j = accepted
		j.readable = true
		if wait {
			es.own(j)
		} else {
			j.lease.Detached = true
		}
	})
	t.batch.Flush()
	switch {
	case refused != nil:
		node.Fail(ctx, refused)
	case wait:
		es.answer(ctx)
	default:
		ctx.Response.Header.Set(fasthttp.HeaderLocation, "/v1/jobs/"+j.spec.ID.String())
		node.Answer(ctx, fasthttp.StatusAccepted, api.Accepted{Job: j.spec.ID.String(), Tasks: j.tasks.len()})
	}
}

func (s *Scheduler) routeJob(ctx *fasthttp.RequestCtx, name string, events bool) {
	methods := []string{fasthttp.MethodGet, fasthttp.MethodDelete}
	if events {
		methods = methods[:1]
	}
	if !node.Allow(ctx, methods...) {
		return
	}
	id, err := task.ParseJobID(name)
	if err != nil {
		node.Fail(ctx, asError(err))
		return
	}
	s.mu.Lock()
	j := s.known(id)
	s.mu.Unlock()
	switch {
	case j == nil:
		node.Fail(ctx, s.unknownJob(id))
	case events:
		es := newEventStream(s, nil)
		es.job = j
		es.answer(ctx)
	case ctx.IsDelete():
		s.cancelJob(j)
		node.Answer(ctx, fasthttp.StatusOK, s.summary(j))
	default:
		node.Answer(ctx, fasthttp.StatusOK, s.detail(j))
	}
}

// cancelJob ends a job now; one that has finished stays as it is.
func (s *Scheduler) cancelJob(j *job) {
	var t turn
	now := s.enter()
	if j.outcome == 0 {
		t.effects = s.core.Cancel(now, j.ref, t.effects)
	}
	s.exit(now, &t)
	t.batch.Flush()
}

// unknownJob says where else to ask: a job is known to its own scheduler only.
func (s *Scheduler) unknownJob(id task.JobID) *task.Error {
	e := task.Errorf(task.CodeNotFound, "scheduler %s does not hold job %s", s.node.Name, id)
	var peers []string
	for _, m := range s.node.Members.View().Schedulers() {
		if m.Name != s.node.Name {
			peers = append(peers, "http://"+m.Addr)
		}
	}
	if len(peers) > 0 {
		e.Detail = "peers: " + strings.Join(peers, " ")
	}
	return e
}

func (s *Scheduler) listWorkers() api.WorkerList {
	s.mu.Lock()
	links := make(map[lifeKey]api.Worker, len(s.links))
	for id, l := range s.links {
		row := api.Worker{Connected: true, Busy: int(l.load.Busy), Queued: int(l.load.Queued), Discipline: l.discipline, Apps: make([]string, len(l.apps))}
		for app, i := range l.apps {
			row.Apps[i] = app
		}
		for _, r := range l.resources {
			if row.Resources == nil {
				row.Resources = make(map[string]uint32)
			}
			row.Resources[r.Name] = r.N
		}
		if v, ok := s.core.Worker(id); ok && v.Quarantined {
			row.State = "quarantined"
		}
		links[lifeOf(&l.member)] = row
	}
	s.mu.Unlock()
	list := api.WorkerList{Workers: []api.Worker{}}
	for _, m := range s.node.Members.View().Workers() {
		row := links[lifeOf(&m)]
		row.Name, row.Incarnation, row.Addr, row.Slots = m.Name, m.Incarnation.String(), m.Addr, m.Slots
		row.State = cmp.Or(row.State, m.State.String())
		row.Labels = make(map[string]string, len(m.Labels))
		for _, l := range m.Labels {
			row.Labels[l.Key] = l.Value
		}
		if row.Apps == nil {
			row.Apps = []string{}
		}
		list.Workers = append(list.Workers, row)
	}
	return list
}

func (s *Scheduler) listSchedulers() api.SchedulerList {
	list := api.SchedulerList{Schedulers: []api.Scheduler{}}
	v := s.node.Members.View()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range v.Schedulers() {
		row := api.Scheduler{
			Name: m.Name, Incarnation: m.Incarnation.String(), Addr: m.Addr, State: m.State.String(), Self: m.Incarnation == s.node.Incarnation,
		}
		if s.cfg.Policy == placement.IdleOffer && !row.Self {
			state, fault := s.connectionTo(&m)
			if row.Connection = state; fault != nil {
				row.Fault = fault.Error()
			}
		}
		list.Schedulers = append(list.Schedulers, row)
	}
	return list
}

func (s *Scheduler) fleet() api.Fleet {
	v := s.node.Members.View()
	f := api.Fleet{
		Fleet: s.node.Fleet, Policy: s.cfg.Policy.String(), Scheduler: s.node.Name,
		Schedulers: len(v.Schedulers()), Workers: len(v.Workers()),
	}
	for _, m := range v.Workers() {
		f.Slots += m.Slots
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	load := s.core.Load()
	f.Peers = len(s.peers)
	f.Connected, f.Jobs, f.Waiting, f.Running = len(s.links), len(s.jobs), load.Waiting, load.Running
	return f
}
