package workload

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestParseUsers(t *testing.T) {
	for s, want := range map[string]string{
		"a:1":                    "a:1",
		"ann:0.25, org/bob:1.50": "ann:0.25,org/bob:1.5",
		"a:b:2":                  "a:b:2",
	} {
		u, err := ParseUsers(s)
		if err != nil || u.String() != want {
			t.Errorf("%q: got %q, %v", s, u, err)
		}
	}
	for s, want := range map[string]string{
		"":                              "want USER:SHARE",
		"a":                             "want USER:SHARE",
		":1":                            "want USER:SHARE",
		"a:1,":                          "want USER:SHARE",
		"\xff:1":                        "want USER:SHARE",
		"a:0":                           `share of "a": want a number`,
		"a:-1":                          `share of "a": want a number`,
		"a:NaN":                         `share of "a": want a number`,
		"a:x":                           `share of "a": want a number`,
		"a:1,b:1,a:1":                   `"a" is there twice`,
		strings.Repeat("u", 256) + ":1": "1 to 255 bytes",
		manyUsers(257):                  "at most 256",
	} {
		if u, err := ParseUsers(s); err == nil || !strings.Contains(err.Error(), want) || u.Len() > 0 {
			t.Errorf("%.40q: got %v, %v; want %q", s, u, err, want)
		}
	}
}

func manyUsers(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = "u" + strconv.Itoa(i) + ":1"
	}
	return strings.Join(parts, ",")
}

// TestUsersShare generates jobs with users and without: each user submits its share, and nothing else of the workload
// changes.
func TestUsersShare(t *testing.T) {
	spec := Spec{Rate: 100, Seed: 7}
	for _, set := range []error{
		spec.Tasks.UnmarshalText([]byte("geom:5")), spec.Service.UnmarshalText([]byte("exp:10ms")), spec.Arrival.UnmarshalText([]byte("poisson")),
	} {
		if set != nil {
			t.Fatal(set)
		}
	}
	const jobs = 20_000
	plain, err := Generate(spec, Window{Jobs: jobs})
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.Users.UnmarshalText([]byte("ann:1,org/bob:3,eve:0.5")); err != nil {
		t.Fatal(err)
	}
	shared, err := Generate(spec, Window{Jobs: jobs})
	if err != nil {
		t.Fatal(err)
	}
	var a, b Job
	count := map[string]int{}
	for plain.Next(&a) && shared.Next(&b) {
		count[b.User]++
		if a.User != "" || a.At != b.At || a.Est != b.Est || len(a.Service) != len(b.Service) || a.Service[0] != b.Service[0] {
			t.Fatalf("with users %v, without %v", b, a)
		}
	}
	for user, share := range map[string]float64{"ann": 1 / 4.5, "org/bob": 3 / 4.5, "eve": 0.5 / 4.5} {
		if got := float64(count[user]) / jobs; math.Abs(got-share) > 4*math.Sqrt(share*(1-share)/jobs) {
			t.Errorf("%s submits %.4f of the jobs, want %.4f", user, got, share)
		}
	}
	if a.At < 100*time.Second || len(count) != 3 {
		t.Errorf("last at %v, users %v", a.At, count)
	}
}
