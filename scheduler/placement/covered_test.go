package placement

import (
	"testing"
	"time"

	"dunnock/probe"
)

// Where services differ and all slots are taken, a backlog of jobs that would reach every worker gets reservations of
// few workers, and of many only if one job would do, or if jobs are wide and services short.
func TestBacklogIsCovered(t *testing.T) {
	const short, long = 50 * time.Millisecond, 500 * time.Millisecond
	for name, tt := range map[string]struct {
		workers, jobs, tasks int
		service              time.Duration // of every other task; the others take twice as long
		reserved             bool
	}{
		"few workers, single tasks, fewer than workers": {8, 3, 1, long, false},
		"few workers, single tasks":                     {8, 4, 1, long, true},
		"as many as are few":                            {fewWorkers, 6, 50, long, true},
		"one more":                                      {fewWorkers + 1, 6, 50, long, false},
		"many workers, jobs that reach each":            {fewWorkers + 1, 12, 600, long, true},
		"many workers, wide jobs, short services":       {fewWorkers + 1, 6, 3 * fewTasks, short, true},
		"many workers, narrow jobs, short services":     {fewWorkers + 1, 6, fewTasks, short, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCore(Config{Policy: IdleOffer})
			c.PeerUp(0, 0, nil)
			for w := range tt.workers {
				c.WorkerUp(0, probe.WorkerID(w), Worker{Slots: 1, Apps: []string{"app"}}, nil)
			}
			f := c.forecastOf("app")
			for i := range 2 * minAlike {
				c.learn(f, &job{}, time.Duration(1+i%2)*tt.service)
			}
			for range tt.jobs {
				if _, _, err := c.Submit(0, Spec{App: "app", Tasks: tt.tasks, ProbeRatio: 2}, nil); err != nil {
					t.Fatal(err)
				}
			}
			if got := c.Stats().Reservations > 0; got != tt.reserved {
				t.Errorf("reservations: %v, want %v", got, tt.reserved)
			}
			if err := c.CheckInvariants(); err != nil {
				t.Error(err)
			}
		})
	}
}
