package sim_test

import (
	"bytes"
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dunnock/loadgen/workload"
	"dunnock/sim"
	"dunnock/worker/queue"
)

// sharing is jobs of ten tasks on 50 workers × 4 slots: those of a quiet user who wants a quarter of the slots, and
// those of others who want what flood says.
type sharing struct {
	policy         string // late-binding
	discipline     queue.Discipline
	service, flood string
	quiet          string // quiet:0.25
	load           float64
	jobs           int
}

func (c sharing) run(t *testing.T) *sim.Result {
	t.Helper()
	spec := workload.Spec{Load: c.load, Slots: 200, Seed: 1}
	set := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	set(spec.Tasks.UnmarshalText([]byte("10")))
	set(spec.Service.UnmarshalText([]byte(c.service)))
	set(spec.Arrival.UnmarshalText([]byte("poisson")))
	set(spec.Users.UnmarshalText([]byte(cmp.Or(c.quiet, "quiet:0.25") + c.flood)))
	source, err := workload.Generate(spec, workload.Window{Jobs: c.jobs, Warmup: workload.Warmup{Jobs: 300}})
	set(err)
	r, err := sim.Run(t.Context(), sim.Config{
		Policy: cmp.Or(c.policy, "late-binding"), Workers: 50, Slots: 4, Schedulers: 4, NetDelay: 500 * time.Microsecond, Seed: 1, Sharing: sim.Sharing{Discipline: c.discipline},
	}, source)
	set(err)
	return r
}

// sharingPolicies are those under which workers keep queues.
func sharingPolicies() []string { return []string{"late-binding", "idle-offer"} }

// TestFairIsolates is Sparrow's experiment (SOSP 2013, §7.5): a user who wants less than its share does not notice,
// within 15 %, that another wants far more than there is; it is 3. First in, first out, it waits behind all of that.
// Under idle offers too: workers that are fair make none.
func TestFairIsolates(t *testing.T) {
	alone := sharing{discipline: queue.FIFO, service: "exp:100ms", load: 0.25, jobs: 3000}.run(t).Users["quiet"].ResponseMS.Mean
	for _, policy := range sharingPolicies() {
		flooded := sharing{policy: policy, discipline: queue.Fair, service: "exp:100ms", flood: ",flood:1.25", load: 1.5, jobs: 9000}
		fair := flooded.run(t)
		flooded.discipline = queue.FIFO
		fifo := flooded.run(t)
		quiet, flood := fair.Users["quiet"], fair.Users["flood"]
		t.Logf("%s: alone %.1f ms, beside the flood: fair %.1f ms, fifo %.1f ms", policy, alone, quiet.ResponseMS.Mean, fifo.Users["quiet"].ResponseMS.Mean)
		if quiet.ResponseMS.Mean > 1.07*alone {
			t.Errorf("%s, fair: %.1f ms, alone %.1f ms", policy, quiet.ResponseMS.Mean, alone)
		}
		if got := fifo.Users["quiet"].ResponseMS.Mean; got < 5*alone {
			t.Errorf("%s, fifo: %.1f ms, alone %.1f ms: there is nothing to be isolated from", policy, got, alone)
		}
		if flood.ResponseMS.Mean < 5*alone || fair.Utilization < 0.97 {
			t.Errorf("%s, fair: the flood takes %.1f ms, of the slots %.3f are busy", policy, flood.ResponseMS.Mean, fair.Utilization)
		}
		if fair.Discipline != "fair" || fifo.Discipline != "" || quiet.Jobs+flood.Jobs+300 != 9000 {
			t.Errorf("%q, %q; %d and %d jobs", fair.Discipline, fifo.Discipline, quiet.Jobs, flood.Jobs)
		}
	}
}

// TestFairIsolatesGroups gives the quiet user nearly all of its group's half, and three others the other half: shares
// go by path, not by heads.
func TestFairIsolatesGroups(t *testing.T) {
	alone := sharing{discipline: queue.FIFO, service: "exp:100ms", quiet: "a/quiet:0.4", load: 0.4, jobs: 3000}.run(t).Users["a/quiet"].ResponseMS.Mean
	for _, policy := range sharingPolicies() {
		flooded := sharing{policy: policy, discipline: queue.Fair, service: "exp:100ms", quiet: "a/quiet:0.4", flood: ",b/x:0.5,b/y:0.5,b/z:0.5", load: 1.9, jobs: 9000}.run(t)
		quiet := flooded.Users["a/quiet"].ResponseMS.Mean
		t.Logf("%s: alone %.1f ms, beside the flood %.1f ms; %.1f messages a task", policy, alone, quiet, flooded.MessagesPerTask)
		if quiet > 1.05*alone { // 1.11 with shares by heads
			t.Errorf("%s: %.1f ms, alone %.1f ms", policy, quiet, alone)
		}
	}
}

// TestFairIsolatesWideTasks sets a quiet user's plain tasks beside a flood of tasks of four slots, and its tasks of
// four slots beside a flood of plain ones: with dominant shares neither notices much. The simulator fails a run in
// which more runs at a worker than it has.
func TestFairIsolatesWideTasks(t *testing.T) {
	run := func(policy string, quiet, flood int, load float64) *sim.Result {
		text := wideJobs(t, quiet, flood, load)
		source, err := workload.Read(bytes.NewReader(text), workload.Window{Warmup: workload.Warmup{Time: 2 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := sim.Run(t.Context(), sim.Config{
			Policy: policy, Workers: 25, Slots: 8, Schedulers: 4, NetDelay: 500 * time.Microsecond, Seed: 1, Sharing: sim.Sharing{Discipline: queue.Fair},
		}, source)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, widths := range [][2]int{{1, 4}, {4, 1}} {
		alone := run("late-binding", widths[0], widths[1], 0).Users["quiet"].ResponseMS.Mean
		for _, policy := range sharingPolicies() {
			r := run(policy, widths[0], widths[1], 1.2)
			quiet, flood := r.Users["quiet"].ResponseMS.Mean, r.Users["flood"].ResponseMS.Mean
			t.Logf("%s: tasks of %d slots beside a flood of %d: alone %.1f ms, beside it %.1f; the flood %.1f", policy, widths[0], widths[1], alone, quiet, flood)
			if quiet > 1.15*alone || flood < 5*alone {
				t.Errorf("%s: tasks of %d slots beside a flood of %d: %.1f ms, alone %.1f; the flood %.1f", policy, widths[0], widths[1], quiet, alone, flood)
			}
		}
	}
}

// wideJobs is a file of jobs of ten exponential tasks for 200 slots: the quiet user's, which keep a tenth of them busy,
// and a flood that would keep as many as load says.
func wideJobs(t *testing.T, quiet, flood int, load float64) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(quiet)))
	const end = 10 * time.Second
	every := func(load float64, slots int) float64 {
		return float64(100*time.Millisecond) * 10 * float64(slots) / (load * 200)
	}
	job := func(user string, slots int, at time.Duration) workload.Job {
		j := workload.Job{At: at, User: user, Demand: workload.Demand{Slots: slots}, Est: 100 * time.Millisecond}
		for range 10 {
			j.Service = append(j.Service, time.Duration(rng.ExpFloat64()*float64(100*time.Millisecond)))
		}
		return j
	}
	var jobs []workload.Job
	for at := 0.0; at < float64(end); at += rng.ExpFloat64() * every(0.1, quiet) {
		jobs = append(jobs, job("quiet", quiet, time.Duration(at)))
	}
	for at := 0.0; load > 0 && at < float64(end); at += rng.ExpFloat64() * every(load, flood) {
		jobs = append(jobs, job("flood", flood, time.Duration(at)))
	}
	slices.SortStableFunc(jobs, func(a, b workload.Job) int { return cmp.Compare(a.At, b.At) })
	var text []byte
	for i := range jobs {
		text = workload.AppendJob(text, &jobs[i])
	}
	return text
}

// isolation is a quiet user who wants what a share of the fleet would give it or less, and others who want the rest and
// more, for 12 s on 200 slots.
type isolation struct {
	quiet   string // its path
	load    float64
	flood   string
	weights map[string]int
	most    float64 // times its response when it is alone
}

func (c *isolation) run(t *testing.T, policy, service string, slots int, seed uint64, flooded bool) *sim.Result {
	t.Helper()
	users := c.quiet + ":" + strconv.FormatFloat(c.load, 'f', -1, 64)
	load := c.load
	if flooded {
		users += c.flood
		for user := range strings.SplitSeq(c.flood[1:], ",") {
			_, part, _ := strings.Cut(user, ":")
			wants, err := strconv.ParseFloat(part, 64)
			if err != nil {
				t.Fatal(err)
			}
			load += wants
		}
	}
	spec := workload.Spec{Load: load, Slots: 200, Seed: seed}
	for _, err := range []error{
		spec.Tasks.UnmarshalText([]byte("10")), spec.Service.UnmarshalText([]byte(service)), spec.Arrival.UnmarshalText([]byte("poisson")), spec.Users.UnmarshalText([]byte(users)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	source, err := workload.Generate(spec, workload.Window{Duration: 14 * time.Second, Warmup: workload.Warmup{Time: 2 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := sim.Run(t.Context(), sim.Config{
		Policy: policy, Workers: 200 / slots, Slots: slots, Schedulers: 4, NetDelay: 500 * time.Microsecond, Seed: seed,
		Sharing: sim.Sharing{Discipline: queue.Fair, Weights: c.weights},
	}, source)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFairIsolatesEverywhere holds the 15 % for quiet users of a tenth to nine tenths of their share, by heads, by path
// and by weight, with tasks that take the same time each, or very different times. Tasks that are equal to the
// microsecond are the worst that there is: an empty fleet is filled by the flood in half of a task's time, and without
// staggering no slot frees anywhere in the other half ever after. Without credit for what it has left to others, a user
// of nine tenths of its share queues for its own half whenever it has more than that.
func TestFairIsolatesEverywhere(t *testing.T) {
	cells := []isolation{
		{"quiet", 0.1, ",flood:1.4", nil, 1.10},
		{"quiet", 0.25, ",flood:1.25", nil, 1.14},
		{"quiet", 0.25, ",flood:1.75", nil, 1.14},
		{"quiet", 0.45, ",flood:1.25", nil, 1.14},
		{"a/quiet", 0.4, ",b/x:0.5,b/y:0.5,b/z:0.5", nil, 1.14},
		{"quiet", 0.55, ",flood:1.25", map[string]int{"quiet": 3}, 1.14},
		{"quiet", 0.15, ",flood:1.35", map[string]int{"flood": 3}, 1.14},
	}
	runs := []struct {
		policy, service string
		slots           int
		seed            uint64
	}{
		{"late-binding", "const:100ms", 4, 1},
		{"idle-offer", "const:100ms", 4, 2},
		{"late-binding", "const:100ms", 8, 3},
		{"idle-offer", "exp:100ms", 4, 4},
		{"late-binding", "bimodal:0.9,50ms,550ms", 4, 5},
	}
	if testing.Short() || raceDetector() { // the simulator is one goroutine, and ten times slower under it
		runs = runs[1:2]
	}
	for _, r := range runs {
		for i := range cells {
			c := &cells[i]
			alone := c.run(t, r.policy, r.service, r.slots, r.seed, false).Users[c.quiet].ResponseMS.Mean
			fair := c.run(t, r.policy, r.service, r.slots, r.seed, true)
			quiet := fair.Users[c.quiet].ResponseMS.Mean
			t.Logf("%s, %s, %d slots, seed %d; %s of %.2f beside %s: %.1f ms, alone %.1f: %+.1f %%; %.1f messages a task",
				r.policy, r.service, r.slots, r.seed, c.quiet, c.load, c.flood[1:], quiet, alone, 100*(quiet/alone-1), fair.MessagesPerTask)
			if quiet > c.most*alone {
				t.Errorf("%s, %s, %d slots, seed %d; %s of %.2f beside %s: %.1f ms, alone %.1f: %+.1f %%, want at most %+.1f %%",
					r.policy, r.service, r.slots, r.seed, c.quiet, c.load, c.flood[1:], quiet, alone, 100*(quiet/alone-1), 100*(c.most-1))
			}
			if fair.MessagesPerTask > 9 || fair.Utilization < 0.98 {
				t.Errorf("%s, %s, %d slots, seed %d; %s: %.1f messages a task; of the slots %.3f are busy", r.policy, r.service, r.slots, r.seed, c.quiet, fair.MessagesPerTask, fair.Utilization)
			}
		}
	}
}

// TestShortestFirst gives jobs very different sizes: serving what has the least left first takes a good part of the
// mean away.
func TestShortestFirst(t *testing.T) {
	run := func(d queue.Discipline) *sim.Result {
		spec := workload.Spec{Load: 0.9, Slots: 80, Seed: 3}
		for _, err := range []error{
			spec.Tasks.UnmarshalText([]byte("bimodal:0.8,2,40")), spec.Service.UnmarshalText([]byte("jobexp:100ms")), spec.Arrival.UnmarshalText([]byte("poisson")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		source, err := workload.Generate(spec, workload.Window{Jobs: 4000, Warmup: workload.Warmup{Jobs: 400}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := sim.Run(t.Context(), sim.Config{
			Workers: 20, Slots: 4, Schedulers: 2, NetDelay: 500 * time.Microsecond, Seed: 1, Sharing: sim.Sharing{Discipline: d, StarvationBound: 5 * time.Second},
		}, source)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	fifo, srpt := run(queue.FIFO).ResponseMS, run(queue.SRPT).ResponseMS
	t.Logf("fifo: mean %.1f ms, p50 %.1f, max %.0f; srpt: %.1f, %.1f, %.0f", fifo.Mean, fifo.P50, fifo.Max, srpt.Mean, srpt.P50, srpt.Max)
	if srpt.Mean > 0.7*fifo.Mean || srpt.P50 > 0.5*fifo.P50 {
		t.Errorf("fifo: mean %.1f ms, p50 %.1f; srpt: %.1f, %.1f", fifo.Mean, fifo.P50, srpt.Mean, srpt.P50)
	}
}

// urgent is jobs of a discipline's own: what they have until their deadlines, whose they are, and their priorities.
func urgent(t *testing.T, cfg sim.Config, spec workload.Spec, jobs int, fields map[string]string) *sim.Result {
	t.Helper()
	to := map[string]interface{ UnmarshalText(b []byte) error }{
		"tasks": &spec.Tasks, "service": &spec.Service, "arrival": &spec.Arrival, "users": &spec.Users, "priority": &spec.Priorities, "deadlines": &spec.Deadlines,
		"estimates": &spec.Estimates,
	}
	for name, text := range fields {
		if err := to[name].UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	spec.Slots = cfg.Workers * cfg.Slots
	source, err := workload.Generate(spec, workload.Window{Jobs: jobs, Warmup: workload.Warmup{Jobs: jobs / 10}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := sim.Run(t.Context(), cfg, source)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestEarliestDeadlineFirst gives half of the jobs two tasks' time and the others twenty: first in, first out, some of
// the former are too late at load 0.9, and by their deadlines none.
func TestEarliestDeadlineFirst(t *testing.T) {
	for _, policy := range sharingPolicies() {
		missed := func(d queue.Discipline) float64 {
			r := urgent(t, sim.Config{
				Policy: policy, Workers: 20, Slots: 4, Schedulers: 2, NetDelay: 500 * time.Microsecond, Seed: 1, Sharing: sim.Sharing{Discipline: d},
			}, workload.Spec{Load: 0.9, Seed: 1}, 4000, map[string]string{"tasks": "10", "service": "const:100ms", "arrival": "poisson", "deadlines": "bimodal:0.5,200ms,2s"})
			if r.FailedJobs > 0 && (r.FailedTasks < r.FailedJobs || r.FailedTasks > 10*r.FailedJobs) {
				t.Errorf("%d tasks failed, of %d jobs of ten", r.FailedTasks, r.FailedJobs)
			}
			return float64(r.FailedJobs) / float64(r.Jobs)
		}
		fifo, edf := missed(queue.FIFO), missed(queue.EDF)
		t.Logf("%s: %.4f of the jobs miss their deadline first in, first out, and %.4f by deadline", policy, fifo, edf)
		if least := map[string]float64{"late-binding": 0.02, "idle-offer": 0.001}[policy]; fifo < least || edf > 0.0005 {
			t.Errorf("%s: %.4f of the jobs miss their deadline first in, first out, and %.4f by deadline", policy, fifo, edf)
		}
	}
}

// TestPriorityAgreesWithTheory: one worker is a queue M/M/c with non-preemptive priorities, whose mean waits are known
// (Cobham, Operations Research 1954), but for the two hops in which a slot asks.
func TestPriorityAgreesWithTheory(t *testing.T) {
	const slots, load, high = 16, 0.9, 0.3
	r := urgent(t, sim.Config{
		Workers: 1, Slots: slots, Schedulers: 1, Seed: 1, Sharing: sim.Sharing{Discipline: queue.Priority},
	}, workload.Spec{Load: load, Seed: 1}, 100_000, map[string]string{"tasks": "1", "service": "exp:100ms", "arrival": "poisson", "users": "high:0.3,low:0.6", "priority": "high:5"})
	first := 100 * sim.ErlangC(slots, load) / slots / (1 - high)
	for user, want := range map[string]float64{"high": first, "low": first / (1 - load)} {
		if got := r.Users[user].WaitMS.Mean; math.Abs(got/want-1) > 0.1 {
			t.Errorf("%s waits %.2f ms on average, and M/M/c says %.2f", user, got, want)
		}
	}
}

// TestAgeing: with ageing those of low priority do not wait for all that come after them.
func TestAgeing(t *testing.T) {
	run := func(ageing time.Duration) (high, low float64) {
		r := urgent(t, sim.Config{
			Workers: 20, Slots: 4, Schedulers: 2, NetDelay: 500 * time.Microsecond, Seed: 1, Sharing: sim.Sharing{Discipline: queue.Priority, Ageing: ageing},
		}, workload.Spec{Load: 0.95, Seed: 1}, 6000, map[string]string{"tasks": "10", "service": "exp:100ms", "arrival": "poisson", "users": "high:0.3,low:0.65", "priority": "high:5"})
		return r.Users["high"].ResponseMS.P99, r.Users["low"].ResponseMS.P99
	}
	high, low := run(0)
	agedHigh, agedLow := run(20 * time.Millisecond)
	t.Logf("p99 of high and low: %.0f and %.0f ms; with ageing %.0f and %.0f", high, low, agedHigh, agedLow)
	if agedLow > 0.95*low || agedHigh < high || agedHigh > agedLow {
		t.Errorf("p99 of high and low: %.0f and %.0f ms; with ageing %.0f and %.0f", high, low, agedHigh, agedLow)
	}
}
