package check_test

import (
	"slices"
	"testing"
	"time"

	"dunnock/internal/chaos/check"
	"dunnock/internal/chaos/ledger"
)

const ms = int64(time.Millisecond)

// books is a run written by hand: two schedulers, three workers of one slot, and one client with one job of two tasks.
type books struct{ records []ledger.Record }

const (
	lifeS1, lifeS2, lifeW1, lifeW2, lifeW3, lifeC1 = 1, 2, 3, 4, 5, 6

	end = 100_000 * ms
)

func lives() map[string]int {
	return map[string]int{"s1": lifeS1, "s2": lifeS2, "w1": lifeW1, "w2": lifeW2, "w3": lifeW3, "c1": lifeC1}
}

func newBooks() *books {
	b := new(books)
	roles := map[byte]string{'s': "scheduler", 'w': "worker", 'c': "client"}
	for name, life := range lives() {
		b.add(ledger.Record{Event: ledger.Up, Node: name, Life: life, Role: roles[name[0]], Slots: 1})
	}
	return b
}

func (b *books) add(r ledger.Record) *books {
	b.records = append(b.records, r)
	return b
}

// job has two tasks and is accepted by s1.
func (b *books) job(change func(*ledger.Record)) *books {
	r := ledger.Record{At: 1 * ms, Event: ledger.Submit, Node: "c1", Life: lifeC1, Job: "j", Tasks: 2, MaxAttempts: 3}
	if change != nil {
		change(&r)
	}
	b.add(r)
	return b.add(ledger.Record{At: 2 * ms, Event: ledger.Accept, Node: "c1", Life: lifeC1, Job: "j", Scheduler: "s1"})
}

// run is an attempt from one time to another; with an empty result it never says that it ended.
func (b *books) run(n, attempt int, worker string, from, to int64, result string) *books {
	r := ledger.Record{At: from * ms, Event: ledger.Start, Node: worker, Life: lives()[worker], Job: "j", Task: n, Attempt: attempt}
	b.add(r)
	if result != "" {
		r.At, r.Event, r.Result = to*ms, ledger.Finish, result
		b.add(r)
	}
	return b
}

// ok is the outcome of a task by the attempt that started on a worker then.
func (b *books) ok(n int, worker string, started, at int64) *books {
	proof := ledger.Proof(ledger.Record{Node: worker, Life: lives()[worker], At: started * ms})
	return b.add(ledger.Record{At: at * ms, Event: ledger.Outcome, Node: "c1", Life: lifeC1, Job: "j", Task: n, Result: ledger.OK, Proof: proof})
}

// ends gives task 0 an outcome that is not ok, early on.
func (b *books) ends(result string) *books {
	return b.add(ledger.Record{At: 6 * ms, Event: ledger.Outcome, Node: "c1", Life: lifeC1, Job: "j", Result: result})
}

func (b *books) done(at int64) *books {
	return b.add(ledger.Record{At: at * ms, Event: ledger.Done, Node: "c1", Life: lifeC1, Job: "j", Result: ledger.OK, Scheduler: "s1"})
}

func (b *books) fault(from, to int64, r ledger.Record) *books {
	r.At, r.Event, r.Fault = from*ms, ledger.Inject, len(b.records)+1
	b.add(r)
	r.At, r.Event = to*ms, ledger.Heal
	return b.add(r)
}

func (b *books) down(name string, at int64, planned bool) *books {
	return b.add(ledger.Record{At: at * ms, Event: ledger.Down, Node: name, Life: lives()[name], Result: "signal: killed", Planned: planned})
}

// second is the job's other task, done without ado on a worker that no test touches.
func (b *books) second() *books { return b.run(1, 1, "w3", 3, 10, ledger.OK).ok(1, "w3", 3, 11) }

func (b *books) check() *check.Verdict {
	b.add(ledger.Record{At: end, Event: ledger.Down, Node: "s1", Life: lifeS1, Planned: true})
	slices.Reverse(b.records) // a checker sorts for itself
	return check.Check(b.records, check.Options{Settle: 2 * time.Second, OrphanGrace: 2 * time.Second})
}

// kinds are the breaches that a verdict holds.
func kinds(v *check.Verdict) []string {
	var kinds []string
	for _, b := range v.Breaches {
		kinds = append(kinds, b.Kind)
	}
	return kinds
}

func TestCheck(t *testing.T) {
	once := func(r *ledger.Record) { r.Once = true; r.MaxAttempts = 1 }
	pair := ledger.Record{Kind: "cut", Pairs: [][2]string{{"s1", "w1"}}}
	node := func(name string) ledger.Record { return ledger.Record{Kind: "kill", Nodes: []string{name}} }
	// twice starts task 0 on w1 and, half a second later, on w2, which finishes it.
	twice := func(b *books) *books {
		return b.second().run(0, 1, "w1", 1000, 0, "").down("w1", 1100, true).run(0, 2, "w2", 1500, 1510, ledger.OK).ok(0, "w2", 1500, 1511).done(1512)
	}
	for _, tt := range []struct {
		name string
		of   *books
		want []string
	}{
		{"a clean run", newBooks().job(nil).second().run(0, 1, "w1", 3, 10, ledger.OK).ok(0, "w1", 3, 12).done(13), nil},
		{"lost", newBooks().job(nil).second().run(0, 1, "w1", 3, 10, ledger.OK), []string{"lost"}},
		{"not lost: its client died", newBooks().job(nil).second().run(0, 1, "w1", 3, 10, ledger.OK).down("c1", 12, true), nil},
		{"lost, and then its client said good-bye", newBooks().job(nil).second().run(0, 1, "w1", 3, 10, ledger.OK).
			add(ledger.Record{At: 20 * ms, Event: ledger.Bye, Node: "c1", Life: lifeC1}).down("c1", 21, true), []string{"lost"}},
		{"a stall of its worker", twice(newBooks().job(nil).add(ledger.Record{At: 1400 * ms, Event: ledger.Stall, Node: "w1", Nanos: 600 * ms})), nil},
		{"a stall of the machine", twice(newBooks().job(nil).add(ledger.Record{At: 1400 * ms, Event: ledger.Stall, Nanos: 600 * ms})), nil},
		{"a stall of another, for want of a CPU", twice(newBooks().job(nil).add(ledger.Record{At: 1400 * ms, Event: ledger.Stall, Node: "w3", Nanos: 600 * ms})), nil},
		{
			"a stall of another that was stopped",
			twice(newBooks().job(nil).fault(800, 1400, node("w3")).add(ledger.Record{At: 1400 * ms, Event: ledger.Stall, Node: "w3", Nanos: 600 * ms})),
			[]string{"unexplained-start"},
		},
		{"a stall that began later", twice(newBooks().job(nil).add(ledger.Record{At: 2400 * ms, Event: ledger.Stall, Node: "w1", Nanos: 600 * ms})), []string{"unexplained-start"}},
		{"two outcomes", newBooks().job(nil).second().run(0, 1, "w1", 3, 10, ledger.OK).ok(0, "w1", 3, 12).ok(0, "w1", 3, 13), []string{"outcome-twice"}},
		{"a result that nobody made", newBooks().job(nil).second().run(0, 1, "w1", 3, 10, ledger.OK).ok(0, "w2", 3, 12), []string{"phantom"}},
		{"the result of another task", newBooks().job(nil).second().run(0, 1, "w1", 3, 10, ledger.OK).ok(0, "w3", 3, 12), []string{"phantom"}},
		{"a result of an attempt that was cut", newBooks().job(nil).second().run(0, 1, "w1", 3, 10, ledger.Cut).ok(0, "w1", 3, 12), []string{"unexplained-cut", "phantom"}},
		{"a retry", newBooks().job(nil).second().run(0, 1, "w1", 3, 10, ledger.Failed).run(0, 2, "w2", 11, 12, ledger.OK).ok(0, "w2", 11, 13), nil},
		{
			"a retry before the failure", newBooks().job(nil).second().run(0, 1, "w1", 3, 30, ledger.Failed).run(0, 2, "w2", 11, 12, ledger.OK).ok(0, "w2", 11, 13),
			[]string{"unexplained-start"},
		},
		{"a second start for nothing", twice(newBooks().job(nil)), []string{"unexplained-start"}},
		{"explained by its worker's fault", twice(newBooks().job(nil).fault(1100, 1200, node("w1"))), nil},
		{"explained by the other worker's", twice(newBooks().job(nil).fault(1100, 1200, node("w2"))), nil},
		{"explained by its scheduler's", twice(newBooks().job(nil).fault(1100, 1200, node("s1"))), nil},
		{"explained by its client's", twice(newBooks().job(nil).fault(1100, 1200, node("c1"))), nil},
		{"not by another scheduler's", twice(newBooks().job(nil).fault(1100, 1200, node("s2"))), []string{"unexplained-start"}},
		{"not by a third worker's", twice(newBooks().job(nil).fault(1100, 1200, node("w3"))), []string{"unexplained-start"}},
		{
			"explained by another scheduler's, if the job has moved", newBooks().job(nil).second().fault(1100, 1200, node("s2")).
				run(0, 1, "w1", 1000, 1010, ledger.OK).
				add(ledger.Record{At: 1500 * ms, Event: ledger.Start, Node: "w2", Life: lifeW2, Job: "j", Attempt: 1, Epoch: 1}).
				add(ledger.Record{At: 1510 * ms, Event: ledger.Finish, Node: "w2", Life: lifeW2, Job: "j", Attempt: 1, Epoch: 1, Result: ledger.OK}).
				ok(0, "w2", 1500, 1511).done(1512), nil,
		},
		{"explained by a cut between the two", twice(newBooks().job(nil).fault(1100, 1200, pair)), nil},
		{"not by a cut elsewhere", twice(newBooks().job(nil).fault(1100, 1200, ledger.Record{Kind: "cut", Pairs: [][2]string{{"s2", "w1"}}})), []string{"unexplained-start"}},
		{"not by a later fault", twice(newBooks().job(nil).fault(1600, 1700, node("w1"))), []string{"unexplained-start"}},
		{"by an earlier fault that has not settled", twice(newBooks().job(nil).fault(100, 200, node("w1"))), nil},
		{"by the drawn-out end of a fault", twice(newBooks().job(nil).fault(100, 1300, node("w1"))), nil},
		{"at most once, twice", twice(newBooks().job(func(r *ledger.Record) { r.Once = true }).fault(1100, 1200, node("w1"))), []string{"once-twice"}},
		{
			"more than max_attempts", newBooks().job(func(r *ledger.Record) { r.MaxAttempts = 1 }).second().
				run(0, 1, "w1", 3, 10, ledger.Failed).run(0, 2, "w2", 11, 12, ledger.OK).ok(0, "w2", 11, 13),
			[]string{"over-attempts"},
		},
		{
			"a stale start", newBooks().job(nil).fault(4, 9, node("w1")).second().
				run(0, 2, "w2", 5, 8, ledger.OK).ok(0, "w2", 5, 9).run(0, 1, "w1", 10, 11, ledger.OK),
			[]string{"stale-start"},
		},
		{
			"the same attempt twice", newBooks().job(nil).fault(4, 9, node("w1")).second().
				run(0, 1, "w2", 5, 8, ledger.OK).ok(0, "w2", 5, 9).run(0, 1, "w1", 10, 11, ledger.OK),
			[]string{"stale-start"},
		},
		{
			"two in one slot", newBooks().job(nil).run(0, 1, "w1", 3, 10, ledger.OK).ok(0, "w1", 3, 12).run(1, 1, "w1", 9, 11, ledger.OK).ok(1, "w1", 9, 13),
			[]string{"over-slots"},
		},
		{
			"two in one slot, of which one never ends", newBooks().job(nil).down("c1", 50, true).run(0, 1, "w1", 3, 0, "").run(1, 1, "w1", 9, 11, ledger.OK),
			[]string{"over-slots"},
		},
		{"one after the other in one slot", newBooks().job(nil).run(0, 1, "w1", 3, 10, ledger.OK).ok(0, "w1", 3, 12).run(1, 1, "w1", 10, 11, ledger.OK).ok(1, "w1", 10, 13), nil},
		{"an orphan", newBooks().job(nil).second().down("c1", 20, true).run(0, 1, "w1", 2100, 2110, ledger.OK), []string{"orphan-start"}},
		{"an orphan within its grace", newBooks().job(nil).second().down("c1", 20, true).run(0, 1, "w1", 1900, 1910, ledger.OK), nil},
		{"unknown after its scheduler's death", newBooks().job(nil).second().fault(5, 500, node("s1")).ends("unknown"), nil},
		{"unknown for nothing", newBooks().job(nil).second().ends("unknown"), []string{"unexplained-end"}},
		{"unknown at most once", newBooks().job(once).second().run(0, 1, "w1", 4, 0, "").fault(5, 500, node("w1")).ends("unknown"), nil},
		{"failed by its handler", newBooks().job(nil).second().run(0, 1, "w1", 4, 5, ledger.Failed).ends("failed"), nil},
		{"failed for nothing", newBooks().job(nil).second().run(0, 1, "w1", 4, 5, ledger.OK).ends("failed"), []string{"unexplained-end"}},
		{"stopped for nothing", newBooks().job(nil).second().run(0, 1, "w1", 4, 5, ledger.Cut).run(0, 2, "w2", 4000, 4001, ledger.OK).ok(0, "w2", 4000, 4002), []string{"unexplained-cut", "unexplained-start"}},
		{
			"stopped by a fault", newBooks().job(nil).fault(3, 5, node("w1")).second().
				run(0, 1, "w1", 4, 5, ledger.Cut).run(0, 2, "w2", 400, 401, ledger.OK).ok(0, "w2", 400, 402), nil,
		},
		{
			"stopped as another attempt's result came late", newBooks().job(nil).second().fault(6, 7, node("w1")).
				run(0, 1, "w1", 4, 5, ledger.OK).run(0, 2, "w2", 3000, 3010, ledger.Cut).ok(0, "w1", 4, 3011), nil,
		},
		{"stopped at its deadline", newBooks().job(nil).fault(6, 7, node("w1")).second().run(0, 1, "w1", 4, 5, ledger.Cut).ends("timeout"), nil},
		{"late for nothing", newBooks().job(nil).second().ends("timeout"), []string{"unexplained-end"}},
		{"late, as others were lost", newBooks().job(nil).second().fault(4, 5, node("w3")).ends("timeout"), nil},
		{"late, and nobody was touched", newBooks().job(nil).second().fault(4, 5, ledger.Record{Kind: "drain"}).ends("timeout"), []string{"unexplained-end"}},
		{
			"unknown, as its launch was lost", newBooks().job(once).second().fault(4, 5, pair).
				add(ledger.Record{At: 6 * ms, Event: ledger.Outcome, Node: "c1", Life: lifeC1, Job: "j", Result: "unknown", Worker: "w1"}), nil,
		},
		{"made to fail", newBooks().job(func(r *ledger.Record) { r.Kind = "doomed" }).second().ends("failed"), nil},
		{"a crash", newBooks().down("w2", 40, false), []string{"crash"}},
		{"a stranger", newBooks().run(0, 1, "w1", 3, 4, ledger.OK), []string{"stranger"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := tt.of.check()
			if got := kinds(v); !slices.Equal(got, tt.want) {
				t.Errorf("breaches %q, want %q: %+v", got, tt.want, v.Breaches)
			}
		})
	}
}

func TestCheckCounts(t *testing.T) {
	v := newBooks().job(nil).second().fault(5, 500, ledger.Record{Kind: "kill", Nodes: []string{"w1"}}).
		run(0, 1, "w1", 3, 10, ledger.OK).down("w1", 11, true). // its result was lost with it
		run(0, 2, "w2", 600, 610, ledger.Failed).
		run(0, 3, "w2", 620, 630, ledger.OK).ok(0, "w2", 620, 640).done(641).check()
	if v.Jobs != 1 || v.Accepted != 1 || v.Tasks != 2 || v.Outcomes["ok"] != 2 || v.Starts != 4 || v.Explained != 1 || v.Retries != 1 || v.Redone.All != 2 {
		t.Errorf("%+v", v)
	}
	v = newBooks().job(nil).down("c1", 20, true).check()
	if v.Abandoned != 1 || v.Tasks != 0 || v.Lost != 0 {
		t.Errorf("a client's death: %+v", v)
	}
	b := newBooks()
	b.add(ledger.Record{At: ms, Event: ledger.Submit, Node: "c1", Life: lifeC1, Job: "j", Tasks: 2})
	b.add(ledger.Record{At: 2 * ms, Event: ledger.Refuse, Node: "c1", Life: lifeC1, Job: "j", Code: "overloaded"})
	if v = b.check(); v.Refused["overloaded"] != 1 || v.Accepted != 0 || len(v.Breaches) > 0 {
		t.Errorf("a refusal: %+v", v)
	}
	v = newBooks().job(nil).second().fault(5, 500, ledger.Record{Kind: "kill", Nodes: []string{"s1"}}).ends("unknown").check()
	if v.Unknown != 1 {
		t.Errorf("unknown: %+v", v)
	}
}

func TestRecoveries(t *testing.T) {
	b := newBooks().job(nil).second().
		fault(1000, 2000, ledger.Record{Kind: "worker-kill", Nodes: []string{"w1"}}).
		run(0, 1, "w1", 900, 0, "").run(0, 2, "w2", 1200, 1210, ledger.OK).ok(0, "w2", 1200, 1250).done(1251)
	got := check.Recoveries(b.records)
	if len(got) != 1 {
		t.Fatalf("%d kinds", len(got))
	}
	r := got[0]
	if r.Kind != "worker-kill" || r.Faults != 1 || r.Concerned != 1 || r.Restarted.Quantile(1) != 200*time.Millisecond || r.Done.Quantile(1) != 250*time.Millisecond {
		t.Errorf("a worker: %+v", r)
	}

	// The scheduler dies when one task is finished and one runs; the first is redone, the second adopted.
	b = newBooks().job(nil).
		run(0, 1, "w1", 900, 950, ledger.OK).
		run(1, 1, "w2", 900, 1080, ledger.OK).
		fault(1000, 2000, ledger.Record{Kind: "scheduler-kill", Nodes: []string{"s1"}}).
		run(0, 2, "w3", 1100, 1110, ledger.OK).ok(1, "w2", 900, 1090).ok(0, "w3", 1100, 1120).done(1121)
	r = check.Recoveries(b.records)[0]
	if r.Concerned != 2 || r.Finished != 1 || r.Redone != 1 || r.Resumed.Quantile(0.5) != 90*time.Millisecond || r.Done.Quantile(1) != 120*time.Millisecond {
		t.Errorf("a scheduler: %+v", r)
	}

	// A client that is cut off from the job's scheduler is as badly off.
	for pair, want := range map[[2]string]int{{"s1", "c1"}: 1, {"s2", "c1"}: 0, {"s1", "c2"}: 0} {
		b = newBooks().job(nil).second().run(0, 1, "w1", 900, 1100, ledger.OK).ok(0, "w1", 900, 1101).done(1102).
			fault(1000, 2000, ledger.Record{Kind: "cut-client", Pairs: [][2]string{pair}})
		if r = check.Recoveries(b.records)[0]; r.Concerned != want || len(r.Resumed) != want {
			t.Errorf("a cut of %q: %+v", pair, r)
		}
	}

	// A job whose client had died before is nobody's concern.
	b = newBooks().job(nil).down("c1", 500, true).fault(1000, 2000, ledger.Record{Kind: "scheduler-kill", Nodes: []string{"s1"}})
	if r = check.Recoveries(b.records)[0]; r.Concerned != 0 {
		t.Errorf("an orphan: %+v", r)
	}

	// A cut concerns only what both ends take part in.
	for scheduler, want := range map[string]int{"s1": 1, "s2": 0} {
		b = newBooks().job(nil).second().run(0, 1, "w1", 900, 1100, ledger.OK).ok(0, "w1", 900, 1101).done(1102).
			fault(1000, 2000, ledger.Record{Kind: "cut", Pairs: [][2]string{{scheduler, "w1"}}})
		if r = check.Recoveries(b.records)[0]; r.Concerned != want || len(r.Restarted) > 0 {
			t.Errorf("a cut of %s: %+v", scheduler, r)
		}
	}
}

func TestResponses(t *testing.T) {
	job := func(id string, from, to int64) []ledger.Record {
		return []ledger.Record{
			{At: from * ms, Event: ledger.Submit, Node: "c1", Life: lifeC1, Job: id, Tasks: 1},
			{At: to * ms, Event: ledger.Done, Node: "c1", Life: lifeC1, Job: id, Result: ledger.OK},
		}
	}
	b := newBooks().fault(1000, 2000, ledger.Record{Kind: "x"}).fault(3000, 4000, ledger.Record{Kind: "y"})
	for _, r := range [][]ledger.Record{job("a", 1, 11), job("b", 900, 1100), job("c", 2100, 2130), job("d", 4100, 4140), job("e", 1200, 1250)} {
		b.records = append(b.records, r...)
	}
	got := check.ResponsesOf(b.records)
	for _, tt := range []struct {
		name string
		got  check.Times
		want []int64
	}{
		{"before", got.Before, []int64{10}},
		{"during", got.During, []int64{50, 200}},
		{"between", got.Between, []int64{30}},
		{"after", got.After, []int64{40}},
	} {
		var got []int64
		for _, d := range slices.Sorted(slices.Values(tt.got)) {
			got = append(got, d.Milliseconds())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v ms, want %v", tt.name, got, tt.want)
		}
	}
}

func TestQuantile(t *testing.T) {
	times := check.Times{4, 1, 3, 2}
	for q, want := range map[float64]time.Duration{0: 1, 0.25: 1, 0.5: 2, 0.51: 3, 0.99: 4, 1: 4} {
		if got := times.Quantile(q); got != want {
			t.Errorf("quantile %g: %d, want %d", q, got, want)
		}
	}
	if check.Times(nil).Quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
}
