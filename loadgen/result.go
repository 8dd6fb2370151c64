package loadgen

import "dunnock/sim"

// Result is what one run showed. Its JSON form is what `dunnock loadgen run --json` prints, one object a run: with
// repeats there are as many objects, one after the other, and [ReadResults] reads them all. Up to Digest the fields are
// those of [sim.Result], by the same names. Statistics leave the warm-up out; counts are of the whole run.
type Result struct {
	Policy     string  `json:"policy"` // as the fleet says
	Load       float64 `json:"load"`   // offered, as a fraction of all slots: as asked for, else what the jobs' service times came to
	Workers    int     `json:"workers"`
	Slots      int     `json:"slots"`      // of a worker; of workers that differ, the mean, rounded
	Schedulers int     `json:"schedulers"` // that the jobs were spread over
	Seed       uint64  `json:"seed"`
	Jobs       uint64  `json:"jobs"`  // that were due, the warm-up and those in error included
	Tasks      uint64  `json:"tasks"` // of them

	// ResponseMS is of jobs, from their intended start to their last outcome here, in milliseconds. It counts every job
	// that a scheduler accepted, however it ended: one that timed out counts with all the time that it took. Jobs that
	// were refused or never sent are in Errors only. Quantiles are of nearest rank, within 0.1 %.
	ResponseMS sim.Response `json:"response_ms"`
	WaitMS     sim.Wait     `json:"wait_ms"` // of tasks that started: submit to launch, by the scheduler's clock

	// MessagesPerTask counts what schedulers and workers said to each other, over all tasks; null if that is not known.
	MessagesPerTask *float64 `json:"messages_per_task"`
	// Utilization is the fraction of all slots that ran a task, from the first arrival after the warm-up to the last
	// one.
	Utilization float64 `json:"utilization"`
	FailedTasks uint64  `json:"failed_tasks"` // that did not end OK, those of jobs that no scheduler took included
	FailedJobs  uint64  `json:"failed_jobs"`  // of which there is such a task
	Events      uint64  `json:"events"`       // arrivals and ends of jobs, and outcomes of tasks
	WallS       float64 `json:"wall_s"`       // first intended start to last outcome
	TasksPerS   float64 `json:"tasks_per_s"`
	RSSBytes    int64   `json:"rss_bytes"` // of the generator, at the end
	Digest      string  `json:"digest"`    // of the jobs as planned: 16 hexadecimal digits, the same for the same flags and seed

	// Valid says that the generator kept up: the 99th percentile of its lag is at most 2 ms, or 5 % of the response's
	// median if that is more. Of a run that is not, Invalid says why, and its figures tell more of the generator than
	// of the fleet.
	Valid       bool   `json:"valid"`
	Invalid     string `json:"invalid,omitempty"`
	Interrupted bool   `json:"interrupted,omitempty"` // ended by Ctrl-C: statistics are of what ran until then
	Repeat      int    `json:"repeat"`                // which run of the command this was, from 1
	Repeats     int    `json:"repeats"`               // how many there were to be

	App      string  `json:"app"`
	Workload string  `json:"workload"` // as the flags gave it, such as "tasks=10 service=const:100ms arrival=poisson", or the file's name
	Rate     float64 `json:"rate"`     // jobs per second that were due, the warm-up left out
	// ProbeRatio is reservations per task, as every job asked for.
	ProbeRatio float64 `json:"probe_ratio"`
	Start      string  `json:"start"` // when the run started, RFC 3339
	Machine    string  `json:"machine"`
	Version    string  `json:"version"` // of the generator
	Go         string  `json:"go"`
	Local      bool    `json:"local"` // the fleet was started for the run, on the generator's machine

	// LagMS is how late jobs were sent, in milliseconds: from the intended start to the call that submits. It is part
	// of the response.
	LagMS     Quantiles `json:"lag_ms"`
	ServiceMS Quantiles `json:"service_ms"` // of tasks that started: launch to finish, by the worker's clock
	// AcceptMS is how long schedulers took to accept a job, from the call that submits.
	AcceptMS  Quantiles `json:"accept_ms"`
	Breakdown Breakdown `json:"breakdown_ms"`

	// Errors counts jobs by the code of their error: that of the refusal, [CodeOverload] of jobs that were not sent,
	// else that of the first task that did not end ok. Empty if there was none.
	Errors    map[string]uint64 `json:"errors"`
	Abandoned uint64            `json:"abandoned,omitempty"` // jobs still under way when an interrupted run ended; they are in no statistic

	// Users and PerWorker are in the order of their names. Beyond [MaxUsers] and [MaxWorkers] names, the rest are
	// together under the name "…".
	Users     []UserShare   `json:"users"`
	PerWorker []WorkerShare `json:"per_worker"`
	// TaskSlots is of jobs after the warm-up, by how many slots their tasks take; without those before the first whose
	// tasks take several.
	TaskSlots map[string]WidthShare `json:"task_slots,omitempty"`

	Stages   []Stage    `json:"stages,omitempty"` // of a run in stages
	Timeline []Interval `json:"timeline"`         // by intended start, the warm-up included; at most [MaxIntervals]
	// Curve is the distribution of the response: points of rising percentile, closer and closer to 100 at the end.
	Curve []Point `json:"response_curve"`
	// Histogram is that of the response in nanoseconds: HdrHistogram V2, compressed, base64. [DecodeHistogram] reads
	// it, [MergeHistograms] adds those of several runs up.
	Histogram string  `json:"response_hdr"`
	WaitCurve []Point `json:"wait_curve"`

	Affinity *Affinity `json:"affinity,omitempty"` // of a workload with affinity keys

	CPU   CPU    `json:"cpu"`
	Bound *Bound `json:"bound"` // null if it was not asked for; see [Bound.Skipped] too
	Nodes []Node `json:"nodes"` // of the fleet, as its scheduler knew them before the run
}

// CodeOverload is the one code in [Result.Errors] that no scheduler gave: [Config.MaxInFlight] jobs were under way when
// the job was due, and it was dropped.
const CodeOverload = "generator_overload"

// Bounds of what a [Result] lists, whatever was run.
const (
	MaxUsers     = 1000
	MaxWorkers   = 10_000
	MaxIntervals = 600
)

// Affinity is what became of tasks with affinity keys.
type Affinity struct {
	Told     bool    `json:"told"`                // the fleet knew the keys
	Cache    int     `json:"cache,omitempty"`     // keys that a worker keeps; 0: caches were not modelled
	MissCost float64 `json:"miss_cost,omitempty"` // how many times as long a miss takes
	HitRate  float64 `json:"hit_rate"`            // of the tasks that met a cache, the warm-up left out
}

// Quantiles is a distribution in milliseconds, as [sim.Response] is.
type Quantiles struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

// Breakdown says where the response of jobs went, as means in milliseconds that add up to the mean of those jobs'
// response: along the task whose outcome came last. Jobs in which that task did not end ok are left out.
type Breakdown struct {
	Jobs    uint64  `json:"jobs"`
	Lag     float64 `json:"lag"`     // until the generator sent the job
	Wait    float64 `json:"wait"`    // submit to launch, at the scheduler
	Service float64 `json:"service"` // launch to finish, at the worker
	Rest    float64 `json:"rest"`    // all else: four messages under way, and what it takes to handle them
}

// UserShare is what one user's jobs saw.
type UserShare struct {
	User       string    `json:"user"` // empty: jobs without one
	Jobs       uint64    `json:"jobs"`
	Tasks      uint64    `json:"tasks"`
	Errors     uint64    `json:"errors"`      // jobs
	ResponseMS Quantiles `json:"response_ms"` // of those after the warm-up
	// Shares are which fraction of all slots and of each resource of the fleet its tasks had, from the first arrival
	// after the warm-up to the last one. The largest is its dominant share. Only of users, where workers have
	// resources.
	Shares map[string]float64 `json:"shares,omitempty"`
}

// WidthShare is what jobs saw whose tasks take so many slots.
type WidthShare struct {
	Jobs       uint64    `json:"jobs"`
	Tasks      uint64    `json:"tasks"`
	Errors     uint64    `json:"errors"` // jobs
	ResponseMS Quantiles `json:"response_ms"`
	WaitMS     Quantiles `json:"wait_ms"`
}

// WorkerShare is what one worker did.
type WorkerShare struct {
	Worker      string  `json:"worker"`
	Slots       int     `json:"slots"` // 0: not among the nodes when the run began
	Tasks       uint64  `json:"tasks"` // that ended there, the warm-up included
	Failed      uint64  `json:"failed"`
	Utilization float64 `json:"utilization"` // fraction of its slots, from the first arrival after the warm-up to the last outcome
	WaitMS      float64 `json:"wait_ms"`     // mean
	ServiceMS   float64 `json:"service_ms"`  // mean
}

// Stage is one stage of a run: the jobs that were due in it.
type Stage struct {
	Load        float64           `json:"load"`     // 0 if it was given as a rate and the fleet's slots are not known
	Rate        float64           `json:"rate"`     // jobs per second, as asked for
	StartS      float64           `json:"start_s"`  // since the start of the run
	LengthS     float64           `json:"length_s"` // as asked for
	Jobs        uint64            `json:"jobs"`
	Tasks       uint64            `json:"tasks"`
	ResponseMS  Quantiles         `json:"response_ms"`
	WaitMS      Quantiles         `json:"wait_ms"`
	LagMS       Quantiles         `json:"lag_ms"`
	Utilization float64           `json:"utilization"` // service of its tasks over slots × its length
	Errors      map[string]uint64 `json:"errors"`
}

// Interval is a piece of a run's time: the jobs whose intended start lies in it. All lengths are equal: one second, or
// doubled as often as a long run needs.
type Interval struct {
	StartS   float64 `json:"start_s"`
	LengthS  float64 `json:"length_s"`
	Jobs     uint64  `json:"jobs"`
	Tasks    uint64  `json:"tasks"`
	Errors   uint64  `json:"errors"`    // jobs
	InFlight int     `json:"in_flight"` // jobs, the most at once
	// Of the response, in milliseconds; quantiles within 1 %. 0 if no job of the interval was accepted.
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
	// Parts of the mean, as in [Breakdown].
	Lag     float64 `json:"lag"`
	Wait    float64 `json:"wait"`
	Service float64 `json:"service"`
	Rest    float64 `json:"rest"`
	LagMax  float64 `json:"lag_max"`
}

// Point is one point of a distribution: so many percent of the values are at most so long.
type Point struct {
	Percentile float64 `json:"percentile"` // 0…100
	MS         float64 `json:"ms"`
	Count      uint64  `json:"count"` // values up to it
}

// CPU is processor time in seconds, from the first intended start to the last outcome.
type CPU struct {
	GeneratorS float64  `json:"generator_s"`
	FleetS     *float64 `json:"fleet_s"` // of all processes of a local fleet; null of another
	// The same by task, in microseconds.
	GeneratorUS float64  `json:"generator_us_per_task"`
	FleetUS     *float64 `json:"fleet_us_per_task"`
}

// Node is a scheduler or a worker of the fleet.
type Node struct {
	Role  string `json:"role"` // scheduler, worker
	Name  string `json:"name"`
	Addr  string `json:"addr"`
	Slots int    `json:"slots,omitempty"`
	// Labels and Resources are what a worker has beside its slots.
	Labels    map[string]string `json:"labels,omitempty"`
	Resources map[string]uint32 `json:"resources,omitempty"`
	Version   string            `json:"version,omitempty"` // empty: not known, as of a fleet that was there before
}

// Bound sets a run beside what the same jobs take elsewhere: their arrivals and their service times as measured,
// through an omniscient queue without delays (policy ideal) and through the simulator with the fleet's policy and
// delays.
type Bound struct {
	Skipped string `json:"skipped,omitempty"` // why there is none; then nothing else is set

	Delays    Delays    `json:"delays"`
	Ideal     *BoundRun `json:"ideal"` // null where tasks ask for more of their worker than a slot, which it does not know
	Simulated *BoundRun `json:"simulated"`
	// Measured over ideal, and measured over simulated.
	RatioIdeal     Ratios `json:"ratio_ideal"`
	RatioSimulated Ratios `json:"ratio_simulated"`
}

// BoundRun is what the jobs took elsewhere: means over Runs simulations with seeds of their own.
type BoundRun struct {
	Policy      string       `json:"policy"`
	Runs        int          `json:"runs"`
	ResponseMS  sim.Response `json:"response_ms"` // CI95 is not set
	WaitMS      sim.Wait     `json:"wait_ms"`
	Utilization float64      `json:"utilization"`
	// MessagesPerTask is as in [Result].
	MessagesPerTask float64 `json:"messages_per_task"`
	Curve           []Point `json:"response_curve,omitempty"` // of the first run
}

// Ratios are of responses: more than 1 is slower than the bound.
type Ratios struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
}

// Delays are a fleet's delays as the simulator's flags take them, in milliseconds, and where they are from.
type Delays struct {
	NetMS      float64 `json:"net_delay_ms"`     // a message between scheduler and worker, one way
	ClientMS   float64 `json:"client_delay_ms"`  // a message between client and scheduler, one way
	OverheadMS float64 `json:"task_overhead_ms"` // what a task occupies its slot for beyond its service
	From       string  `json:"from"`             // "calibrated", "flags" or "none"
}
