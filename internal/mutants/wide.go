package main

const (
	queueWide    = "worker/queue/wide.go"
	placeSet     = "scheduler/placement/set.go"
	queueFair    = "worker/queue/fair.go"
	queueStagger = "worker/queue/stagger.go"
	placeUser    = "scheduler/placement/user.go"
	placeAdmit   = "scheduler/placement/admit.go"
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
		{name: "needs: what was set aside for a job that is over is for no other", file: placeBind, old: "return len(c.needs) == 0 && c.onOffers()", new: "return c.onOffers()", tests: true},
		{name: "needs: another group's task needs the same", file: placeBind, old: " || !g.set.need.equal(asked.set.need) {", new: " {", tests: true},
		{name: "needs: a worker has as much", file: placeSet, old: "return s.need == nil || s.need.fits(w)", new: "return true", tests: true},
		{name: "users: one stops where others find room", file: placeUser, old: "case a.unfinished+s.Tasks > c.cfg.MaxTasks-unfinished:", new: "case a.unfinished+s.Tasks > c.cfg.MaxTasks:", tests: true},
		{name: "users: one leaves others room to wait", file: placeUser, old: "case a.waiting+s.Tasks > c.cfg.MaxWaiting-c.load.Waiting:", new: "case a.waiting+s.Tasks > c.cfg.MaxWaiting:", tests: true},
		{name: "users: what was accepted elsewhere is accepted", file: placeUser, old: "if a == nil || s.Epoch > 0 {", new: "if a == nil {", tests: true},
		{name: "users: one leaves others some of the queue", file: placeAdmit, old: "} else if full(mine, waiting, rate, most) {", new: "} else if false {", tests: true},
		{name: "turns: a job that goes before what waits is not refused for it", file: placeAdmit, old: "ahead = c.inFront(s, ahead)", new: "ahead = max(ahead, c.inFront(s, ahead))", tests: true},
		{name: "turns: one that goes behind is", file: placeAdmit, old: "if j.turn <= s.Turn && !j.halted() {", new: "if j.turn < 0 {", tests: true},
		{name: "turns: what workers go by is known where all of them do", file: placeAdmit, old: "if s.Turn == 0 || c.sorters < c.load.Workers || c.fair() {", new: "if s.Turn == 0 || c.fair() {", tests: true},
		{name: "users: what others flood a fair fleet with is not waited for", file: placeUser, old: "return int(min(float64(waiting), c.parts(s.User)*float64(own))), 0", new: "return waiting, 0", tests: true},
		{name: "users: one under its share is sampled for more widely", file: placeUser, old: "if !flooded || n <= 1 || part*n > 1 || float64(wanted)*n > most {", new: "if !flooded || n <= 1 || part*n >= 0 || float64(wanted)*n > most {", tests: true},
		{name: "users: one at its share is not", file: placeUser, old: "if !flooded || n <= 1 || part*n > 1 || ", new: "if !flooded || n <= 1 || part*n < 0 || ", tests: true},
		{name: "users: nor is one of whom much waits", file: placeUser, old: "most := min(float64(wantsMost*c.taken), ", new: "most := max(0, ", tests: true},
		{name: "users: nor one who waits as others do", file: placeUser, old: "waitsMost*float64(all))", new: "max(waitsMost, 100)*float64(all))", tests: true},
		{name: "users: nor anybody where nobody floods", file: placeUser, old: "flooded := 2*(c.load.Waiting-waiting) >= max(c.load.Running, 1)", new: "flooded := c.load.Waiting > waiting", tests: true},
		{name: "users: what is above a share for a moment is not above it", file: placeUser, old: "a.part += float64((float64(a.taken)/float64(all) - a.part) * (d / (d + partOver.Seconds())))", new: "a.part = float64(a.taken) / float64(all) * max(1, d)", tests: true},
		{name: "users: a share is by path", file: placeUser, old: "if all = g.below; g.jobs > 0 {", new: "if all = c.atTop + g.below; g.jobs > 0 {", tests: true},
		{name: "users: a share is by weight", file: placeUser, old: "func (c *Core) weightOf(name string) int { return max(c.weights[name], 1) }", new: "func (c *Core) weightOf(name string) int { return 1 }", tests: true},
		{name: "users: a share is of slots", file: placeUser, old: "cost := int64(s.need.Slots) * costUnit", new: "cost := int64(costUnit)", tests: true},
		{name: "users: a share is of what is scarcest", file: placeUser, old: "cost = max(cost, int64(r.N)*int64(w.Slots)*costUnit/int64(n))", new: "_ = n", tests: true},
		{name: "fair: what was left to others is had later", file: queueFair, old: "s.parent.clock-q.credit()", new: "s.parent.clock", tests: true},
		{name: "fair: but not all of it", file: queueFair, old: "s.spent = max(s.spent, s.parent.clock-q.credit())", new: "_ = s.spent", tests: true},
		{name: "fair: who is new has left nothing to anybody", file: queueFair, old: "	s.spent = s.parent.clock\n	s.parent.children++", new: "	s.parent.children++", tests: true},
		{name: "fair: slots that are filled together are staggered", file: queueStagger, old: "g.over, g.left, g.step = true, q.width, ", new: "g.over, g.left, g.step = true, 0, ", tests: true},
		{name: "fair: once", file: queueStagger, old: "if g.over || ", new: "if ", tests: true},
		{name: "fair: who is behind does not wait for a slot that is held back", file: queueStagger, old: "	case leaf.behind(leaf.usual):\n		g.until = slices.Delete(g.until, 0, 1)\n", new: "", tests: true},
		{name: "fair: what is held back is used in the end", file: queueCore, old: "		c.fair().stagger.expire(now)\n		out = c.ask(now, out)\n", new: "", tests: true},
		{name: "users: a call at a worker that sorts is for nobody else's task", file: placeBind, old: "j.waiting() == 0 && c.onOffers())", new: "j.waiting() == 0)", tests: true},
	}
}
