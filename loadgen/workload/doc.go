// Package workload makes the jobs that the load generator sends and the simulator simulates: when each arrives, how
// many tasks it has and how long each task runs. Both drivers read one [Source], so that a measured run and a simulated
// one stand on the very same jobs.
//
// A source comes from a [Spec] ([Generate]) or from a file ([Read]):
//
//	--tasks    100 · uniform:1,200 · geom:10 · bimodal:0.9,1,100
//	--service  const:100ms · exp:100ms · jobexp:100ms · lognormal:100ms,1.5 · pareto:10ms,1.5 · bimodal:0.9,10ms,1s · jobbimodal:0.9,10ms,1s
//	--arrival  poisson · const · burst:50
//	--users    ann:1,org/bob:3
//
// and a [Window] cuts it to a number of jobs or a duration, scales its time, and says
// which jobs are the warm-up.
//
// # Which stream a number comes from
//
// Arrivals, sizes, service times and users are drawn from four random streams of their own, all derived from the seed.
// The gap before job (or burst) j, the size and the user of job j and the service time of task i of job j each have a
// place of their own in their stream. So nothing that a scheduler, a worker or a network does can change a workload,
// and a change of one flag leaves the draws of the others alone: job 7 keeps its service times when its fleet doubles,
// and its first ten when it grows from ten tasks to twenty.
//
// # The same jobs on every machine
//
// A workload is the same for the same flags and seed on every machine and with every release of Go. Time is integer
// nanoseconds, a draw is the inverse of the distribution function at one 64-bit output of SplitMix64, and log, exp and
// the normal quantile are this package's own: those of package math are assembly on some machines. No product is left
// where a compiler could fuse it with a following addition; a test walks the source for such expressions, and others
// compare digests of each distribution.
//
// # What it refuses to do
//
// It opens no file, has no clock, starts no goroutine and logs nothing. It does not stand in for a broken
// file: what it cannot read exactly ends the source with an [InputError] that names the line. Memory is
// bounded by the largest job allowed, whatever the input.
package workload
