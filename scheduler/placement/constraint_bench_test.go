package placement_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"dunnock/probe"
	"dunnock/scheduler/placement"
)

// racks makes a fleet in which every worker has its name and one of so many racks that a hundred workers share one.
func racks(cfg placement.Config, workers int) *placement.Core {
	c := placement.New(cfg, rand.New(rand.NewPCG(1, 2)))
	for w := range workers {
		c.WorkerUp(0, probe.WorkerID(w), placement.Worker{Slots: 4, Apps: []string{"app"}, Labels: []probe.Label{
			{Key: "rack", Value: fmt.Sprint(w / 100)}, {Key: "worker", Value: fmt.Sprint(w)},
		}}, nil)
	}
	return c
}

// BenchmarkConstrained submits and cancels a job of ten tasks that may run on a hundred workers. It costs the same in a
// fleet a hundred times as large; a constraint set that is not remembered costs a look at those hundred workers.
func BenchmarkConstrained(b *testing.B) {
	for _, workers := range []int{1_000, 100_000} {
		for name, distinct := range map[string]int{"remembered": 1, "forgotten": 9} {
			b.Run(fmt.Sprintf("workers=%d/%s", workers, name), func(b *testing.B) {
				c := racks(placement.Config{MaxSets: 4}, workers)
				specs := make([]placement.Spec, distinct)
				for i := range specs {
					specs[i] = placement.Spec{App: "app", Tasks: 10, Require: []probe.Label{{Key: "rack", Value: fmt.Sprint(i)}}}
				}
				out := make([]placement.Effect, 0, 100)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					ref, effects, err := c.Submit(0, specs[i%distinct], out)
					if err != nil {
						b.Fatal(err)
					}
					c.Cancel(0, ref, effects)
				}
			})
		}
	}
}

// BenchmarkLocality submits and cancels a job of a thousand tasks of which nearly each is bound to a worker of its own.
func BenchmarkLocality(b *testing.B) {
	for _, workers := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			c := racks(placement.Config{}, workers)
			spec := placement.Spec{App: "app", Tasks: 1000}
			for t := range uint32(placement.MaxGroups - 1) {
				spec.Groups = append(spec.Groups, placement.Group{Tasks: []uint32{t}, Require: []probe.Label{{Key: "worker", Value: fmt.Sprint(t)}}})
			}
			out := make([]placement.Effect, 0, 10_000)
			b.ReportAllocs()
			for b.Loop() {
				ref, effects, err := c.Submit(0, spec, out)
				if err != nil {
					b.Fatal(err)
				}
				c.Cancel(0, ref, effects)
			}
		})
	}
}
