package sim

import (
	"fmt"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"dunnock/internal/lru"
	"dunnock/loadgen/workload"
	"dunnock/probe"
)

// Affinity is what became of tasks with affinity keys, in a [Result]. Tasks of the warm-up are left out.
type Affinity struct {
	Told     bool    `json:"told"`                // schedulers knew the keys
	Cache    int     `json:"cache,omitempty"`     // keys that a worker keeps; 0: caches were not modelled
	MissCost float64 `json:"miss_cost,omitempty"` // how many times as long a miss takes
	HitRate  float64 `json:"hit_rate"`            // of the tasks that met a cache
	// NearRate is how many of the launches were at a worker that the key had chosen, and SpillRate how many tasks had
	// waited for those in vain. Of the whole run, and 0 if schedulers did not know the keys.
	NearRate  float64 `json:"near_rate"`
	SpillRate float64 `json:"spill_rate"`
}

// caches are those of all workers.
type caches struct {
	model workload.Cache
	of    []*lru.Set // by worker; nil: nothing was there in its present life
	uses  uint64     // after the warm-up
	hits  uint64
}

func (c *Config) cacheFaults() []error {
	if c.Cache == (workload.Cache{}) {
		return nil
	}
	var faults []error
	if err := c.Cache.Validate(); err != nil {
		faults = append(faults, err)
	}
	if !usesCores(c.Policy) {
		faults = append(faults, fmt.Errorf("cache: policy %s is a model without caches; those that run the fleet's own code have them", c.Policy))
	}
	if c.Workers > 0 && c.Cache.Keys > maxCached/c.Workers {
		faults = append(faults, fmt.Errorf("cache: at most %d keys in all workers' caches, got %d × %d", maxCached, c.Workers, c.Cache.Keys))
	}
	return faults
}

// maxCached bounds the keys in all caches, at about 50 bytes each.
const maxCached = 1 << 26

// keyed says which affinity keys the tasks of a job have, if schedulers are to know.
func (c *cores) keyed(id JobID) {
	c.spec.Keys = nil
	numbers := c.engine.jobs[id].keys
	if len(numbers) == 0 || c.engine.cfg.NoAffinity {
		return
	}
	c.keys = c.keys[:0]
	for _, n := range numbers {
		for int(n) >= len(c.known) {
			c.known = append(c.known, probe.KeyOf(workload.KeyName(uint32(len(c.known)))))
		}
		c.keys = append(c.keys, c.known[n])
	}
	c.spec.Keys = c.keys
}

// keyNumber is which key a task of a live job has, from 1; 0: none.
func (e *Engine) keyNumber(id JobID, t uint32) uint32 {
	if keys := e.jobs[id].keys; len(keys) > 0 {
		return keys[t]
	}
	return 0
}

// cached returns how long a task with a key takes at a worker, in whose cache that is from now on.
func (e *Engine) cached(worker, key uint32, service time.Duration) time.Duration {
	c := e.caches
	if c == nil || key == 0 {
		return service
	}
	if c.of[worker] == nil {
		c.of[worker] = lru.New(c.model.Keys)
	}
	hit := c.of[worker].Use(uint64(key))
	if e.tally.counting {
		c.uses++
		if hit {
			c.hits++
		}
	}
	if hit {
		return service
	}
	return c.model.Miss(service-e.cfg.TaskOverhead) + e.cfg.TaskOverhead
}

// affinityResult says what became of tasks with keys; nil if there were none.
func (e *Engine) affinityResult() *Affinity {
	if !e.tally.keyed {
		return nil
	}
	a := &Affinity{Told: !e.cfg.NoAffinity}
	if c := e.caches; c != nil {
		a.Cache, a.MissCost = c.model.Keys, c.model.MissCost
		if c.uses > 0 {
			a.HitRate = float64(c.hits) / float64(c.uses)
		}
	}
	c, ok := e.policy.(*cores)
	if !ok {
		a.Told = false
		return a
	}
	var near, far, spilled uint64
	for i := range c.schedulers {
		if core := c.schedulers[i].core; core != nil {
			s := core.Stats()
			near, far, spilled = near+s.NearLaunches, far+s.FarLaunches, spilled+s.Spills
		}
	}
	if all := float64(near + far); all > 0 {
		a.NearRate, a.SpillRate = float64(near)/all, float64(spilled)/all
	}
	return a
}

// nameOf is the xxhash of a worker's name.
func nameOf(worker uint32) uint64 {
	return xxhash.Sum64String("w" + strconv.FormatUint(uint64(worker)+1, 10))
}
