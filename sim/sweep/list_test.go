package sweep

import (
	"slices"
	"strings"
	"testing"
)

func texts(values []value) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, v.text)
	}
	return out
}

func TestLists(t *testing.T) {
	for _, c := range []struct {
		kind kind
		in   string
		want []string
	}{
		{number, "0.5:0.95:0.05", []string{"0.5", "0.55", "0.6", "0.65", "0.7", "0.75", "0.8", "0.85", "0.9", "0.95"}},
		{number, "0.5, 0.9:1:0.05,2", []string{"0.5", "0.9", "0.95", "1", "2"}},
		{number, "1:2:0.4", []string{"1", "1.4", "1.8"}},
		{whole, "10:30:10,100", []string{"10", "20", "30", "100"}},
		{duration, "0s:2ms:500us", []string{"0s", "500µs", "1ms", "1.5ms", "2ms"}},
		{word, "ideal, batch", []string{"ideal", "batch"}},
		{service, "exp:100ms,lognormal:100ms,1.5,bimodal:0.9,10ms,1s,const:1ms", []string{"exp:100ms", "lognormal:100ms,1.5", "bimodal:0.9,10ms,1s", "const:1ms"}},
		{tasks, "1,10,100,bimodal:0.9,1,100", []string{"1", "10", "100", "bimodal:0.9,1,100"}},
		{arrival, "poisson,burst:50,const", []string{"poisson", "burst:50", "const"}},
		{estimates, "none,wrong:0.1,5,mean", []string{"none", "wrong:0.1,5", "mean"}},
		{warmup, "100,5s", []string{"100", "5s"}},
		{path, "a,b", []string{"a,b"}},
	} {
		values, err := c.kind.list(c.in)
		if err != nil || !slices.Equal(texts(values), c.want) {
			t.Errorf("%q: got %q, %v, want %q", c.in, texts(values), err, c.want)
		}
	}
}

func TestSetFaults(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"loaf", "1", `unknown parameter "loaf"`},
		{"load", "high", `load: want a number, got "high"`},
		{"load", "NaN", `load: want a number, got "NaN"`},
		{"load", "0", `load: want more than 0, got 0`},
		{"load", "0.5,,0.6", `load: want a number, got ""`},
		{"load", "0.5:0.9", `load: want first:last:step, got "0.5:0.9"`},
		{"load", "0.9:0.5:0.1", `load: range "0.9:0.5:0.1": want first:last:step`},
		{"load", "0.5:0.9:0", `load: range "0.5:0.9:0": want`},
		{"load", "0:1:1e-9", `more than 10000 values`},
		{"load", "0.5,0.50", `load: 0.5 is there twice`},
		{"workers", "1.5", `workers: want a whole number, got "1.5"`},
		{"workers", "0", `workers: want more than 0, got 0`},
		{"net-delay", "5", `net-delay: want a duration such as "500us" or "2s", got "5"`},
		{"policy", "best", `policy: want one of batch, central, ideal`},
		{"service", "exp", `service: `},
	} {
		var s Sweep
		if err := s.Set(c.name, c.value); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %s: got %v, want %q", c.name, c.value, err, c.want)
		}
	}
}

// must returns a small sweep with more values.
func must(t *testing.T, set ...string) *Sweep {
	t.Helper()
	s := &Sweep{}
	for i := 0; i < len(set); i += 2 {
		if err := s.Set(set[i], set[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestCells(t *testing.T) {
	s := must(t, "policy", "ideal,batch", "load", "0.5,0.7", "probe-ratio", "1,2")
	s.Seeds, s.FirstSeed = 2, 7
	cells, err := s.Cells()
	if err != nil {
		t.Fatal(err)
	}
	if len(cells) != 16 {
		t.Fatalf("got %d cells, want 2 policies × 2 ratios × 2 loads × 2 seeds", len(cells))
	}
	keys := make(map[string]int)
	for _, c := range cells {
		keys[c.Key]++
	}
	// The ideal queue does not probe: its cells are the same at each probe ratio.
	if len(keys) != 12 {
		t.Errorf("got %d keys, want 8 of batch and 4 of ideal", len(keys))
	}
	first, last := cells[0], cells[15]
	if first.Seed != 7 || last.Seed != 8 || last.run.config.Seed != 8 || last.run.spec.Seed != 8 {
		t.Errorf("got seeds %d and %d", first.Seed, last.Seed)
	}
	if last.run.config.Policy != "batch" || last.run.config.ProbeRatio != 2 || last.run.spec.Load != 0.7 || last.run.config.Load != 0.7 {
		t.Errorf("got %+v", last.run)
	}
	if first.run.window.Jobs != 4000 || first.run.spec.Slots != 4000 || first.run.spec.Service.String() != "exp:100ms" {
		t.Errorf("defaults: got %+v", first.run)
	}
}

// Any parameter's value is part of the key.
func TestKeyHasEverything(t *testing.T) {
	base, err := must(t, "policy", "late-binding,idle-offer").Cells()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{base[0].Key: "nothing", base[1].Key: "idle-offer"}
	for name, v := range map[string]string{
		"policy": "late-binding-nocancel", "workers": "7", "slots": "5", "schedulers": "3", "probe-ratio": "3", "net-delay": "1ms", "client-delay": "1ms",
		"task-overhead": "1ms", "job-deadline": "1h", "max-attempts": "4", "tasks": "3", "service": "const:1ms", "arrival": "const", "load": "0.3",
		"rate": "3", "time-scale": "2", "jobs": "3", "duration": "3s", "warmup": "3", "fault-drop": "0.1", "fault-delay": "0.1", "fault-duplicate": "0.1",
		"fault-reorder": "0.1", "fault-extra-delay": "1ms", "fault-partition": "1s", "fault-worker-crash": "1s", "fault-scheduler-crash": "1s",
		"fault-outage": "2s", "fault-lease": "1s", "fault-redial": "1s", "fault-until": "1s",
		"task-slots": "2", "keys": "zipf:9,1.1", "cache": "20", "miss-cost": "3", "affinity": "false", "estimates": "mean",
		"users": "ann:1,bob:3", "priority": "ann:5,bob:1", "deadlines": "const:1s", "discipline": "fair", "weight": "ann=2;bob=1", "ageing": "1s", "starvation-bound": "2s", "affinity-wait": "1ms",
		"label": "gpu=0.5;ssd=a=0.5", "resource": "cpu=8;gpu=1@0.5", "zones": "3", "need": "cpu=1,slots=2@0.5;cpu=2@0.5", "require-jobs": "gpu=0.1", "require-tasks": "gpu=0.1",
		"prefer-jobs": "gpu=0.1", "prefer-tasks": "gpu=0.1", "exclude-jobs": "gpu=0.1", "exclude-tasks": "gpu=0.1", "spread": "zone",
	} {
		set := []string{name, v}
		switch { // each needs what the others say
		case name == "priority":
			set = append(set, "users", "ann:1,bob:1")
		case name == "need":
			set = append(set, "resource", "cpu=9")
		case name == "spread":
			set = append(set, "zones", "2")
		case strings.HasSuffix(name, "-jobs"), strings.HasSuffix(name, "-tasks"):
			set = append(set, "label", "gpu=0.2")
		}
		if name == "cache" || name == "affinity" {
			set = append(set, "keys", "uniform:9")
		}
		if name == "estimates" {
			set = append(set, "policy", "idle-offer")
		}
		cells, err := must(t, set...).Cells()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if other := seen[cells[0].Key]; other != "" {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[cells[0].Key] = name
	}
	// policy central looks at its decision time, and a workload needs a file: all others, and the base of two policies.
	if want := len(Names()) - 2 + 2; len(seen) != want {
		t.Errorf("tried %d parameters, want %d: a new one belongs into this test", len(seen)-2, want-2)
	}
}

func TestCellFaults(t *testing.T) {
	for _, c := range []struct {
		set  []string
		want string
	}{
		{[]string{"load", "0.5", "rate", "3"}, "load"},
		{[]string{"workload", "-"}, "standard input can be read only once"},
		{[]string{"workload", "nosuchfile"}, "no such file"},
		{[]string{"workload", "/dev/null"}, "/dev/null is not a file that each run can read from its beginning"},
		{[]string{"workload", "a", "load", "0.5"}, "load has no place beside it"},
		{[]string{"workload", "a", "tasks", "1,10"}, "tasks has no place beside it"},
		{[]string{"workload", "a", "service", "exp:1s"}, "service has no place beside it"},
		{[]string{"workload", "a", "keys", "uniform:9"}, "keys has no place beside it"},
		{[]string{"workload", "a", "estimates", "mean"}, "estimates has no place beside it"},
		{[]string{"cache", "9"}, "cache, affinity: no task has a key without keys"},
		{[]string{"affinity", "true,false"}, "cache, affinity: no task has a key without keys"},
		{[]string{"policy", "random", "keys", "uniform:9", "cache", "9"}, "policy random is a model without caches"},
		{[]string{"policy", "ideal,late-binding", "fault-drop", "0.1"}, "policy ideal, seed 1: faults: "},
		{[]string{"probe-ratio", "1,17"}, "probe-ratio 17, seed 1: probe ratio: want 1 to 16, got 17"},
		{[]string{"workload", "a", "need", "cpu=1"}, "need has no place beside it"},
		{[]string{"workload", "a", "users", "ann:1"}, "users has no place beside it"},
		{[]string{"resource", "cpu=8", "need", "cpu=9"}, "need cpu=9: no worker has cpu=9; the most is 8"},
		{[]string{"policy", "late-binding,ideal", "label", "gpu=0.5", "require-jobs", "gpu=0.1"}, "policy ideal, seed 1: not modelled: policy ideal does not know labels"},
		{[]string{"require-tasks", "gpu=0.1"}, "require-tasks: no worker has label gpu"},
		{[]string{"label", "gpu=0.1;gpu=0.2"}, "label: gpu is there twice"},
		{[]string{"task-slots", "2,5"}, "task-slots 5, seed 1: workload: task slots 5: no worker has more than 4"},
		{[]string{"load", "0.001:1:0.001", "workers", "1:100:1"}, "more than 20000 runs"},
	} {
		if _, err := must(t, c.set...).Cells(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %q", c.set, err, c.want)
		}
	}
	for _, s := range []*Sweep{{Seeds: -1}, {Seeds: MaxSeeds + 1}, {X: "policy"}, {X: "nonsense"}, {X: "load", Series: "load"}, {Series: "nonsense"}} {
		if _, err := s.Cells(); err == nil {
			t.Errorf("%+v: no error", s)
		}
	}
}
