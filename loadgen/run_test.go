package loadgen

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dunnock/client"
	"dunnock/internal/fleettest"
	"dunnock/loadgen/workload"
	"dunnock/probe"
	"dunnock/task"
	"dunnock/worker"
)

// bubble is a fleet in virtual time, and a run on it.
type bubble struct {
	t      *testing.T
	fleet  *fleettest.Fleet
	config Config
	handle worker.Handler
}

// inBubble runs a test with a fleet of so many schedulers and workers with so many slots.
func inBubble(t *testing.T, schedulers, workers, slots int, f func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, fleet: fleettest.New(t), handle: fleettest.Echo}
		defer b.fleet.Stop()
		b.config = Config{
			Dial: b.fleet.Dial, Logger: slog.New(slog.DiscardHandler), NoAlarm: true,
			Fleet: Fleet{Policy: "late-binding", Schedulers: schedulers, Workers: workers, Slots: workers * slots, Uniform: true},
		}
		apps := map[string]worker.Handler{SleepApp: func(ctx context.Context, tk worker.Task) ([]byte, error) { return b.handle(ctx, tk) }}
		for i := range schedulers {
			b.config.Schedulers = append(b.config.Schedulers, b.fleet.Scheduler("s"+strconv.Itoa(i+1), nil).Addr)
		}
		for i := range workers {
			b.fleet.Worker("w"+strconv.Itoa(i+1), slots, apps, nil)
		}
		time.Sleep(time.Second) // all are connected
		f(b)
	})
}

// source makes a workload of texts.
func (b *bubble) source(tasks, service, arrival string, rate float64, w workload.Window) *workload.Source {
	b.t.Helper()
	s := workload.Spec{Rate: rate, Seed: 1}
	b.parse(&s, tasks, service, arrival)
	source, err := workload.Generate(s, w)
	if err != nil {
		b.t.Fatal(err)
	}
	return source
}

func (b *bubble) parse(s *workload.Spec, tasks, service, arrival string) {
	b.t.Helper()
	var errs [3]error
	s.Tasks, errs[0] = workload.ParseTasks(tasks)
	s.Service, errs[1] = workload.ParseService(service)
	s.Arrival, errs[2] = workload.ParseArrival(arrival)
	if err := errors.Join(errs[:]...); err != nil {
		b.t.Fatal(err)
	}
}

// run runs a workload and holds what must be true of every result.
func (b *bubble) run(ctx context.Context, source *workload.Source) *Result {
	b.t.Helper()
	r, err := Run(ctx, b.config, source)
	if err != nil {
		b.t.Fatal(err)
	}
	b.check(r)
	return r
}

func (b *bubble) check(r *Result) {
	b.t.Helper()
	inError, users, intervals := uint64(0), uint64(0), uint64(0)
	for _, n := range r.Errors {
		inError += n
	}
	for _, u := range r.Users {
		users += u.Jobs
	}
	for _, v := range r.Timeline {
		intervals += v.Jobs
	}
	if users != r.Jobs || intervals != r.Jobs || inError > r.Jobs {
		b.t.Errorf("of %d jobs, users have %d, intervals %d, %d are in error", r.Jobs, users, intervals, inError)
	}
	d := &r.Breakdown
	if sum := d.Lag + d.Wait + d.Service + d.Rest; inError == 0 && math.Abs(sum-r.ResponseMS.Mean) > 1e-6*sum {
		b.t.Errorf("the parts add up to %g ms, the mean response is %g ms", sum, r.ResponseMS.Mean)
	}
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(r); err != nil {
		b.t.Fatal(err)
	}
	back, err := ReadResults(&text)
	if err != nil {
		b.t.Fatal(err)
	}
	if diff := cmp.Diff([]*Result{r}, back); diff != "" {
		b.t.Errorf("the result reads back otherwise:\n%s", diff)
	}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s is %g, want %g ± %g", what, got, want, tolerance)
	}
}

// TestArrivalsDoNotWaitForResponses: a fleet that serves ten jobs a second gets a hundred a second, and each job's
// response has in it that those before it had to be served first.
func TestArrivalsDoNotWaitForResponses(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, 1, 1, func(b *bubble) {
		r := b.run(b.t.Context(), b.source("1", "const:100ms", "const", 100, workload.Window{Jobs: 100}))
		if r.Jobs != 100 || len(r.Errors) != 0 || !r.Valid || r.LagMS.Max != 0 {
			b.t.Errorf("got %d jobs, errors %v, valid %v, lag %g", r.Jobs, r.Errors, r.Valid, r.LagMS.Max)
		}
		// Job k, from 1, is due at 10k ms and ends at 10 + 100k ms.
		near(b.t, "the longest response", r.ResponseMS.Max, 100*90+10, 0.1)
		near(b.t, "the mean response", r.ResponseMS.Mean, 50.5*90+10, 0.1)
		near(b.t, "p50", r.ResponseMS.P50, 50*90+10, 5)
		near(b.t, "the rate", r.Rate, 100, 1e-6)
		near(b.t, "utilisation", r.Utilization, 1, 0.02)
		near(b.t, "the run", r.WallS, 10.01, 0.001)
		if got := r.Timeline[0].InFlight; got < 89 || got > 91 { // 99 due, and nine served
			b.t.Errorf("%d jobs in flight in the first second, want about 90", got)
		}
	})
}

// TestAStallShowsInEveryJobOfIt: a pause of a second of a fleet that is fast otherwise is met by the jobs of a second,
// and not by one, which is what a generator would see that waits for responses.
func TestAStallShowsInEveryJobOfIt(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, 1, 1200, func(b *bubble) {
		start := time.Now()
		b.handle = func(context.Context, worker.Task) ([]byte, error) {
			if now := time.Since(start); now > time.Second && now < 2*time.Second {
				time.Sleep(2*time.Second - now)
			}
			return nil, nil
		}
		var lines bytes.Buffer
		b.config.CSV = &lines
		b.run(b.t.Context(), b.source("1", "const:0s", "const", 1000, workload.Window{Jobs: 3000}))
		slow := 0
		for _, row := range readCSV(b.t, &lines) {
			if response, _ := strconv.ParseFloat(row["response_ms"], 64); response > 100 {
				slow++
			}
		}
		if slow < 890 || slow > 910 {
			b.t.Errorf("%d jobs took more than 100 ms, want about 900", slow)
		}
	})
}

func readCSV(t *testing.T, in *bytes.Buffer) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(in).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	list := make([]map[string]string, 0, len(rows))
	for _, row := range rows[1:] {
		m := make(map[string]string)
		for i, name := range rows[0] {
			m[name] = row[i]
		}
		list = append(list, m)
	}
	return list
}

// TestBeyondMaxInFlightJobsAreDropped, and never delayed.
func TestBeyondMaxInFlightJobsAreDropped(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, 1, 1, func(b *bubble) {
		b.config.MaxInFlight = 10
		r := b.run(b.t.Context(), b.source("2", "const:1s", "const", 100, workload.Window{Jobs: 100}))
		if want := map[string]uint64{CodeOverload: 90}; !cmp.Equal(r.Errors, want) || r.FailedTasks != 180 || r.ResponseMS.Max == 0 {
			b.t.Errorf("got errors %v and %d failed tasks, want %v and 180", r.Errors, r.FailedTasks, want)
		}
		if r.Timeline[0].InFlight != 10 {
			b.t.Errorf("%d in flight, want 10", r.Timeline[0].InFlight)
		}
	})
}

func TestErrorsByCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(b *bubble)
		code   task.Code
		failed uint64
	}{
		{"refused", func(b *bubble) { b.config.App = "other" }, task.CodeUnknownApp, 20},
		{"failed", func(b *bubble) {
			b.handle = func(_ context.Context, t worker.Task) ([]byte, error) {
				if t.Index == 1 {
					return nil, worker.Permanent(errors.New("no"))
				}
				return nil, nil
			}
		}, task.CodePermanent, 10},
		{"too slow", func(b *bubble) { b.config.Timeout = 50 * time.Millisecond }, task.CodeDeadline, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 1, 1, 40, func(b *bubble) {
				c.change(b)
				r := b.run(b.t.Context(), b.source("2", "const:100ms", "const", 10, workload.Window{Jobs: 10}))
				if want := map[string]uint64{string(c.code): 10}; !cmp.Equal(r.Errors, want) || r.FailedTasks != c.failed {
					b.t.Errorf("got errors %v and %d failed tasks, want %v and %d", r.Errors, r.FailedTasks, want, c.failed)
				}
			})
		})
	}
}

// TestWarmupIsLeftOut of statistics, and not of counts.
func TestWarmupIsLeftOut(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, 1, 10, func(b *bubble) {
		start := time.Now()
		b.handle = func(context.Context, worker.Task) ([]byte, error) {
			if time.Since(start) < time.Second {
				time.Sleep(500 * time.Millisecond)
			}
			return nil, nil
		}
		r := b.run(b.t.Context(), b.source("1", "const:1ms", "const", 10, workload.Window{Jobs: 30, Warmup: workload.Warmup{Time: 1200 * time.Millisecond}}))
		if r.Jobs != 30 || r.LagMS.Count != 19 || r.ResponseMS.Max > 1 || r.Timeline[0].Max < 400 {
			b.t.Errorf("got %d jobs, %d of them measured, responses up to %g ms, in the first second %g ms", r.Jobs, r.LagMS.Count, r.ResponseMS.Max, r.Timeline[0].Max)
		}
	})
}

// TestJobsAreSpreadOverSchedulers, and go to another when one is gone.
func TestJobsAreSpreadOverSchedulers(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, 2, 20, func(b *bubble) {
		var lines bytes.Buffer
		b.config.CSV = &lines
		for _, addr := range b.config.Schedulers { // who is named twice gets no more
			b.config.Schedulers = append(b.config.Schedulers, "http://"+addr+"/")
		}
		if r := b.run(b.t.Context(), b.source("2", "const:1ms", "poisson", 100, workload.Window{Jobs: 400})); r.Schedulers != 2 {
			b.t.Errorf("the jobs were spread over %d schedulers", r.Schedulers)
		}
		by := map[string]int{}
		for _, row := range readCSV(b.t, &lines) {
			by[row["scheduler"]]++
		}
		if by["s1"]+by["s2"] != 400 || by["s1"] < 150 || by["s2"] < 150 {
			b.t.Errorf("schedulers took %v", by)
		}
	})
}

// TestASchedulerGoes: the jobs after that go to the other, and so do those that it had.
func TestASchedulerGoes(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, 2, 20, func(b *bubble) {
		s9 := b.fleet.Scheduler("s9", nil)
		b.config.Schedulers = append(b.config.Schedulers, s9.Addr)
		time.Sleep(time.Second)
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			time.Sleep(2 * time.Second)
			s9.Kill()
		}()
		var lines bytes.Buffer
		b.config.CSV = &lines
		r := b.run(b.t.Context(), b.source("2", "const:15ms", "const", 100, workload.Window{Jobs: 400}))
		<-killed
		if r.Jobs != 400 || r.LagMS.Max != 0 {
			b.t.Errorf("%d jobs were due, up to %g ms late", r.Jobs, r.LagMS.Max)
		}
		if len(r.Errors) != 0 || r.FailedTasks != 0 || r.ResponseMS.Max < 15 {
			b.t.Errorf("%v in error, %d tasks failed", r.Errors, r.FailedTasks)
		}
		before := 0
		for _, row := range readCSV(b.t, &lines) {
			at, _ := strconv.ParseFloat(row["at_ms"], 64)
			switch {
			case at < 1500 && row["scheduler"] == "s9":
				before++
			case at > 2500 && (row["error"] != "" || row["scheduler"] != "s1"):
				b.t.Errorf("job %s: scheduler %s, error %q", row["job"], row["scheduler"], row["error"])
			}
		}
		if before < 40 {
			b.t.Errorf("s9 took %d jobs while it lived", before)
		}
	})
}

func TestSchedulerThatIsGone(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, 1, 1, func(b *bubble) {
		b.config.Schedulers = []string{"nowhere:1"}
		if r, err := Run(b.t.Context(), b.config, b.source("1", "const:1ms", "const", 10, workload.Window{Jobs: 1})); r != nil || !errors.Is(err, task.CodeSchedulerLost) ||
			!strings.Contains(err.Error(), "nowhere:1") {
			b.t.Errorf("got %v, %v", r, err)
		}
	})
}

// TestInterruptedRunStillReports what has ended, and what has not.
func TestInterruptedRunStillReports(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, 2, 4, func(b *bubble) {
		ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Second+5*time.Millisecond)
		defer cancel()
		var lines, ran bytes.Buffer
		b.config.CSV, b.config.Record = &lines, &ran
		began := time.Now()
		r := b.run(ctx, b.source("1", "bimodal:0.9,10ms,1h", "const", 10, workload.Window{Duration: time.Hour}))
		if took := time.Since(began); took > 8*time.Second {
			b.t.Errorf("it took %v", took)
		}
		ended := uint64(len(readCSV(b.t, &lines)))
		if !r.Interrupted || r.Jobs < 49 || r.Jobs > 51 || r.Abandoned == 0 || ended+r.Abandoned != r.Jobs || len(r.Errors) > 0 {
			b.t.Errorf("interrupted %v: of %d jobs, %d have ended and %d were left", r.Interrupted, r.Jobs, ended, r.Abandoned)
		}
		if jobs := readJobs(b.t, &ran); uint64(len(jobs)) != ended {
			b.t.Errorf("%d jobs are recorded, %d have ended", len(jobs), ended)
		}
	})
}

func readJobs(t *testing.T, in *bytes.Buffer) []workload.Job {
	t.Helper()
	source, err := workload.Read(in, workload.Window{})
	if err != nil {
		t.Fatal(err)
	}
	var jobs []workload.Job
	var j workload.Job
	for source.Next(&j) {
		one := j
		one.Service = slices.Clone(j.Service)
		jobs = append(jobs, one)
	}
	if err := source.Err(); err != nil {
		t.Fatal(err)
	}
	return jobs
}

// TestRecordIsWhatRan: the same arrivals, users and numbers of tasks, with the service times that workers measured, in
// the order of arrivals although jobs end in another.
func TestRecordIsWhatRan(t *testing.T) {
	t.Parallel()
	const plan = `{"at_ms":1,"user":"a","service_ms":[500,20],"est_ms":7}
{"at_ms":2.5,"service_ms":[3]}
{"at_ms":2.5,"user":"b","service_ms":[1,2,3]}
`
	inBubble(t, 1, 1, 10, func(b *bubble) {
		b.handle = func(ctx context.Context, t worker.Task) ([]byte, error) { // takes 1 ms more than planned
			time.Sleep(time.Millisecond)
			return fleettest.Echo(ctx, t)
		}
		source, err := workload.Read(strings.NewReader(plan), workload.Window{})
		if err != nil {
			b.t.Fatal(err)
		}
		var ran bytes.Buffer
		b.config.Record = &ran
		r := b.run(b.t.Context(), source)
		const want = `{"at_ms":1,"user":"a","service_ms":[501,21],"est_ms":7}
{"at_ms":2.5,"service_ms":[4]}
{"at_ms":2.5,"user":"b","service_ms":[2,3,4]}
`
		if diff := cmp.Diff(want, ran.String()); diff != "" {
			b.t.Errorf("recorded otherwise:\n%s", diff)
		}
		if len(r.Users) != 3 || r.Users[1].User != "a" || r.Users[1].Tasks != 2 {
			b.t.Errorf("users are %+v", r.Users)
		}
	})
}

// TestBoundAgreesWithABubble: a fleet whose CPU costs nothing and whose messages take what the simulator is told takes
// as long as the simulator says.
func TestBoundAgreesWithABubble(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, 10, 4, func(b *bubble) {
		const client = 200 * time.Microsecond
		b.fleet.Delay(probe.RoleScheduler, client)
		b.config.Bound = &BoundConfig{Client: client, From: "flags", Dir: b.t.TempDir()}
		r := b.run(b.t.Context(), b.source("5", "exp:100ms", "poisson", 60, workload.Window{Jobs: 800, Warmup: workload.Warmup{Jobs: 50}}))
		x := r.Bound
		if x.Skipped != "" || x.Ideal == nil || x.Simulated == nil || x.Simulated.Policy != "late-binding" {
			b.t.Fatalf("the bound is %+v", x)
		}
		near(b.t, "measured / simulated p50", x.RatioSimulated.P50, 1, 0.05)
		near(b.t, "measured / simulated mean", x.RatioSimulated.Mean, 1, 0.05)
		if x.RatioIdeal.Mean < 1 || x.Ideal.ResponseMS.Mean >= x.Simulated.ResponseMS.Mean {
			b.t.Errorf("measured / ideal is %g", x.RatioIdeal.Mean)
		}
	})
}

func TestBoundIsSkippedWithAReason(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(c *Config){
		"the same number of slots":   func(c *Config) { c.Fleet.Uniform = false },
		"workers are not known":      func(c *Config) { c.Fleet.Workers = 0 },
		"does not know policy magic": func(c *Config) { c.Fleet.Policy = "magic" },
		"could not be kept":          func(c *Config) { c.Bound.Dir = "/nowhere" },
		"no job was accepted":        func(c *Config) { c.App = "other" },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 1, 1, 1, func(b *bubble) {
				b.config.Bound = &BoundConfig{Dir: b.t.TempDir()}
				change(&b.config)
				r := b.run(b.t.Context(), b.source("1", "const:1ms", "const", 10, workload.Window{Jobs: 3}))
				if !strings.Contains(r.Bound.Skipped, want) || r.Bound.Ideal != nil {
					b.t.Errorf("the bound is %+v", r.Bound)
				}
			})
		})
	}
}

// TestStages: what a run in stages says of each.
func TestStages(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, 1, 2, func(b *bubble) {
		spec := workload.Spec{Seed: 1, Slots: 2}
		b.parse(&spec, "1", "const:100ms", "const")
		var err error
		if spec.Stages, err = workload.ParseStages("0.5:2s,2:2s"); err != nil {
			b.t.Fatal(err)
		}
		b.config.Plan.Stages = []PlannedStage{{0.5, 10, 2 * time.Second}, {2, 40, 2 * time.Second}}
		source, err := workload.Generate(spec, workload.Window{})
		if err != nil {
			b.t.Fatal(err)
		}
		r := b.run(b.t.Context(), source)
		if len(r.Stages) != 2 || r.Stages[0].Jobs != 19 || r.Stages[1].Jobs != 80 {
			b.t.Fatalf("stages are %+v", r.Stages)
		}
		near(b.t, "the first stage's longest response", r.Stages[0].ResponseMS.Max, 100, 0.1)
		near(b.t, "the second stage's longest response", r.Stages[1].ResponseMS.Max, 2100, 60)
		near(b.t, "the second stage's utilisation", r.Stages[1].Utilization, 2, 0.1)
	})
}

// TestBehind: a generator that is far behind its plan gives up.
func TestBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{}.withDefaults()
		r := &run{cfg: &cfg, plan: newPlanner(&cfg, nil), tally: newTally(&cfg), pacer: newPacer(-maxBehind-time.Second, true)}
		defer r.pacer.close()
		r.plan.out <- &job{at: 999 * time.Millisecond}
		var behind *BehindError
		if err := r.send(t.Context()); !errors.As(err, &behind) || behind.Due != 999*time.Millisecond || r.tally.jobs != 0 {
			t.Errorf("got %v", err)
		}
	})
}

// TestOutputsThatFail: the result is there, and so is the error.
func TestOutputsThatFail(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	for name, change := range map[string]func(c *Config){
		"CSV":    func(c *Config) { c.CSV = failing{full} },
		"Record": func(c *Config) { c.Record, c.Bound = failing{full}, &BoundConfig{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 1, 1, 1, func(b *bubble) {
				change(&b.config)
				r, err := Run(b.t.Context(), b.config, b.source("1", "const:1ms", "const", 10, workload.Window{Jobs: 3}))
				var output *OutputError
				if !errors.Is(err, full) || !errors.As(err, &output) || output.Output != name || r == nil {
					b.t.Fatalf("got %v, %v", r, err)
				}
				if r.Bound != nil && r.Bound.Skipped != "" {
					b.t.Errorf("another file's fault cost the bound: %s", r.Bound.Skipped)
				}
			})
		})
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestSourceThatEndsEarly: what a file's fault leaves is told with the fault.
func TestSourceThatEndsEarly(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, 1, 1, func(b *bubble) {
		source, err := workload.Read(strings.NewReader("{\"at_ms\":1,\"service_ms\":[1]}\n{\"at_ms\":x}\n"), workload.Window{})
		if err != nil {
			b.t.Fatal(err)
		}
		var input *workload.InputError
		if r, err := Run(b.t.Context(), b.config, source); !errors.As(err, &input) || input.Line != 2 || r == nil || r.Jobs != 1 || r.Valid ||
			!strings.Contains(r.Invalid, "line 2") {
			b.t.Errorf("got %v, %v", r, err)
		}
	})
}

// TestCalibrate finds the delays that messages have.
func TestCalibrate(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, 3, 2, func(b *bubble) {
		b.fleet.Delay(probe.RoleScheduler, 200*time.Microsecond)
		c, err := Calibrate(b.t.Context(), b.config, 3)
		if err != nil {
			b.t.Fatal(err)
		}
		if c.Client != 200*time.Microsecond || c.Net != 0 || c.Overhead != 0 || c.Jobs != calibrateJobs || c.Tasks != 3 {
			b.t.Errorf("got %+v", c)
		}
		if got, want := c.Flags(), "--net-delay 0s --client-delay 200µs --task-overhead 0s"; got != want {
			b.t.Errorf("got %s, want %s", got, want)
		}
		b.config.Fleet.Nodes, b.config.Fleet.Apps = []Node{{Role: "worker"}}, []string{"echo"}
		if _, err := Calibrate(b.t.Context(), b.config, 1); !errors.Is(err, ErrNoSleep) {
			b.t.Errorf("without the app: got %v", err)
		}
	})
}

// TestConnectionsAreOpenBeforeTheRun: no job waits for one.
func TestConnectionsAreOpenBeforeTheRun(t *testing.T) {
	t.Parallel()
	inBubble(t, 3, 1, 20, func(b *bubble) {
		b.fleet.Delay(probe.RoleScheduler, 50*time.Millisecond)
		r := b.run(b.t.Context(), b.source("1", "const:1ms", "const", 100, workload.Window{Jobs: 40}))
		near(b.t, "the longest that a job took to be accepted", r.AcceptMS.Max, 100, 1)
	})
}

// TestEverySchedulerIsConnectedTo, whatever a client chooses them by, and though it keeps no connections to spare.
func TestEverySchedulerIsConnectedTo(t *testing.T) {
	t.Parallel()
	inBubble(t, 8, 1, 1, func(b *bubble) {
		var mu sync.Mutex // guards dialled
		dialled := map[string]bool{}
		c, err := client.New(client.Config{Schedulers: b.config.Schedulers, Spares: -1, Logger: b.config.Logger, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			mu.Lock()
			dialled[addr] = true
			mu.Unlock()
			return b.config.Dial(ctx, network, addr)
		}})
		if err != nil {
			b.t.Fatal(err)
		}
		defer c.Close()
		if err := connect(b.t.Context(), c, b.config.Schedulers); err != nil {
			b.t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if got := slices.Sorted(maps.Keys(dialled)); !slices.Equal(got, slices.Sorted(slices.Values(b.config.Schedulers))) {
			b.t.Errorf("connected to %v of %v", got, b.config.Schedulers)
		}
	})
}
