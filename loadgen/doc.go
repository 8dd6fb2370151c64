// Package loadgen drives a live fleet with a workload and reports what its jobs met.
//
//	source, err := workload.Generate(spec, window) // the jobs, the same as for the simulator
//	…
//	fleet, err := loadgen.Ask(ctx, schedulers) // its size and policy
//	…
//	result, err := loadgen.Run(ctx, loadgen.Config{Schedulers: schedulers, Fleet: fleet}, source)
//
// # Open loop
//
// Jobs are planned ahead from the workload and sent when they are due, whatever became of those before them, and a
// job's response counts from when it was due. A generator that waits for answers slows down with the fleet that it
// measures: in a pause of a second it sends one job and sees one slow response where users would have sent, and waited
// for, a second's worth. The same holds for a generator that is late by itself, so its lag (from when a job was due to
// when it was sent) is part of the response, is reported, and makes a run invalid from a certain size on. What cannot
// be sent because too many jobs are under way is dropped and counted as an error, never delayed.
//
// # The bound
//
// A run is set beside what the same jobs take elsewhere: their arrivals and their service times as workers measured
// them, through one omniscient queue without delays, which nothing can beat, and through the simulator with the fleet's
// policy and the delays that [Calibrate] measured. The first ratio says how good the fleet's placement is, the second
// whether the simulator tells the truth.
//
// # What it keeps
//
// Books of a fixed size: histograms (HdrHistogram, which can be merged), 600 intervals of time, a bounded number of
// users and workers. Only what is under way takes memory, and, for a record, what ended before an earlier job.
//
// # What it refuses to do
//
// It is a client like any other: it knows nothing of a fleet but what users can ask, and decides nothing about
// placement.
package loadgen
