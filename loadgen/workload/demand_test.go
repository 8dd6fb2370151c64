package workload

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestDemandsAreRead: what a job says about workers is read as it is, and written so that it reads back.
func TestDemandsAreRead(t *testing.T) {
	t.Parallel()
	const line = `{"at_ms":0,"service_ms":[1,2,3],"slots":2,"resources":{"gpu":1,"memory":4294967295},"require":{"zone":"a"},"prefer":{"ssd":"yes"},"exclude":["old=yes","w7"],` +
		`"spread":"rack","groups":[{"tasks":[0,2],"slots":4,"resources":{"gpu":0},"require":{"zone":"b"},"prefer":{"x":""},"exclude":["rack=3"]},{"tasks":[1],"require":{"a":"b"}}]}` + "\n"
	ms := time.Millisecond
	want := Job{
		Service: []time.Duration{ms, 2 * ms, 3 * ms}, Spread: "rack",
		Demand: Demand{
			Slots: 2, Resources: map[string]uint32{"gpu": 1, "memory": math.MaxUint32}, Require: map[string]string{"zone": "a"}, Prefer: map[string]string{"ssd": "yes"},
			Exclude: []string{"old=yes", "w7"},
		},
		Groups: []Group{
			{Tasks: []uint32{0, 2}, Demand: Demand{Slots: 4, Resources: map[string]uint32{"gpu": 0}, Require: map[string]string{"zone": "b"}, Prefer: map[string]string{"x": ""}, Exclude: []string{"rack=3"}}},
			{Tasks: []uint32{1}, Demand: Demand{Require: map[string]string{"a": "b"}}},
		},
	}
	src, err := Read(strings.NewReader(line+`{"at_ms":1,"service_ms":[1]}`), Window{})
	if err != nil {
		t.Fatal(err)
	}
	got := Job{}
	if !src.Next(&got) {
		t.Fatal(src.Err())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if again := string(AppendJob(nil, &got)); again != line {
		t.Errorf("written:\n%swas:\n%s", again, line)
	}
	if got.GroupOf(0) != 0 || got.GroupOf(1) != 1 || (&Job{}).GroupOf(0) != -1 {
		t.Error("tasks are in other groups")
	}
	// Nothing of it is left over for the next one.
	if !src.Next(&got) || !got.Plain() || got.Slots != 0 {
		t.Errorf("the next job says %+v, %v", got, src.Err())
	}
}

// TestDemandsAreRefused: each error names its line, the field and what is wanted.
func TestDemandsAreRefused(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]string{
		`"resources":{"gpu":-1}`:         `line 1: resources.gpu: want a whole number from 0 to 4294967295, got "-1"`,
		`"resources":{"gpu":4294967296}`: `resources.gpu: want a whole number from 0 to 4294967295`,
		`"resources":{"gpu":1,"gpu":1}`:  `resources.gpu: is there twice`,
		`"resources":{"GPU":1}`:          `resources: "GPU": want a name`,
		`"resources":{"slots":1}`:        `resources: "slots": want a name`,
		`"resources":[]`:                 `resources: column`,
		`"resources":{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1}`: `resources: at most 8`,
		`"require":{"zone":1}`:                        `require.zone: column`,
		`"require":{"Zone":"a"}`:                      `require: label "Zone"`,
		`"require":{"zone":"a","zone":"b"}`:           `require.zone: is there twice`,
		`"exclude":["=b"]`:                            `exclude: "=b": want a label`,
		`"exclude":"b"`:                               `exclude: column`,
		`"spread":"A b"`:                              `spread: want the key of a label, got "A b"`,
		`"groups":[{"tasks":[2]}]`:                    `groups[0].tasks: the job has 2 tasks, counted from 0, and no task 2`,
		`"groups":[{"tasks":[]}]`:                     `groups[0].tasks: a group has at least one task`,
		`"groups":[{"tasks":[1,0]}]`:                  `groups[0].tasks: want them ascending, got 0 after 1`,
		`"groups":[{"tasks":[1]},{"tasks":[1]}]`:      `groups[1].tasks: task 1 is in another group`,
		`"groups":[{"tasks":[1],"slots":0}]`:          `groups[0].slots: want a whole number from 1 to 4096`,
		`"groups":[{"tasks":[1],"spread":"zone"}]`:    `groups[0]."spread": unknown field; a group has tasks, slots, resources, require, prefer and exclude`,
		`"groups":[{"tasks":[1],"tasks":[0]}]`:        `groups[0].tasks: is there twice`,
		`"groups":[{"tasks":[1],"require":{"B":""}}]`: `groups[0].require: label "B"`,
		`"groups":[{"tasks":[-1]}]`:                   `groups[0].tasks[0]: want a whole number from 0`,
		`"needs":{}`:                                  `unknown field; a job has at_ms, user, service_ms, est_ms, priority, deadline_ms, slots, keys, resources, require, prefer, exclude, spread and groups`,
	} {
		src, err := Read(strings.NewReader(`{"at_ms":0,"service_ms":[1,2],`+fields+"}"), Window{})
		if err == nil {
			var j Job
			src.Next(&j)
			err = src.Err()
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 1: ") {
			t.Errorf("%s: %v; want %q", fields, err, want)
		}
	}
}

// FuzzReadDemands: whatever is read is within its bounds and reads back.
func FuzzReadDemands(f *testing.F) {
	f.Add([]byte(`{"at_ms":0,"service_ms":[1,2],"require":{"a":"b"},"groups":[{"tasks":[1],"exclude":["a=b"],"resources":{"x":3}}]}`))
	f.Add([]byte(`{"at_ms":0,"service_ms":[1],"spread":"zone","prefer":{"\u00e4":""},"resources":{"a":1e3}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		src, err := Read(bytes.NewReader(data), Window{})
		if err != nil {
			return
		}
		var j, back Job
		for src.Next(&j) {
			if b := j.check(0); b != nil {
				t.Fatalf("%+v: %s", j, b.reason)
			}
			again, err := Read(bytes.NewReader(AppendJob(nil, &j)), Window{})
			if err != nil || !again.Next(&back) {
				t.Fatalf("%s: %v", AppendJob(nil, &j), err)
			}
			if diff := cmp.Diff(string(AppendJob(nil, &j)), string(AppendJob(nil, &back))); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// TestFleetForms: what is printed is what is read.
func TestFleetForms(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"gpu=0.1": "gpu=0.1", "gpu=yes=0.1": "gpu=0.1", "zone=z1=1": "zone=z1=1"} {
		var s Share
		if err := s.UnmarshalText([]byte(in)); err != nil || s.String() != want || s.validate() != nil {
			t.Errorf("%s reads as %s, %v", in, s, err)
		}
	}
	for in, want := range map[string]string{"gpu=2": "gpu=2", "gpu=2@0.25": "gpu=2@0.25", "memory=4294967295@1": "memory=4294967295"} {
		var s Stock
		if err := s.UnmarshalText([]byte(in)); err != nil || s.String() != want {
			t.Errorf("%s reads as %s, %v", in, s, err)
		}
	}
	for _, in := range []string{"cpu=2", "cpu=2,memory=4", "slots=4,gpu=1@0.1", "org/ann@x:cpu=1,memory=4@3", "a:b:gpu=0"} {
		if n, err := ParseNeed(in); err != nil || n.String() != in {
			t.Errorf("%s reads as %s, %v", in, n, err)
		}
	}
	for in, want := range map[string]string{
		"":                                    `need "": want NAME=N, such as gpu=2, got ""`,
		"gpu":                                 `want NAME=N`,
		":gpu=1":                              `want USER:NAME=N,…`,
		"gpu=1,gpu=2":                         `gpu is there twice`,
		"slots=1,slots=2":                     `slots is there twice`,
		"slots=5000":                          `slots: want 1 to 4096, got 5000`,
		"slots=0":                             `slots: want 1 to 4096, got 0`,
		"gpu=4294967296":                      `gpu: want a whole number from 0 to 4294967295, got "4294967296"`,
		"gpu=1@0":                             `share: want a number from 1e-06 to 1e+06, got "0"`,
		"gpu=1@x":                             `share: want a number`,
		"a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1": `at most 8 resources, got 9`,
	} {
		if _, err := ParseNeed(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	for in, want := range map[string]string{"gpu": "want LABEL=SHARE", "gpu=x": "want LABEL=SHARE", "=0.5": "want a label of 1 to 63 characters", "gpu=2": "want a share of 0 to 1, got 2", "gpu=NaN": "want a share of 0 to 1"} {
		var s Share
		err := s.UnmarshalText([]byte(in))
		if err == nil {
			err = s.validate()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	bad := Fleet{
		Labels: []Share{{"gpu", "yes", 0.1}, {"gpu", "a", 0.1}, {"zone", "z1", 1}, {"worker", "w1", 1}}, Stocks: []Stock{{"slots", 1, 1}, {"x", 0, 1}, {"y", 1, 1}, {"y", 2, 1}}, Zones: 1001,
	}
	err := bad.Validate()
	for _, want := range []string{"label: gpu is there twice", "label: zone is what zones give", "label: worker is a worker's name", "slots are given apart", "x: want 1 to", "resource: y is there twice", "zones: want 0 to 1000, got 1001"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// TestNodes: each worker draws for itself, the same whatever else the fleet has, and of everything there is at least
// one.
func TestNodes(t *testing.T) {
	t.Parallel()
	const n = 20_000
	f := Fleet{Labels: []Share{{"gpu", "yes", 0.1}, {"rare", "a", 0}}, Stocks: []Stock{{"memory", 8, 1}, {"card", 2, 0.3}}, Zones: 4, Seed: 7}
	nodes := f.Nodes(n)
	counts := map[string]float64{}
	for i := range nodes {
		for k, v := range nodes[i].Labels {
			counts[k+"="+v]++
		}
		for k := range nodes[i].Resources {
			counts[k]++
		}
	}
	for what, want := range map[string]float64{"gpu=yes": 0.1, "memory": 1, "card": 0.3, "zone=z1": 0.25, "zone=z4": 0.25} {
		if math.Abs(counts[what]/n-want) > 0.01 {
			t.Errorf("%s: %.3f, want %.3f", what, counts[what]/n, want)
		}
	}
	if counts["rare=a"] != 1 {
		t.Errorf("%g workers have what one has", counts["rare=a"])
	}
	alone := (&Fleet{Labels: []Share{{"gpu", "yes", 0.1}}, Seed: 7}).Nodes(n)
	for i := range alone {
		if alone[i].Has("gpu", "yes") != nodes[i].Has("gpu", "yes") {
			t.Fatalf("worker %d has another label in another fleet", i)
		}
	}
	if (&Fleet{}).Nodes(5) != nil {
		t.Error("a fleet without anything has something")
	}
}

// wished returns the jobs of a workload that wishes for labels.
func wished(t *testing.T, w Wishes, nodes []Node, jobs int) []Job {
	t.Helper()
	s := spec(t, "10", "const:1ms", "poisson")
	s.Rate = 1000
	src, err := Generate(s, Window{Jobs: jobs})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Wish(w, nodes); err != nil {
		t.Fatal(err)
	}
	var all []Job
	for j := (Job{}); src.Next(&j); {
		kept := j
		kept.Groups = slices.Clone(j.Groups)
		for i := range kept.Groups {
			kept.Groups[i].Tasks = slices.Clone(kept.Groups[i].Tasks)
		}
		kept.Service = slices.Clone(j.Service)
		all = append(all, kept)
	}
	if src.Err() != nil {
		t.Fatal(src.Err())
	}
	return all
}

// TestWishes: shares of jobs and tasks are what they are said to be, and nobody is asked for what no worker has.
func TestWishes(t *testing.T) {
	t.Parallel()
	nodes := (&Fleet{Labels: []Share{{"gpu", "yes", 0.3}, {"ssd", "yes", 0.5}}, Zones: 3, Seed: 1}).Nodes(50)
	w := Wishes{
		RequireJobs: []Share{{"ssd", "yes", 0.25}}, RequireTasks: []Share{{"gpu", "yes", 0.2}}, PreferTasks: []Share{{"zone", "z2", 0.1}}, ExcludeTasks: []Share{{"zone", "z1", 0.3}},
		ExcludeJobs: []Share{{"zone", "z3", 0.1}}, PreferJobs: []Share{{"gpu", "yes", 0.05}}, Spread: "zone", Seed: 9,
	}
	counts := map[string]float64{}
	jobs := wished(t, w, nodes, 4000)
	for i := range jobs {
		j := &jobs[i]
		if j.Spread != "zone" {
			t.Fatal("a job is not spread")
		}
		for name, there := range map[string]bool{"require": len(j.Require) > 0, "prefer": len(j.Prefer) > 0, "exclude": len(j.Exclude) > 0} {
			if there {
				counts[name]++
			}
		}
		for k := range j.Groups {
			g, n := &j.Groups[k], float64(len(j.Groups[k].Tasks))/10
			counts["require task"] += n * float64(len(g.Require))
			counts["prefer task"] += n * float64(len(g.Prefer))
			counts["exclude task"] += n * float64(len(g.Exclude))
			somebody := false
			for n := range nodes {
				fits := true
				for _, m := range []map[string]string{j.Require, g.Require} {
					for key, v := range m {
						fits = fits && nodes[n].Has(key, v)
					}
				}
				for _, e := range append(slices.Clip(j.Exclude), g.Exclude...) {
					key, v, _ := strings.Cut(e, "=")
					fits = fits && !nodes[n].Has(key, v)
				}
				somebody = somebody || fits
			}
			if !somebody {
				t.Fatalf("nobody could run %+v of %+v", g, j.Demand)
			}
		}
	}
	for what, want := range map[string]float64{"require": 0.25, "prefer": 0.05, "exclude": 0.1, "require task": 0.2, "prefer task": 0.1, "exclude task": 0.3} {
		if got := counts[what] / float64(len(jobs)); math.Abs(got-want) > 0.025 {
			t.Errorf("%s: %.3f, want %.3f", what, got, want)
		}
	}
	// Labels of which no worker has both are not required together.
	apart := []Node{{Labels: map[string]string{"gpu": "yes"}}, {Labels: map[string]string{"ssd": "yes"}}}
	for _, j := range wished(t, Wishes{RequireJobs: []Share{{"gpu", "yes", 1}}, RequireTasks: []Share{{"ssd", "yes", 1}}, ExcludeTasks: []Share{{"gpu", "yes", 1}}}, apart, 10) {
		if len(j.Groups) != 0 || !maps.Equal(j.Require, map[string]string{"gpu": "yes"}) {
			t.Errorf("a job asks for what nobody has: %+v", j)
		}
	}
	var src Source
	err := src.Wish(Wishes{RequireJobs: []Share{{"gpu", "a", 1}}, ExcludeTasks: []Share{{"x", "yes", 0.5}, {"x", "no", 2}}, Spread: "Z"}, apart)
	for _, want := range []string{"require-jobs: no worker has label gpu=a", "exclude-tasks: no worker has label x", "exclude-tasks: x=no: want a share of 0 to 1", "spread: want the key"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	alike := []Node{{Labels: map[string]string{"gpu": "yes", "ssd": "a"}}, {Labels: map[string]string{"gpu": "yes", "ssd": "b"}}}
	err = src.Wish(Wishes{RequireJobs: []Share{{"gpu", "yes", 1}}, ExcludeJobs: []Share{{"gpu", "yes", 0.1}, {"ssd", "a", 1}}, PreferTasks: []Share{{"worker", "w1", 1}}, Spread: "zone"}, alike)
	const want = `workload: prefer-tasks: worker is a worker's name, and not for a share of jobs or tasks to ask for
exclude-jobs: every worker has label gpu, and none would be left
spread: no worker has a label zone`
	if err == nil || err.Error() != want {
		t.Errorf("%v; want %s", err, want)
	}
	if err := src.Wish(Wishes{ExcludeJobs: []Share{{"gpu", "yes", 1}}, Spread: "zone"}, nil); err != nil {
		t.Errorf("of a fleet that is not known: %v", err)
	}
}

// TestFits: what no worker has is found before the first job, with what the most is.
func TestFits(t *testing.T) {
	t.Parallel()
	nodes := []Node{{Resources: map[string]uint32{"cpu": 8, "gpu": 1}}, {Resources: map[string]uint32{"cpu": 2, "gpu": 4}}, {}}
	for needs, want := range map[string]string{
		"cpu=8,gpu=1":       "<nil>",
		"cpu=2,gpu=4":       "<nil>",
		"slots=4,cpu=0,x=0": "<nil>",
		"cpu=9":             "workload: need cpu=9: no worker has cpu=9; the most is 8",
		"ann:gpu=5@0.1":     "workload: need ann:gpu=5@0.1: no worker has gpu=5; the most is 4",
		"x=1":               "workload: need x=1: no worker has any x",
		"cpu=3,gpu=2,x=0":   "workload: need cpu=3,gpu=2,x=0: no worker has cpu=3 together with gpu=2",
		"slots=5,cpu=1":     "workload: need slots=5,cpu=1: no worker has 5 slots; the most is 4",
		"cpu=1 slots=9":     "workload: need slots=9: no worker has 9 slots; the most is 4",
	} {
		var s Spec
		for text := range strings.FieldsSeq(needs) {
			n, err := ParseNeed(text)
			if err != nil {
				t.Fatal(err)
			}
			s.Needs = append(s.Needs, n)
		}
		if got := fmt.Sprint(s.Fits(4, nodes)); got != want {
			t.Errorf("%s: %s, want %s", needs, got, want)
		}
		if err := s.Fits(9, nil); err != nil {
			t.Errorf("%s, of a fleet that is not known: %v", needs, err)
		}
	}
	for width, fits := range map[string]bool{"4": true, "5": false, "uniform:1,5": false, "bimodal:0.9,1,4": true, "geom:2": true, "geom:9": false} {
		s := Spec{}
		if err := s.Width.UnmarshalText([]byte(width)); err != nil {
			t.Fatal(err)
		}
		if err := s.Fits(4, nil); (err == nil) != fits || err != nil && !strings.HasSuffix(err.Error(), width+": no worker has more than 4") {
			t.Errorf("%s: %v", width, err)
		}
	}
}

// TestWishesBesideAFile: what a file's job says stands, and wishes are added to it.
func TestWishesBesideAFile(t *testing.T) {
	t.Parallel()
	file := `{"at_ms":0,"service_ms":[1],"require":{"gpu":"a100"},"exclude":["old=yes"]}` + "\n" + `{"at_ms":1,"service_ms":[1],"groups":[{"tasks":[0],"require":{"a":"b"}}]}`
	src, err := Read(strings.NewReader(file), Window{})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Wish(Wishes{RequireJobs: []Share{{"gpu", "yes", 1}, {"ssd", "yes", 1}}, ExcludeJobs: []Share{{"zone", "z1", 1}}, RequireTasks: []Share{{"x", "yes", 1}}}, nil); err != nil {
		t.Fatal(err)
	}
	var j Job
	if !src.Next(&j) || !maps.Equal(j.Require, map[string]string{"gpu": "a100", "ssd": "yes"}) || strings.Join(j.Exclude, " ") != "old=yes zone=z1" || len(j.Groups) != 1 {
		t.Errorf("%+v, %v", j, src.Err())
	}
	if src.Next(&j) || src.Err() == nil || !strings.Contains(src.Err().Error(), "line 2: groups: the job says itself") {
		t.Errorf("%v", src.Err())
	}
}

// TestNeeds: each user's jobs draw from their own, and a load counts slots as they are drawn.
func TestNeeds(t *testing.T) {
	t.Parallel()
	s := spec(t, "10", "const:10ms", "poisson")
	s.Load, s.Slots = 0.5, 1000
	if err := s.Users.UnmarshalText([]byte("ann:1,bob:1")); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"ann:cpu=1,memory=4", "slots=2@0.75", "slots=6,gpu=1@0.25"} {
		n, err := ParseNeed(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Needs = append(s.Needs, n)
	}
	if got := s.meanWidth(); math.Abs(got-2) > 1e-9 { // (1 + 3) / 2
		t.Errorf("tasks take %g slots on average, want 2", got)
	}
	if got := s.JobRate(); math.Abs(got-500/(0.1*2)) > 1e-6 {
		t.Errorf("%g jobs a second", got)
	}
	src, err := Generate(s, Window{Jobs: 8000})
	counts := map[string]float64{}
	for _, j := range collect(t, src, err) {
		counts[Need{User: j.User, Slots: j.Slots, Resources: j.Resources, Share: 1}.String()]++
	}
	for what, want := range map[string]float64{"ann:cpu=1,memory=4": 0.5, "bob:slots=2": 0.375, "bob:slots=6,gpu=1": 0.125} {
		if got := counts[what] / 8000; math.Abs(got-want) > 0.02 {
			t.Errorf("%s: %.3f, want %.3f", what, got, want)
		}
	}
	s.Width, s.Needs[0].User = mustTasks(t, "2"), "eve"
	for _, want := range []string{`no job is of user "eve"`, "how many slots a task takes is said by one of them"} {
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// TestNeedRoundTrip: whatever is a need reads back.
func TestNeedRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := Need{
			User: rapid.StringMatching(`[a-z:@/]{0,6}`).Draw(t, "user"), Slots: rapid.IntRange(0, MaxWidth).Draw(t, "slots"),
			Resources: rapid.MapOfN(rapid.StringMatching(`[a-z]{1,4}`).Filter(func(s string) bool { return s != "slots" }), rapid.Uint32(), 1, 8).Draw(t, "resources"), Share: rapid.SampledFrom([]float64{1, 0.25, 9}).Draw(t, "share"),
		}
		if back, err := ParseNeed(n.String()); err != nil || !cmp.Equal(n, back) {
			t.Fatalf("%s reads back as %s, %v", n, back, err)
		}
	})
}
