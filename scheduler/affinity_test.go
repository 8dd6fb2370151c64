package scheduler_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dunnock/internal/api"
	"dunnock/internal/fleettest"
	"dunnock/scheduler"
	"dunnock/scheduler/placement"
	"dunnock/task"
)

// keyedJob has a task for each key.
func keyedJob(duration string, keys ...string) task.Job {
	j := echoJob(len(keys), duration)
	for i, k := range keys {
		j.Tasks[i].Affinity = k
	}
	return j
}

// Tasks with one key run where those before it ran, at every scheduler and under either policy, and when their workers
// are busy they run elsewhere before long.
func TestAffinity(t *testing.T) {
	for _, policy := range []placement.Policy{placement.LateBinding, placement.IdleOffer} {
		t.Run(policy.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fleettest.Fleet) {
				s1 := f.Scheduler("s1", func(c *scheduler.Config) { c.Policy = policy })
				s2 := f.Scheduler("s2", func(c *scheduler.Config) { c.Policy = policy })
				for i := range 12 {
					labelled(f, fmt.Sprintf("w%d", i), 1, nil)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				home := map[string]string{}
				for round := range 6 {
					c := f.Client(s1)
					if round%2 == 1 {
						c = f.Client(s2)
					}
					for k := range 20 {
						key := fmt.Sprintf("lineitem/%d", k)
						_, at := ran(t, submit(t, c, keyedJob("1ms", key)))
						if home[key] == "" {
							home[key] = at[0]
						}
						if home[key] != at[0] {
							t.Errorf("%s ran at %s, and before at %s", key, at[0], home[key])
						}
					}
				}
				used := map[string]bool{}
				for _, w := range home {
					used[w] = true
				}
				if len(used) < 6 {
					t.Errorf("20 keys are at %v", used)
				}

				// More of one key than its workers have slots: the others wait for a while, and then run elsewhere.
				results, err := submit(t, f.Client(s1), keyedJob("1s", "hot", "hot", "hot", "hot", "hot")).Wait(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				at, soon, late := map[string]int{}, 0, 0
				for _, r := range results {
					at[r.Worker]++
					switch {
					case r.Wait < placement.DefaultAffinityWait:
						soon++
					case r.Wait < 500*time.Millisecond:
						late++
					}
				}
				if len(at) != 5 || soon != 2 || late != 3 {
					t.Errorf("5 tasks of a key ran at %v: %d before others were tried, %d then", at, soon, late)
				}
			})
		})
	}
}

// What a job waits for that waits for its keys' workers is said, and what became of keys is counted.
func TestAffinityIsExplained(t *testing.T) {
	withHTTP(t, func(c *scheduler.Config) { c.AffinityWait = 10 * time.Second }, func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, c *caller) {
		labelled(f, "w1", 1, nil)
		labelled(f, "w2", 1, nil)
		synctest.Wait()
		first := submit(t, f.Client(s), keyedJob("20s", "k", "other", "k"))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		second := submit(t, f.Client(s), keyedJob("1ms", "k"))
		time.Sleep(100 * time.Millisecond)
		var j api.JobDetail
		c.do("GET", "/v1/jobs/"+second.ID().String(), "", 200, &j)
		for _, want := range []string{"1 task waits for a free slot of those that its affinity key has chosen (w", "others of 2 eligible workers are tried", "for 100ms"} {
			if !strings.Contains(j.Why, want) {
				t.Errorf("the job waits for %q, want %q", j.Why, want)
			}
		}
		first.Cancel()
		ran(t, second)
		if hit, spill := s.Metric(`dunnock_affinity_total{result="hit"}`), s.Metric(`dunnock_affinity_total{result="spill"}`); hit != 3 || spill != 0 {
			t.Errorf("%v tasks ran where their keys had chosen, and %v elsewhere", hit, spill)
		}
	})
}

// A wide task that waits for its key's workers says both.
func TestWideAffinityIsExplained(t *testing.T) {
	withHTTP(t, func(c *scheduler.Config) { c.AffinityWait = 10 * time.Second }, func(t *testing.T, f *fleettest.Fleet, s *fleettest.Node, c *caller) {
		labelled(f, "w1", 2, nil)
		labelled(f, "w2", 2, nil)
		synctest.Wait()
		first := submit(t, f.Client(s), echoJob(4, "20s"))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		wide := keyedJob("1ms", "k")
		wide.Slots = 2
		second := submit(t, f.Client(s), wide)
		time.Sleep(100 * time.Millisecond)
		var j api.JobDetail
		c.do("GET", "/v1/jobs/"+second.ID().String(), "", 200, &j)
		if want := "1 task waits for 2 slots of those that its affinity key has chosen (w"; !strings.Contains(j.Why, want) {
			t.Errorf("the job waits for %q, want %q", j.Why, want)
		}
		first.Cancel()
		ran(t, second)
	})
}
