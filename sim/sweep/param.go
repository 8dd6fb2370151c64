package sweep

import (
	"slices"

	"dunnock/loadgen/workload"
	"dunnock/sim"
)

// param is a parameter of a simulation. Its name is that of the flag of `dunnock sim run`, and so is its default.
type param struct {
	name     string
	kind     kind
	standard string // default; empty: it is not set unless a sweep does
	positive bool   // more than 0
	set      func(*run, value)
}

// run is what a cell runs.
type run struct {
	config sim.Config
	spec   workload.Spec
	window workload.Window
	file   string // of jobs; empty: they are generated
	size   int64  // of the file in bytes

	missCost float64         // where there are caches
	fleet    workload.Fleet  // what workers have beside slots
	wishes   workload.Wishes // what jobs ask of their labels
}

// params returns all parameters. Their order is that of columns and of axes, and part of the keys of cells.
func params() []param {
	return slices.Concat(fleetParams(), workloadParams(), faultParams(), sharingParams(), demandParams())
}

func fleetParams() []param {
	return []param{
		{"policy", word, "late-binding", false, func(r *run, v value) { r.config.Policy = v.text }},
		{"workers", whole, "1000", true, func(r *run, v value) { r.config.Workers = int(v.number) }},
		{"slots", whole, "4", true, func(r *run, v value) { r.config.Slots = int(v.number) }},
		{"schedulers", whole, "10", true, func(r *run, v value) { r.config.Schedulers = int(v.number) }},
		{"probe-ratio", number, "2", true, func(r *run, v value) { r.config.ProbeRatio = v.number }},
		{"net-delay", duration, "500us", false, func(r *run, v value) { r.config.NetDelay = v.duration }},
		{"client-delay", duration, "0s", false, func(r *run, v value) { r.config.ClientDelay = v.duration }},
		{"task-overhead", duration, "0s", false, func(r *run, v value) { r.config.TaskOverhead = v.duration }},
		{"decision", duration, "1ms", false, func(r *run, v value) { r.config.Decision = v.duration }},
		{"job-deadline", duration, "24h", true, func(r *run, v value) { r.config.Deadline = v.duration }},
		{"max-attempts", whole, "3", true, func(r *run, v value) { r.config.MaxAttempts = int(v.number) }},
	}
}

func workloadParams() []param {
	return []param{
		{"tasks", tasks, "100", false, func(r *run, v value) { r.spec.Tasks = v.tasks }},
		{"service", service, "exp:100ms", false, func(r *run, v value) { r.spec.Service = v.service }},
		{"arrival", arrival, "poisson", false, func(r *run, v value) { r.spec.Arrival = v.arrival }},
		{"load", number, "", true, func(r *run, v value) { r.spec.Load = v.number }},
		{"rate", number, "", true, func(r *run, v value) { r.spec.Rate = v.number }},
		{"workload", path, "", false, func(r *run, v value) { r.file = v.text }},
		{"time-scale", number, "1", true, func(r *run, v value) { r.window.TimeScale = v.number }},
		{"jobs", whole, "", true, func(r *run, v value) { r.window.Jobs = int(v.number) }},
		{"duration", duration, "", true, func(r *run, v value) { r.window.Duration = v.duration }},
		{"warmup", warmup, "0", false, func(r *run, v value) { r.window.Warmup = v.warmup }},
		{"task-slots", tasks, "", false, func(r *run, v value) { r.spec.Width = v.tasks }},
		{"keys", keys, "", false, func(r *run, v value) { r.spec.Keys = v.keys }},
		{"cache", whole, "", true, func(r *run, v value) { r.config.Cache.Keys = int(v.number) }},
		{"miss-cost", number, "5", true, func(r *run, v value) { r.missCost = v.number }},
		{"affinity", truth, "true", false, func(r *run, v value) { r.config.NoAffinity = !v.truth }},
		{"estimates", estimates, "", false, func(r *run, v value) { r.spec.Estimates = v.says }},
	}
}

// sharingParams say whose the jobs are, and whose turn it is.
func sharingParams() []param {
	return []param{
		{"users", users, "", false, func(r *run, v value) { r.spec.Users = v.users }},
		{"priority", priorities, "", false, func(r *run, v value) { r.spec.Priorities = v.priorities }},
		{"deadlines", service, "", false, func(r *run, v value) { r.spec.Deadlines = v.service }},
		{"discipline", discipline, "fifo", false, func(r *run, v value) { r.config.Sharing.Discipline = v.discipline }},
		{"weight", weights, "", false, func(r *run, v value) { r.config.Sharing.Weights = v.weights }},
		{"ageing", duration, "", false, func(r *run, v value) { r.config.Sharing.Ageing = v.duration }},
		{"starvation-bound", duration, "", true, func(r *run, v value) { r.config.Sharing.StarvationBound = v.duration }},
		{"affinity-wait", duration, "", true, func(r *run, v value) { r.config.AffinityWait = v.duration }},
	}
}

// demandParams say what workers have beside slots, and what jobs ask for.
func demandParams() []param {
	wish := func(name string, of func(*workload.Wishes) *[]workload.Share) param {
		return param{name, shares, "", false, func(r *run, v value) { *of(&r.wishes) = v.shares }}
	}
	return []param{
		{"label", shares, "", false, func(r *run, v value) { r.fleet.Labels = v.shares }},
		{"resource", stocks, "", false, func(r *run, v value) { r.fleet.Stocks = v.stocks }},
		{"zones", whole, "", false, func(r *run, v value) { r.fleet.Zones = int(v.number) }},
		{"need", needs, "", false, func(r *run, v value) { r.spec.Needs = v.needs }},
		wish("require-jobs", func(w *workload.Wishes) *[]workload.Share { return &w.RequireJobs }),
		wish("require-tasks", func(w *workload.Wishes) *[]workload.Share { return &w.RequireTasks }),
		wish("prefer-jobs", func(w *workload.Wishes) *[]workload.Share { return &w.PreferJobs }),
		wish("prefer-tasks", func(w *workload.Wishes) *[]workload.Share { return &w.PreferTasks }),
		wish("exclude-jobs", func(w *workload.Wishes) *[]workload.Share { return &w.ExcludeJobs }),
		wish("exclude-tasks", func(w *workload.Wishes) *[]workload.Share { return &w.ExcludeTasks }),
		{"spread", word, "", false, func(r *run, v value) { r.wishes.Spread = v.text }},
	}
}

func faultParams() []param {
	return []param{
		{"fault-drop", number, "0", false, func(r *run, v value) { r.config.Faults.Drop = v.number }},
		{"fault-delay", number, "0", false, func(r *run, v value) { r.config.Faults.Delay = v.number }},
		{"fault-duplicate", number, "0", false, func(r *run, v value) { r.config.Faults.Duplicate = v.number }},
		{"fault-reorder", number, "0", false, func(r *run, v value) { r.config.Faults.Reorder = v.number }},
		{"fault-extra-delay", duration, "10ms", true, func(r *run, v value) { r.config.Faults.ExtraDelay = v.duration }},
		{"fault-partition", duration, "0s", false, func(r *run, v value) { r.config.Faults.PartitionEvery = v.duration }},
		{"fault-worker-crash", duration, "0s", false, func(r *run, v value) { r.config.Faults.WorkerCrashEvery = v.duration }},
		{"fault-scheduler-crash", duration, "0s", false, func(r *run, v value) { r.config.Faults.SchedulerCrashEvery = v.duration }},
		{"fault-outage", duration, "1s", true, func(r *run, v value) { r.config.Faults.Outage = v.duration }},
		{"fault-lease", duration, "1500ms", true, func(r *run, v value) { r.config.Faults.Lease = v.duration }},
		{"fault-redial", duration, "10ms", true, func(r *run, v value) { r.config.Faults.Redial = v.duration }},
		{"fault-until", duration, "0s", false, func(r *run, v value) { r.config.Faults.Until = v.duration }},
	}
}

// ignored reports whether a policy does not look at a parameter, so that its cells are the same along that axis.
func ignored(policy, name string) bool {
	switch name {
	case "decision":
		return policy != "central"
	case "estimates":
		return policy != "idle-offer"
	case "probe-ratio":
		return policy == "ideal" || policy == "random" || policy == "central"
	}
	return false
}
