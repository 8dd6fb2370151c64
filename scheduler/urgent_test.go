package scheduler_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/fleettest"
	"dunnock/probe"
	"dunnock/worker"
)

// A job that workers serve before what waits is not refused for that: with a deadline soon under edf, of a high
// priority, and with little to do under srpt. First in, first out, it is.
func TestUrgentJobsAreTaken(t *testing.T) {
	for _, c := range []struct{ discipline, patient, urgent string }{ // what they say beside what they are; the last is who is taken
		{probe.DisciplineFIFO, ``, ``},
		{probe.DisciplineEDF, ``, `taken`},
		{probe.DisciplinePriority, ``, ``},
		{probe.DisciplinePriority, ``, `taken,"priority":1`},
		{probe.DisciplinePriority, `,"priority":-1`, `taken`},
		{probe.DisciplineSRPT, ``, ``},
		{probe.DisciplineSRPT, `,"estimate":"10ms"`, `taken,"estimate":"10ms"`},
		{probe.DisciplineSRPT, ``, `taken,"estimate":"10ms"`},
	} {
		inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
			s := f.Scheduler("s1", nil)
			for _, name := range []string{"w1", "w2"} {
				f.Worker(name, 2, apps(nil), func(w *worker.Config) { w.Discipline = c.discipline })
			}
			synctest.Wait()
			submit := func(tasks int, deadline, more string) int {
				body := fmt.Sprintf(`{"app":"echo","deadline":%q%s,"tasks":[%s]}`, deadline, more, strings.TrimSuffix(strings.Repeat(`{"text":"10ms"},`, tasks), ","))
				res := newCaller(t, f, s).open(t.Context(), http.MethodPost, "/v1/jobs", body)
				_ = res.Body.Close()
				return res.StatusCode
			}
			if status := submit(2000, "1m", c.patient); status >= 300 {
				t.Fatalf("answered %d", status)
			}
			time.Sleep(time.Second) // 400 have run, and the others take four more
			more, taken := strings.CutPrefix(c.urgent, "taken")
			if status := submit(4, "500ms", more); status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable && status >= 300 || status < 300 != taken {
				t.Errorf("%s, %q beside %q: answered %d, want taken %v", c.discipline, more, c.patient, status, taken)
			}
		})
	}
}
