package scheduler_test

import (
	"strings"
	"testing"
	"time"

	"dunnock/internal/api"
	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker"
)

// What a job states says in its listing whether it is believed, and after how much; and who goes by it where nobody
// asks ahead.
func TestEstimateUse(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
		o := newOffering(t, f, 1, 1)
		s := o.schedulers[0]
		stating := func(tasks int, takes string, says time.Duration) task.Job {
			j := echoJob(tasks, takes)
			j.User, j.Estimate = "ann", says
			return j
		}
		use := func(says time.Duration) string {
			t.Helper()
			h := fleettest.Submit(t, f.Client(s), stating(1, says.String(), says))
			time.Sleep(says / 2)
			var d api.JobDetail
			newCaller(t, f, s).do("GET", "/v1/jobs/"+h.ID().String(), "", 200, &d)
			if d.EstimateMS != float64(says.Milliseconds()) {
				t.Errorf("the estimate is %v ms, want %v", d.EstimateMS, says)
			}
			_, _ = h.Wait(t.Context())
			var after api.JobDetail
			newCaller(t, f, s).do("GET", "/v1/jobs/"+h.ID().String(), "", 200, &after)
			if after.EstimateUse != "" || after.EstimateMS != 0 {
				t.Errorf("of a job that has ended: %v ms, %q", after.EstimateMS, after.EstimateUse)
			}
			return d.EstimateUse
		}
		step := func(want string) {
			t.Helper()
			if got := use(100 * time.Millisecond); got != want+" (user ann, app echo)" {
				t.Errorf("%q, want %q", got, want)
			}
		}
		step("not believed yet, 0 of at least 64 are known")
		o.run(s, stating(30, "100ms", 100*time.Millisecond))
		step("not believed yet, 31 of at least 64 are known")
		o.run(s, stating(40, "100ms", 100*time.Millisecond))
		step("believed, 0 % of the last 72 were wrong")
		o.run(s, stating(10, "10ms", 100*time.Millisecond))
		step("not believed, 12 % of the last 83 were wrong")
		o.run(s, stating(400, "100ms", 100*time.Millisecond))
		step("believed, 2 % of late were wrong")
		slow := fleettest.Submit(t, f.Client(s), stating(2, "10s", 100*time.Millisecond))
		time.Sleep(9 * time.Second)
		step("not believed now, because 2 tasks run that should have ended")
		_, _ = slow.Wait(t.Context())

		var d api.JobDetail
		h := fleettest.Submit(t, f.Client(s), echoJob(1, "10ms"))
		newCaller(t, f, s).do("GET", "/v1/jobs/"+h.ID().String(), "", 200, &d)
		if d.EstimateMS != 0 || d.EstimateUse != "" {
			t.Errorf("of a job that states nothing: %v ms, %q", d.EstimateMS, d.EstimateUse)
		}
		for _, c := range []struct{ discipline, want string }{
			{probe.DisciplineFair, "nothing goes by that here, where no slot is asked for ahead and no worker's discipline is srpt"},
			{probe.DisciplineSRPT, "workers whose discipline is srpt go by it, whether it is right or not"},
		} {
			f.Worker("w"+c.discipline, 1, apps(nil), func(w *worker.Config) { w.Discipline = c.discipline })
			time.Sleep(time.Second)
			if got := use(100 * time.Millisecond); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s: %q, want %q", c.discipline, got, c.want)
			}
		}
	})
}
