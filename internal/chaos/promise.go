package main

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"dunnock/internal/chaos/check"
	"dunnock/internal/chaos/ledger"
	"dunnock/task"
)

// promise is one thing that the fleet owes, and whether it gave it.
type promise struct {
	Name  string `json:"name"`
	Got   string `json:"got"`
	Want  string `json:"want"`
	Holds bool   `json:"holds"`
	// Must is of those that no run may break. The others are measured, and a busy machine can break them.
	Must bool `json:"must"`
}

// Bounds of what is measured.
const (
	wantRestart   = 500 * time.Millisecond  // from a worker's death to its tasks' next start, 99 of 100
	wantResume    = 250 * time.Millisecond  // from a scheduler's death to its jobs' going on, 99 of 100
	wantNotice    = 2 * time.Second         // of a half-open connection
	wantBack      = 5 * time.Second         // of a node that was believed dead or cut off, once it can be reached again
	wantOffered   = time.Second             // from a scheduler's death to other schedulers' having offers of the slots that are free
	wantGoodput   = 0.9                     // of the peak, at twice the load
	wantRedone    = 0.05                    // of the tasks that had finished
	wantDeaths    = task.DefaultMaxAttempts // of workers, by a task that kills them
	wantMemory    = 64 << 20                // growth in bytes, or
	wantMemoryX   = 2.0                     // as a factor
	wantGoroutine = 20                      // growth
	wantFDs       = 20
)

// measured is a promise that a run may break: its figures depend on the machine as well.
func measured(name, got, want string, holds bool) promise {
	return promise{Name: name, Got: got, Want: want, Holds: holds}
}

// unseen is said of what a run gave no occasion to see. It is not broken, and not shown to hold either.
const unseen = "not seen"

// promises holds all that was found against what is owed.
func (r *run) promises(p *report, recoveries map[string]*check.Recovery, records []ledger.Record) []promise {
	v, machine := p.Verdict, check.NewMachine(records)
	none := func(name string, n int) promise {
		return promise{Name: name, Got: strconv.Itoa(n), Want: "0", Holds: n == 0, Must: true}
	}
	all := []promise{
		none("lost tasks", v.Lost),
		none("starts that no fault explains", v.Unexplained),
	}
	rest := len(v.Breaches) - v.Count("lost") - v.Count("unexplained-start")
	all = append(all, none("other breaches", rest))
	all = append(all, none("reasons not to come to rest", len(p.Unrest)))
	all = append(all, measured("unknown outcomes of tasks that may start again", strconv.Itoa(v.Unknown), "0", v.Unknown == 0))
	all = append(all, measured("finished tasks done again though their workers lived and could be reached", strconv.Itoa(v.Redone.Idle()), "0", v.Redone.Idle() == 0))
	all = append(all, r.recoveryPromises(recoveries, machine)...)
	all = append(all, r.kindPromises(p)...)
	if recoveries["overload"] != nil {
		all = append(all, latePromise(records, machine))
	}
	if recoveries["join"] != nil {
		all = append(all, r.queuePromise(machine))
	}
	if recoveries["poison"] != nil {
		all = append(all, poisonPromise(records))
	}
	for _, o := range r.notes.loads {
		all = append(all, goodputPromise(records, machine, o))
	}
	if len(r.notes.loads) > 0 {
		all = append(all, refusalPromise(records))
	}
	for _, b := range r.notes.broken {
		all = append(all, measured(b.Kind, b.Text, "none of it", false))
	}
	most := int64(wantMemory)
	if recoveries["reader"] != nil {
		most = readerMemory // what it did not read is kept for a while
	}
	return append(all, growthPromises(p.Growth, most)...)
}

// timed is a promise about times. Those on a busy machine are told, and not judged.
func timed(name string, quantile float64, quiet, busy check.Times, want time.Duration) promise {
	word := "max"
	if quantile < 1 {
		word = fmt.Sprintf("p%.0f", 100*quantile)
	}
	p := measured(name, unseen, fmt.Sprintf("%d ms", want.Milliseconds()), true)
	if len(quiet) > 0 {
		got := quiet.Quantile(quantile)
		p.Got, p.Holds = fmt.Sprintf("%s %d ms of %d", word, got.Milliseconds(), len(quiet)), got <= want
	}
	if len(busy) > 0 {
		p.Got += fmt.Sprintf("; %s %d ms of %d on a busy machine", word, busy.Quantile(quantile).Milliseconds(), len(busy))
	}
	return p
}

func (r *run) recoveryPromises(recoveries map[string]*check.Recovery, machine *check.Machine) []promise {
	var all []promise
	for _, kind := range []string{"worker-kill", "worker-bounce"} {
		if c := recoveries[kind]; c != nil {
			all = append(all, timed(kind+": next start of the tasks that ran there", 0.99, c.Restarted, c.Busy, wantRestart))
		}
	}
	for _, kind := range []string{"scheduler-kill", "offers-kill"} {
		c := recoveries[kind]
		if c == nil {
			continue
		}
		all = append(all, timed(kind+": its jobs go on", 0.99, c.Resumed, c.ResumedBusy, wantResume))
		if c.Finished > 0 {
			share := float64(c.Redone) / float64(c.Finished)
			all = append(all, measured(
				kind+": finished tasks done again", fmt.Sprintf("%d of %d", c.Redone, c.Finished), fmt.Sprintf("%.0f %%", 100*wantRedone), share < wantRedone,
			))
		}
	}
	for _, m := range []struct {
		kind, what, note string
		want             time.Duration
	}{
		{"offers-kill", "what it held is offered to others", "offers-kill.offered", wantOffered},
		{"half-open", "a new connection", "half-open.noticed", wantNotice},
		{"cut-gossip", "the worker is listed again", "cut-gossip.back", wantBack},
		{"cut-peer", "the schedulers are connected again", "cut-peer.back", wantBack},
		{"cut-peers", "the scheduler is connected again", "cut-peers.back", wantBack},
		{"black-hole", "listed as quarantined", "black-hole.quarantined", quarantineLimit},
	} {
		if recoveries[m.kind] != nil {
			quiet, busy := r.notes.sorted(m.note, machine)
			all = append(all, timed(m.kind+": "+m.what, 1, quiet, busy, m.want))
		}
	}
	return all
}

// queuePromise is about the queues when many workers have joined. Fifty processes that start are much for a small
// machine: what it is too busy for is told, and not judged.
func (r *run) queuePromise(machine *check.Machine) promise {
	p := measured("join: longest queue 1 s after", fmt.Sprintf("%.1f reservations per slot", r.notes.values["join.queue"]), "≤ 2, or twice the median", true)
	for _, q := range r.notes.queues {
		if machine.Busy(q.from, q.to) {
			p.Got += fmt.Sprintf("; %.1f on a busy machine", q.got)
			continue
		}
		p.Got, p.Holds = fmt.Sprintf("%.1f reservations per slot, at most %.1f are wanted", q.got, q.most), false
	}
	return p
}

// latePromise is about tasks that were accepted under too much load, and not done. A job is accepted by how fast the
// fleet is then; if the machine is much slower while it waits, it may come too late.
func latePromise(records []ledger.Record, machine *check.Machine) promise {
	windows := windowsOf(records, "overload")
	submits := map[string]ledger.Record{}
	late, busy := 0, 0
	for _, r := range records {
		switch j := submits[r.Job]; {
		case r.Event == ledger.Submit:
			submits[r.Job] = r
		case r.Event == ledger.Outcome && r.Result == ledger.OK, r.Event == ledger.Refuse && r.Code == string(task.CodeOverloaded),
			r.Event != ledger.Outcome && r.Event != ledger.Refuse, j.Kind != "" && j.Kind != "overload", !within(windows, r.At):
		case machine.Busy(j.At, r.At):
			busy++
		default:
			late++
		}
	}
	p := measured("overload: accepted and then not done", strconv.Itoa(late), "0", late == 0)
	if busy > 0 {
		p.Got += fmt.Sprintf("; %d on a busy machine", busy)
	}
	return p
}

// goodputPromise compares what is done at twice the load with what is at the peak.
func goodputPromise(records []ledger.Record, machine *check.Machine, o overloaded) promise {
	peak, twice := goodput(records, o.peak), goodput(records, o.twice)
	p := measured(
		"goodput at twice the load", fmt.Sprintf("%.0f of %.0f tasks/s", twice, peak), fmt.Sprintf("%.0f %%", 100*wantGoodput), twice >= wantGoodput*peak,
	)
	if !p.Holds && !machine.Busy(o.peak.from, o.peak.to) && machine.Busy(o.twice.from, o.twice.to) {
		p.Got, p.Holds = unseen+": "+p.Got+", on a machine that was busy only then", true
	}
	return p
}

// kindPromises are those of faults that must cost no job anything.
func (r *run) kindPromises(p *report) []promise {
	var all []promise
	for _, k := range p.Kinds {
		switch k.Kind {
		case "drain", "cut-gossip", "bad-line", "black-hole", "join", "cut", "cut-to-worker", "cut-to-scheduler", "half-open", "cut-peer", "cut-peers":
			ends := maps.Clone(k.Ends)
			maps.DeleteFunc(ends, func(what string, _ int) bool { return strings.HasSuffix(what, atMostOnce) })
			all = append(all, measured(k.Kind+": tasks and jobs that did not end ok", counts(ends), "none", len(ends) == 0))
		case "poison":
			deaths := r.notes.counts["poison.deaths"]
			all = append(all, measured("poison: workers killed", fmt.Sprintf("%d by %d", deaths, k.Faults), fmt.Sprintf("≤ %d each", wantDeaths), deaths <= wantDeaths*k.Faults))
		}
	}
	return all
}

// poisonPromise is about the tasks that kill their workers: they fail, and are not tried for ever.
func poisonPromise(records []ledger.Record) promise {
	jobs, failed := map[string]bool{}, 0
	for _, r := range records {
		switch {
		case r.Event == ledger.Submit && r.Kind == "poison":
			jobs[r.Job] = true
		case r.Event == ledger.Outcome && jobs[r.Job] && r.Task == 0 && r.Result == ledger.Failed:
			failed++
		}
	}
	return measured("poison: tasks that kill their worker end failed", fmt.Sprintf("%d of %d", failed, len(jobs)), "all", failed == len(jobs) && failed > 0)
}

// refusalPromise is about what a client without the Go SDK hears of too much load. That an answer lacks its Retry-After
// is part of the code that it writes down.
func refusalPromise(records []ledger.Record) promise {
	refused, other := 0, 0
	for _, r := range records {
		switch {
		case r.Event != ledger.Refuse || r.Node != plainFlood:
		case r.Code == string(task.CodeOverloaded):
			refused++
		default:
			other++
		}
	}
	return measured(
		"overload: refused by HTTP, with Retry-After", fmt.Sprintf("%d jobs, and %d for another reason or without it", refused, other), "some, and 0",
		refused > 0 && other == 0,
	)
}

// goodput is the tasks per second of jobs that ended ok within a window.
func goodput(records []ledger.Record, w window) float64 {
	tasks := map[string]int{}
	for _, r := range records {
		if r.Event == ledger.Submit {
			tasks[r.Job] = r.Tasks
		}
	}
	n := 0
	for _, r := range records {
		if r.Event == ledger.Done && r.Result == ledger.OK && w.from <= r.At && r.At < w.to {
			n += tasks[r.Job]
		}
	}
	if w.to <= w.from {
		return 0
	}
	return float64(n) / time.Duration(w.to-w.from).Seconds()
}

// growthPromises look for what a process does not give back.
func growthPromises(of []growth, memory int64) []promise {
	var all []promise
	worst := map[string]promise{}
	for _, g := range of {
		note := func(what string, before, after, most int64) {
			if after > most {
				worst[what] = measured(what, fmt.Sprintf("%s: %d, before %d", g.Node, after, before), fmt.Sprintf("≤ %d", most), false)
			}
		}
		b, a := g.Before, g.After
		note("growth of goroutines", int64(b.Goroutines), int64(a.Goroutines), int64(b.Goroutines)+wantGoroutine)
		note("growth of descriptors", int64(b.FDs), int64(a.FDs), int64(b.FDs)+wantFDs)
		note("growth of memory in bytes", int64(b.RSS), int64(a.RSS), max(int64(b.RSS)+memory, int64(wantMemoryX*float64(b.RSS))))
	}
	for _, what := range []string{"growth of goroutines", "growth of descriptors", "growth of memory in bytes"} {
		if p, bad := worst[what]; bad {
			all = append(all, p)
		} else if len(of) > 0 {
			all = append(all, measured(what, "none to speak of", "bounded", true))
		}
	}
	return all
}
