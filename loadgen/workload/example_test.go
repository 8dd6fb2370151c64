package workload_test

import (
	"fmt"
	"strings"

	"dunnock/loadgen/workload"
)

// A workload by flags: the same jobs for the load generator and the simulator.
func ExampleGenerate() {
	var spec workload.Spec
	var err error
	if spec.Tasks, err = workload.ParseTasks("geom:3"); err != nil {
		panic(err)
	}
	if spec.Service, err = workload.ParseService("exp:100ms"); err != nil {
		panic(err)
	}
	if spec.Arrival, err = workload.ParseArrival("poisson"); err != nil {
		panic(err)
	}
	spec.Load, spec.Slots, spec.Seed = 0.9, 20*4, 1

	src, err := workload.Generate(spec, workload.Window{Jobs: 4, Warmup: workload.Warmup{Jobs: 1}})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%.0f jobs/s\n", spec.JobRate())
	var job workload.Job // Next fills this one again and again
	for src.Next(&job) {
		warm := src.Warmup().Covers(src.Jobs()-1, job.At)
		fmt.Println(job.At, job.Service, "warm-up:", warm)
	}
	if src.Err() != nil {
		panic(src.Err())
	}
	// Output:
	// 240 jobs/s
	// 3.907692ms [145.154969ms 111.463959ms 4.825466ms] warm-up: true
	// 6.312093ms [44.674791ms] warm-up: false
	// 6.68795ms [65.584876ms 158.540577ms] warm-up: false
	// 7.437428ms [29.170914ms 265.115108ms] warm-up: false
}

// A workload by file. What is wrong in it is an error that names the line.
func ExampleRead() {
	const file = `{"at_ms":0,"user":"ann","service_ms":[101.3,99],"est_ms":100}
{"at_ms":12.5,"user":"bob","service_ms":[20]}
{"at_ms":11,"user":"ann","service_ms":[7]}
`
	src, err := workload.Read(strings.NewReader(file), workload.Window{TimeScale: 0.1})
	if err != nil {
		panic(err)
	}
	var job workload.Job
	for src.Next(&job) {
		fmt.Println(job.At, job.User, job.Service, job.Est)
	}
	fmt.Println(src.Err())
	// Output:
	// 0s ann [10.13ms 9.9ms] 10ms
	// 1.25ms bob [2ms] 0s
	// line 3: at_ms: 1.1ms is before the previous job's 1.25ms
}
