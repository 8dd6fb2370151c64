package worker

import (
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"dunnock/gossip/view"
	"dunnock/internal/node"
	"dunnock/probe"
	"dunnock/worker/queue"
)

// meters are the worker's metrics; one set per instance.
type meters struct {
	set           *metrics.Set
	results       [probe.StatusKilled + 1]*metrics.Counter
	service       *metrics.Histogram
	leaseExpiries *metrics.Counter
}

func newMeters(w *Worker) *meters {
	set := metrics.NewSet()
	m := &meters{
		set:           set,
		service:       set.NewHistogram("dunnock_task_service_seconds"),
		leaseExpiries: set.NewCounter("dunnock_lease_expiries_total"),
	}
	for status, result := range map[probe.Status]string{
		probe.StatusOK: "ok", probe.StatusFailed: "failed", probe.StatusPermanent: "permanent", probe.StatusTimeout: "timeout", probe.StatusKilled: "killed",
	} {
		m.results[status] = set.NewCounter(fmt.Sprintf("dunnock_tasks_total{result=%q}", result))
	}
	load := func(name string, value func(queue.Load) int) {
		set.NewGauge(name, func() float64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return float64(value(w.core.Load()))
		})
	}
	load(`dunnock_slots{state="free"}`, func(l queue.Load) int { return l.Free })
	load(`dunnock_slots{state="asking"}`, func(l queue.Load) int { return l.Asking })
	load(`dunnock_slots{state="running"}`, func(l queue.Load) int { return l.Running + l.Stopping })
	load(`dunnock_slots{state="stuck"}`, func(l queue.Load) int { return l.Stuck })
	load(`dunnock_slots{state="joined"}`, func(l queue.Load) int { return l.Joined - l.Collected })
	load(`dunnock_slots{state="collected"}`, func(l queue.Load) int { return l.Collected })
	load("dunnock_queue_depth", func(l queue.Load) int { return int(l.Reservations) })
	load("dunnock_unacked_results", func(l queue.Load) int { return l.Results })
	load("dunnock_unacked_result_bytes", func(l queue.Load) int { return l.ResultBytes })
	set.NewGauge(fmt.Sprintf("dunnock_discipline{discipline=%q}", w.hello.Discipline), func() float64 { return 1 })
	switch w.core.Discipline() {
	case queue.Fair:
		load("dunnock_users", func(l queue.Load) int { return l.Users })
		set.NewGauge("dunnock_staggered_slots_total", func() float64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return float64(w.core.Staggered())
		})
	case queue.SRPT:
		set.NewGauge("dunnock_starved_reservations_total", func() float64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return float64(w.core.Stats().Starved)
		})
	case queue.FIFO, queue.Priority, queue.EDF:
	}
	offers := func(result string, value func(*queue.OfferStats) uint64) {
		set.NewGauge(fmt.Sprintf("dunnock_offers_total{result=%q}", result), func() float64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			stats := w.core.OfferStats()
			return float64(value(&stats))
		})
	}
	offers("made", func(s *queue.OfferStats) uint64 { return s.Offers })
	offers("ahead", func(s *queue.OfferStats) uint64 { return s.Ahead })
	offers("renewed", func(s *queue.OfferStats) uint64 { return s.Renewed })
	offers("launched", func(s *queue.OfferStats) uint64 { return s.Launched })
	offers("declined", func(s *queue.OfferStats) uint64 { return s.Declined })
	offers("withdrawn", func(s *queue.OfferStats) uint64 { return s.Voided - s.Renewed })
	offers("coming", func(s *queue.OfferStats) uint64 { return s.Coming })
	offers("brief", func(s *queue.OfferStats) uint64 { return s.Brief })
	offers("held", func(s *queue.OfferStats) uint64 { return s.Held })
	offers("early", func(s *queue.OfferStats) uint64 { return s.Early })
	wide := func(name string, value func(*queue.WideStats) float64) {
		set.NewGauge(name, func() float64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			stats := w.core.WideStats()
			return value(&stats)
		})
	}
	wide(`dunnock_wide_reservations_total{result="collected"}`, func(s *queue.WideStats) float64 { return float64(s.Collected) })
	wide(`dunnock_wide_reservations_total{result="passed"}`, func(s *queue.WideStats) float64 { return float64(s.Passed) })
	wide(`dunnock_wide_reservations_total{result="refused"}`, func(s *queue.WideStats) float64 { return float64(s.Misfits) })
	wide("dunnock_collect_seconds_total", func(s *queue.WideStats) float64 { return s.Collect.Seconds() })
	set.NewGauge("dunnock_connections", func() float64 {
		w.mu.Lock()
		defer w.mu.Unlock()
		return float64(len(w.peers))
	})
	node.MemberGauges(set, func() *view.View { return w.node.Members.View() })
	return m
}

// attempt counts an attempt that finished here.
func (m *meters) attempt(s probe.Status, service time.Duration) {
	m.results[s].Inc()
	m.service.Update(service.Seconds())
}
