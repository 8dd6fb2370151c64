package workload_test

import (
	"strings"
	"testing"
	"time"

	"dunnock/loadgen/workload"
)

func TestPriorities(t *testing.T) {
	for _, text := range []string{"ann:5", "ann:5,org/bob:-3", "a:b:1000,c:-1000", "ann:0"} {
		p, err := workload.ParsePriorities(text)
		if err != nil || p.String() != text {
			t.Errorf("%q: %q, %v", text, p, err)
		}
	}
	for text, want := range map[string]string{
		"":                              "want USER:PRIORITY",
		"5":                             "want USER:PRIORITY",
		":5":                            "want USER:PRIORITY",
		"ann:5,":                        "want USER:PRIORITY",
		strings.Repeat("x", 256) + ":1": "1 to 255 bytes",
		"ann:high":                      `that of "ann": want a whole number from -1000 to 1000, got "high"`,
		"ann:1001":                      `got "1001"`,
		"ann:5.5":                       `got "5.5"`,
		"ann:1,ann:2":                   `"ann" is there twice`,
	} {
		if _, err := workload.ParsePriorities(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestUrgentJobs: jobs have the priority of their user and a deadline that is drawn for each, and are otherwise as
// without.
func TestUrgentJobs(t *testing.T) {
	spec := func(users, priority, deadlines string) workload.Spec {
		s := workload.Spec{Rate: 100, Seed: 7}
		for _, err := range []error{
			s.Tasks.UnmarshalText([]byte("2")), s.Service.UnmarshalText([]byte("exp:10ms")), s.Arrival.UnmarshalText([]byte("poisson")), s.Users.UnmarshalText([]byte(users)),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if priority != "" {
			if err := s.Priorities.UnmarshalText([]byte(priority)); err != nil {
				t.Fatal(err)
			}
		}
		if deadlines != "" {
			if err := s.Deadlines.UnmarshalText([]byte(deadlines)); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	all := func(s workload.Spec) []workload.Job {
		source, err := workload.Generate(s, workload.Window{Jobs: 2000})
		if err != nil {
			t.Fatal(err)
		}
		var jobs []workload.Job
		for {
			var j workload.Job
			if !source.Next(&j) {
				break
			}
			jobs = append(jobs, j)
		}
		if err := source.Err(); err != nil {
			t.Fatal(err)
		}
		return jobs
	}
	plain := all(spec("ann:1,bob:3", "", ""))
	urgent := all(spec("ann:1,bob:3", "ann:5", "bimodal:0.8,50ms,1s"))
	soon := 0
	for i := range urgent {
		a, b := &plain[i], &urgent[i]
		want := 0
		if b.User == "ann" {
			want = 5
		}
		if b.Priority != want || a.Priority != 0 || a.Deadline != 0 || a.At != b.At || a.User != b.User || a.Service[1] != b.Service[1] {
			t.Fatalf("job %d of %q: priority %d, and without %d; deadlines %v and %v", i, b.User, b.Priority, a.Priority, b.Deadline, a.Deadline)
		}
		switch b.Deadline {
		case 50 * time.Millisecond:
			soon++
		case time.Second:
		default:
			t.Fatalf("job %d has a deadline of %v", i, b.Deadline)
		}
	}
	if soon < 1540 || soon > 1660 {
		t.Errorf("%d of 2000 jobs have 50 ms, want 0.8 of them", soon)
	}
	for want, s := range map[string]workload.Spec{
		`no job is of user "eve"`:                  spec("ann:1", "eve:1", ""),
		"deadlines: const:0s draws deadlines of 0": spec("ann:1", "", "const:0s"),
		"deadlines: bimodal:0.5,0s,1s draws":       spec("ann:1", "", "bimodal:0.5,0s,1s"),
	} {
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
