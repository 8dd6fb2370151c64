package scheduler

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"

	"dunnock/gossip/view"
	"dunnock/internal/node"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// meters are the scheduler's metrics; one set per instance.
type meters struct {
	set            *metrics.Set
	jobs, tasks    [task.Unknown + 1]*metrics.Counter
	response, wait *metrics.Histogram
	reservations   *metrics.Counter
	cancelled      *metrics.Counter
	reserves       *metrics.Counter // messages, however many reservations they carry
	cancels        *metrics.Counter // messages
	launches       *metrics.Counter
	noTasks        *metrics.Counter
	retries        *metrics.Counter
	leaseExpiries  *metrics.Counter
	droppedResults *metrics.Counter
	staleOffers    *metrics.Counter // launches that came when their offer was void
	earlyOffers    *metrics.Counter // launches that came too long before their slot was free
	toPeers        [placement.EffectSpare + 1]*metrics.Counter
}

func newMeters(s *Scheduler) *meters {
	set := metrics.NewSet()
	m := &meters{
		set:            set,
		response:       set.NewHistogram("dunnock_job_response_seconds"),
		wait:           set.NewHistogram("dunnock_task_wait_seconds"),
		reservations:   set.NewCounter("dunnock_reservations_total"),
		cancelled:      set.NewCounter("dunnock_cancelled_reservations_total"),
		reserves:       set.NewCounter("dunnock_reserve_messages_total"),
		cancels:        set.NewCounter("dunnock_cancel_messages_total"),
		launches:       set.NewCounter("dunnock_launches_total"),
		noTasks:        set.NewCounter("dunnock_notask_total"),
		retries:        set.NewCounter("dunnock_retries_total"),
		leaseExpiries:  set.NewCounter("dunnock_lease_expiries_total"),
		droppedResults: set.NewCounter("dunnock_dropped_results_total"),
	}
	m.staleOffers, m.earlyOffers = set.NewCounter(`dunnock_offers_total{result="stale"}`), set.NewCounter(`dunnock_offers_total{result="early"}`)
	for kind, name := range map[placement.EffectKind]string{
		placement.EffectWant: "want", placement.EffectHand: "hand", placement.EffectSpare: "spare", placement.EffectSetDef: "set",
	} {
		m.toPeers[kind] = set.NewCounter(fmt.Sprintf("dunnock_peer_messages_total{kind=%q}", name))
	}
	for o := task.OK; o <= task.Unknown; o++ {
		m.jobs[o] = set.NewCounter(fmt.Sprintf("dunnock_jobs_total{result=%q}", o))
		m.tasks[o] = set.NewCounter(fmt.Sprintf("dunnock_tasks_total{result=%q}", o))
	}
	gauge := func(name string, value func() int) {
		set.NewGauge(name, func() float64 {
			s.mu.Lock()
			defer s.mu.Unlock()
			return float64(value())
		})
	}
	gauge("dunnock_queue_depth", func() int { return s.core.Load().Waiting })
	gauge("dunnock_running_tasks", func() int { return s.core.Load().Running })
	gauge("dunnock_running_jobs", func() int { return len(s.jobs) })
	gauge(`dunnock_held_jobs{reason="no_owner"}`, func() int { return s.leases.Held().NoOwner })
	gauge(`dunnock_held_jobs{reason="owner_asked"}`, func() int { return s.leases.Held().Asked })
	gauge(`dunnock_held_jobs{reason="unread_results"}`, func() int { return s.leases.Held().Unread })
	gauge("dunnock_quarantined_workers", func() int { return s.core.Load().Quarantined })
	gauge("dunnock_unsatisfiable_tasks", func() int { return s.core.Constraints().Stranded })
	gauge("dunnock_constraint_sets", func() int { return s.core.Constraints().Sets })
	gauge("dunnock_connections", func() int { return len(s.links) })
	gauge("dunnock_client_connections", func() int { return len(s.clients) })
	gauge("dunnock_retained_bytes", func() int { return int(s.retained) })
	gauge("dunnock_payload_bytes", func() int { return int(s.payload) })
	gauge("dunnock_peer_connections", func() int { return len(s.peers) })
	gauge(`dunnock_held_offers{slot="free"}`, func() int { free, _ := s.core.Offers(); return free })
	gauge(`dunnock_held_offers{slot="soon"}`, func() int { _, soon := s.core.Offers(); return soon })
	set.NewGauge("dunnock_hop_seconds", func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.core.Hop().Seconds()
	})
	counter := func(name string, value func(placement.Stats) uint64) {
		set.NewGauge(name, func() float64 {
			s.mu.Lock()
			defer s.mu.Unlock()
			return float64(value(s.core.Stats()))
		})
	}
	counter("dunnock_stale_messages_total", func(st placement.Stats) uint64 { return st.Stale })
	counter("dunnock_quarantines_total", func(st placement.Stats) uint64 { return st.Quarantined })
	counter("dunnock_adopted_attempts_total", func(st placement.Stats) uint64 { return st.Adopted })
	counter("dunnock_found_results_total", func(st placement.Stats) uint64 { return st.Found })
	counter("dunnock_suspects_kept_apart_total", func(st placement.Stats) uint64 { return st.KeptApart })
	counter("dunnock_under_share_jobs_total", func(st placement.Stats) uint64 { return st.UnderShare })
	counter("dunnock_relaxed_constraints_total", func(st placement.Stats) uint64 { return st.Relaxed })
	counter(`dunnock_affinity_total{result="hit"}`, func(st placement.Stats) uint64 { return st.NearLaunches })
	counter(`dunnock_affinity_total{result="spill"}`, func(st placement.Stats) uint64 { return st.FarLaunches })
	counter(`dunnock_estimates_total{result="used"}`, func(st placement.Stats) uint64 { return st.Told })
	counter(`dunnock_estimates_total{result="wrong"}`, func(st placement.Stats) uint64 { return st.Untrue })
	counter("dunnock_superseded_jobs_total", func(st placement.Stats) uint64 { return st.Superseded })
	counter("dunnock_refused_reservations_total", func(st placement.Stats) uint64 { return st.Refused })
	counter("dunnock_declined_launches_total", func(st placement.Stats) uint64 { return st.Declined })
	counter(`dunnock_offers_total{result="received"}`, func(st placement.Stats) uint64 { return st.Offers })
	counter(`dunnock_offers_total{result="held"}`, func(st placement.Stats) uint64 { return st.OffersHeld })
	counter(`dunnock_offers_total{result="used"}`, func(st placement.Stats) uint64 { return st.OffersUsed })
	counter(`dunnock_offers_total{result="handed"}`, func(st placement.Stats) uint64 { return st.Hands })
	counter(`dunnock_offers_total{result="taken"}`, func(st placement.Stats) uint64 { return st.HandsTaken })
	counter(`dunnock_offers_total{result="dropped"}`, func(st placement.Stats) uint64 { return st.OffersDropped })
	counter("dunnock_safety_nets_total", func(st placement.Stats) uint64 { return st.Nets })
	node.MemberGauges(set, func() *view.View { return s.node.Members.View() })
	return m
}

// rejected counts a refusal; codes are few, so the label is bounded.
func (m *meters) rejected(c task.Code) {
	m.set.GetOrCreateCounter(fmt.Sprintf("dunnock_rejected_total{reason=%q}", string(c))).Inc()
}

func (m *meters) taskDone(rec *record) {
	m.tasks[rec.outcome].Inc()
	if rec.attempt > 0 {
		m.wait.Update(rec.wait.Seconds())
	}
}

func (m *meters) jobDone(j *job) {
	m.jobs[j.outcome].Inc()
	m.response.Update((j.ended - j.accepted).Seconds())
}
