package loadgen

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/semaphore"

	"dunnock/loadgen/workload"
	"dunnock/probe"
	"dunnock/task"
)

const (
	// aheadJobs is how many jobs are planned ahead.
	aheadJobs = 1024
	// aheadTasks bounds the tasks of them; one job of more is planned alone.
	aheadTasks = 200_000
)

// job is one job as planned.
type job struct {
	index   int           // in the workload, from 0
	at      time.Duration // intended start, since that of the run
	user    string
	est     time.Duration
	class   class
	counted bool // not of the warm-up
	tasks   []task.Task
	payload []byte // of all tasks
}

// class is what a job says of its tasks beside what they do.
type class struct {
	priority int
	deadline time.Duration // 0: as Config.Timeout says
	workload.Demand
	spread string
	groups []workload.Group // their tasks say more
}

// planner makes jobs ahead of their time, so that nothing about a job is left to do when it is due but to send it.
type planner struct {
	cfg    *Config
	source *workload.Source
	out    chan *job
	room   *semaphore.Weighted
	digest *xxhash.Digest
	keyed  bool  // some tasks have affinity keys
	err    error // why the source ended early; set before out is closed
}

func newPlanner(cfg *Config, source *workload.Source) *planner {
	return &planner{cfg: cfg, source: source, out: make(chan *job, aheadJobs), room: semaphore.NewWeighted(aheadTasks), digest: xxhash.New()}
}

// run plans until the source or the context ends.
func (p *planner) run(ctx context.Context) {
	defer close(p.out)
	var w workload.Job
	var scratch []byte
	warmup := p.source.Warmup()
	for index := 0; p.source.Next(&w); index++ {
		if p.room.Acquire(ctx, planWeight(len(w.Service))) != nil {
			return
		}
		scratch = digestJob(p.digest, scratch, &w)
		p.keyed = p.keyed || len(w.Keys) > 0
		j := &job{index: index, at: w.At, user: w.User, est: p.said(&w), class: classOf(&w), counted: !warmup.Covers(index, w.At)}
		p.fill(j, &w)
		select {
		case p.out <- j:
		case <-ctx.Done():
			return
		}
	}
	p.err = p.source.Err()
}

// classOf returns what a planned job says, of which the next job overwrites the slices.
func classOf(w *workload.Job) class {
	c := class{priority: w.Priority, deadline: w.Deadline, Demand: w.Demand, spread: w.Spread, groups: slices.Clone(w.Groups)}
	for i := range c.groups {
		c.groups[i].Tasks = slices.Clone(c.groups[i].Tasks)
	}
	return c
}

// said is what a job says that its tasks take.
func (p *planner) said(w *workload.Job) time.Duration {
	if w.Unsaid && p.cfg.Fleet.Discipline != probe.DisciplineSRPT {
		return 0
	}
	return w.Est
}

// taken says that a job has been sent.
func (p *planner) taken(j *job) { p.room.Release(planWeight(len(j.tasks))) }

func planWeight(tasks int) int64 { return min(int64(tasks), aheadTasks) }

// fill makes the tasks.
func (p *planner) fill(j *job, w *workload.Job) {
	service := w.Service
	j.tasks = make([]task.Task, len(service))
	if !p.cfg.NoAffinity {
		for i, key := range w.Keys {
			j.tasks[i].Affinity = workload.KeyName(key)
		}
	}
	for i := range w.Groups {
		g := &w.Groups[i]
		says := g.Described()
		for _, t := range g.Tasks {
			says.Affinity = j.tasks[t].Affinity
			j.tasks[t] = says
		}
	}
	if p.cfg.App != SleepApp {
		for i := range j.tasks {
			j.tasks[i].Payload = p.cfg.Payload
		}
		return
	}
	most := len("86400000000000ns")
	cache := ""
	if p.cfg.Cache.Keys > 0 && len(w.Keys) > 0 {
		cache = fmt.Sprintf(" %s %d", strconv.FormatFloat(p.cfg.Cache.MissCost, 'g', -1, 64), p.cfg.Cache.Keys)
		most += len(" 4294967295") + len(cache)
	}
	j.payload = make([]byte, 0, most*len(service)) // and so never moves
	for i, d := range service {
		from := len(j.payload)
		j.payload = append(strconv.AppendInt(j.payload, int64(d), 10), "ns"...)
		if cache != "" {
			j.payload = append(strconv.AppendUint(append(j.payload, ' '), uint64(w.Keys[i]), 10), cache...)
		}
		j.tasks[i].Payload = j.payload[from:len(j.payload):len(j.payload)]
	}
}

// digestJob adds a job to the digest of the workload, and returns memory to use again.
func digestJob(d *xxhash.Digest, b []byte, w *workload.Job) []byte {
	b = binary.LittleEndian.AppendUint64(b[:0], uint64(w.At))
	b = binary.LittleEndian.AppendUint64(b, uint64(w.Est))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(w.User)))
	b = append(b, w.User...)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(w.Service)))
	for _, s := range w.Service {
		b = binary.LittleEndian.AppendUint64(b, uint64(s))
	}
	if w.Priority != 0 || w.Slots > 1 {
		b = binary.LittleEndian.AppendUint64(b, uint64(int64(w.Priority)))
		b = binary.LittleEndian.AppendUint64(b, uint64(w.Slots))
	}
	if w.Deadline != 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(w.Deadline))
	}
	for _, k := range w.Keys {
		b = binary.LittleEndian.AppendUint32(b, k)
	}
	if !w.Plain() {
		b = workload.AppendDemands(b, w)
	}
	_, _ = d.Write(b) // a hash takes everything
	return b
}
