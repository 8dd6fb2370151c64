package scheduler

import (
	"fmt"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// estimateUse says what becomes of what a live job states that its tasks take; nothing of one that states nothing. It
// runs under the lock.
func (s *Scheduler) estimateUse(j *job) string {
	if j.spec.Estimate == 0 {
		return ""
	}
	bySRPT := false
	for _, l := range s.links {
		bySRPT = bySRPT || l.discipline == probe.DisciplineSRPT
	}
	v, asked := s.core.Word(s.clock.Now(), j.ref)
	switch {
	case bySRPT:
		return "workers whose discipline is srpt go by it, whether it is right or not"
	case !asked:
		return "nothing goes by that here, where no slot is asked for ahead and no worker's discipline is srpt"
	}
	whose := "jobs without a user"
	if j.spec.User != "" {
		whose = "user " + j.spec.User
	}
	return wordOf(&v) + fmt.Sprintf(" (%s, app %s)", whose, j.spec.App)
}

// wordOf says what a word is worth.
func wordOf(v *placement.WordView) string {
	wrong := fmt.Sprintf("%.0f %% of the last %d were wrong", 100*v.Wrong, v.Seen)
	if v.Seen == v.Window {
		wrong = fmt.Sprintf("%.0f %% of late were wrong", 100*v.Wrong)
	}
	switch {
	case v.Held:
		return fmt.Sprintf("not believed now, because %s that should have ended", counted(v.Overdue, "task runs", "tasks run"))
	case v.Believed:
		return "believed, " + wrong
	case v.Seen < v.Least:
		return fmt.Sprintf("not believed yet, %d of at least %d are known", v.Seen, v.Least)
	}
	return "not believed, " + wrong
}
