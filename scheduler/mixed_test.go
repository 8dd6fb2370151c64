package scheduler_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/api"
	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker"
)

// Where workers have different disciplines, a job that waits says of each that it is at some of them; and only of those that it waits for.
func TestWhoseTurnInMixedFleets(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		s := f.Scheduler("s1", nil)
		for _, d := range []string{probe.DisciplineFair, probe.DisciplineSRPT, probe.DisciplineEDF, probe.DisciplineFIFO} {
			f.Worker("w"+d, 1, apps(nil), func(w *worker.Config) { w.Discipline, w.Labels = d, map[string]string{"by": d} })
		}
		synctest.Wait()
		why := func(require string) string {
			j := echoJob(1, "10ms")
			j.User, j.ProbeRatio, j.Deadline = "ann", 16, time.Minute
			if require != "" {
				j.Require = map[string]string{"by": require}
			}
			h := fleettest.Submit(t, f.Client(s), j)
			time.Sleep(time.Second)
			var d api.JobDetail
			newCaller(t, f, s).do("GET", "/v1/jobs/"+h.ID().String(), "", 200, &d)
			return d.Why
		}
		busy := task.Job{App: "echo", Tasks: echoJob(4, "30s").Tasks}
		fleettest.Submit(t, f.Client(s), busy)
		time.Sleep(time.Second)
		for require, want := range map[string]string{
			"": "; at some workers jobs whose deadline comes before this one's, in 59s, go first (edf); at others users share the slots, and what counts is what ann has had of late (fair)" +
				"; at others jobs that came before go first (fifo); at others jobs that state an estimate go first, and this one does not (srpt)",
			probe.DisciplineFair: ", for 1s; users share the slots, and what counts is what ann has had of late (fair)",
			probe.DisciplineFIFO: "1 task waits for a free slot: 1 reservation is queued at 1 worker with by=fifo, for 1s",
		} {
			if got := why(require); !strings.HasSuffix(got, want) {
				t.Errorf("%q, want it to end in %q", got, want)
			}
		}
	})
}
