package main

const (
	queueWide  = "worker/queue/wide.go"
	placeSet   = "scheduler/placement/set.go"
	placeUser  = "scheduler/placement/user.go"
	placeAdmit = "scheduler/placement/admit.go"
)

// ofWide are the protections of tasks that take more than a slot.
func ofWide() []mutant {
	return []mutant{
		{name: "wide: what is taken is not free", file: queueWide, old: "w.free[r] -= d\n", new: "", tests: true},
		{name: "wide: what a task had comes free", file: queueWide, old: "w.lanes[i] = extent{first: noSlot}\n\tc.scatter(x.first)", new: "w.lanes[i] = extent{first: noSlot}", tests: true},
		{name: "wide: whoever fits goes on, and nobody else", file: queueWide, old: "if n.Resources[r] > c.wide.free[r] {\n\t\t\treturn false", new: "if n.Resources[r] > c.wide.free[r] {\n\t\t\treturn true", tests: true},
		{name: "wide: what frees is the collector's first", file: queueWide, old: "if w.line.on && c.gather(now, &w.line) {", new: "if w.line.on && c.queue.len() == 0 && c.gather(now, &w.line) {", tests: true},
		{name: "wide: no slots before the rest is there", file: queueWide, old: "if lacks {\n\t\treturn false\n\t}", new: "", tests: true},
		{name: "wide: what frees beside a slot is the collector's whoever gets the slot", file: "worker/queue/offer.go", old: "c.gatherResources(now, &c.wide.line) // for", new: "// for", tests: true},
		{name: "wide: what is stuck is not waited for", file: queueWide, old: "if c.wide == nil || !c.wide.line.on || !c.beyond(&c.wide.line) {", new: "if c.wide == nil || true {", tests: true},
		{name: "wide: a cancelled reservation does not collect", file: queueCore, old: "if c.collects(s) && c.wide.line.ref == m.Ref && c.wide.line.res == m.Res {", new: "if false {", tests: true},
		{name: "wide: the collector goes with its scheduler", file: queueCore, old: "if c.collects(s) {\n\t\tc.disband(now, &c.wide.line)", new: "if false {\n\t\tc.disband(now, &c.wide.line)", tests: true},
		{name: "wide: more than there is is refused", file: queueWide, old: "if n.Resources[r] > w.has[r] {", new: "if n.Resources[r] > w.has[r]+1 {", tests: true},
		{name: "needs: what nobody set aside is not launched", file: placeBind, old: "if spent == 0 && j.unlike {", new: "if false {", tests: true},
		{name: "needs: what was set aside for a job that is over is for no other", file: placeBind, old: "return len(c.needs) == 0 && c.sorters == 0", new: "return c.sorters == 0", tests: true},
		{name: "needs: another group's task needs the same", file: placeBind, old: " || !g.set.need.equal(asked.set.need) {", new: " {", tests: true},
		{name: "needs: a worker has as much", file: placeSet, old: "return s.need == nil || s.need.fits(w)", new: "return true", tests: true},
		{name: "users: one stops where others find room", file: placeUser, old: "case a.unfinished+s.Tasks > c.cfg.MaxTasks-unfinished:", new: "case a.unfinished+s.Tasks > c.cfg.MaxTasks:", tests: true},
		{name: "users: one leaves others room to wait", file: placeUser, old: "case a.waiting+s.Tasks > c.cfg.MaxWaiting-c.load.Waiting:", new: "case a.waiting+s.Tasks > c.cfg.MaxWaiting:", tests: true},
		{name: "users: what was accepted elsewhere is accepted", file: placeUser, old: "if a == nil || s.Epoch > 0 {", new: "if a == nil {", tests: true},
		{name: "users: one leaves others some of the queue", file: placeAdmit, old: "} else if full(mine, waiting, rate, most) {", new: "} else if false {", tests: true},
		{name: "users: what others flood a fair fleet with is not waited for", file: placeUser, old: "return min(waiting, c.parts(s.User)*own), 0", new: "return waiting, 0", tests: true},
		{name: "users: one under its share is sampled for more widely", file: placeUser, old: "if n < 2 || c.load.Waiting == waiting || max(running, waiting+s.Tasks)*n > c.load.Running {", new: "if n < 2 || max(running, waiting+s.Tasks)*n >= 0 {", tests: true},
		{name: "users: a share is by path", file: placeUser, old: "if beside = g.members; g.jobs > 0 {", new: "if beside = c.atTop + g.members; g.jobs > 0 {", tests: true},
		{name: "users: a call at a worker that sorts is for nobody else's task", file: placeBind, old: "j.waiting() == 0 && c.sorters == 0)", new: "j.waiting() == 0)", tests: true},
	}
}
