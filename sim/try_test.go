package sim

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"dunnock/loadgen/workload"
)

func TestTry(t *testing.T) {
	if os.Getenv("TRY") == "" {
		t.Skip()
	}
	seeds, _ := strconv.Atoi(os.Getenv("TRY"))
	div, _ := strconv.Atoi(os.Getenv("DIV"))
	if div == 0 {
		div = 1
	}
	for _, row := range []struct {
		tasks int
		load  float64
		jobs  int
	}{{1, .95, 150000}, {10, .9, 40000}, {10, .95, 40000}, {100, .9, 20000}} {
		fmt.Print(row, ": ")
		for _, p := range []string{"ideal", "per-task", "batch", "late-binding-nocancel", "late-binding"} {
			var mean, p99, tps, mpt, util float64
			for seed := range seeds {
				ts, _ := workload.ParseTasks(strconv.Itoa(row.tasks))
				sv, _ := workload.ParseService("const:100ms")
				ar, _ := workload.ParseArrival("poisson")
				src, err := workload.Generate(workload.Spec{Tasks: ts, Service: sv, Arrival: ar, Load: row.load, Slots: 4000, Seed: uint64(seed + 1)}, workload.Window{Jobs: row.jobs / div, Warmup: workload.Warmup{Jobs: row.jobs / div / 6}})
				if err != nil {
					t.Fatal(err)
				}
				r, err := Run(context.Background(), Config{Policy: p, Workers: 1000, Slots: 4, Schedulers: 10, NetDelay: 500 * time.Microsecond, Seed: uint64(seed + 1)}, src)
				if err != nil {
					t.Fatal(err)
				}
				mean += r.ResponseMS.Mean
				p99 += r.ResponseMS.P99
				tps += r.TasksPerS
				mpt += r.MessagesPerTask
				util += r.Utilization
			}
			n := float64(seeds)
			fmt.Printf("%s %.1f (%.0f) %.1fmsg %.3f %.0fk/s; ", p, mean/n, p99/n, mpt/n, util/n, tps/n/1000)
		}
		fmt.Println()
	}
}
