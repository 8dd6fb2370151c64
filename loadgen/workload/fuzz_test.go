package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

// jobsOf reads fuzzed input: whatever it is, reading ends, and errors name a line. Jobs that come out keep the bounds
// and, written, read back as they were.
func jobsOf(t *testing.T, data []byte) []Job {
	t.Helper()
	src, err := Read(bytes.NewReader(data), Window{})
	if err != nil {
		var fault *InputError
		if !errors.As(err, &fault) || fault.Line < 1 {
			t.Fatalf("%v names no line", err)
		}
		return nil
	}
	var jobs []Job
	var j Job
	last := time.Duration(0)
	for src.Next(&j) {
		if b := j.check(last); b != nil {
			t.Fatalf("%+v: %s", j, b.reason)
		}
		last = j.At
		jobs = append(jobs, Job{At: j.At, User: j.User, Service: append([]time.Duration(nil), j.Service...), Est: j.Est})
	}
	var fault *InputError
	if err := src.Err(); err != nil && (!errors.As(err, &fault) || fault.Line < 1 || strings.ContainsAny(err.Error(), "\n\x1b\x00")) {
		t.Fatalf("%v is no fit error", err)
	}
	if len(jobs) == 0 {
		return nil
	}
	var b []byte
	for i := range jobs {
		b = AppendJob(b, &jobs[i])
	}
	back, err := Read(bytes.NewReader(b), Window{})
	sameJobs(t, collect(t, back, err), jobs)
	return jobs
}

// FuzzReadNDJSON holds the parser against encoding/json: a line that it takes is JSON there too, with the same content.
func FuzzReadNDJSON(f *testing.F) {
	f.Add([]byte(`{"at_ms":12.5,"user":"a","service_ms":[101.3,99],"est_ms":100}` + "\n" + `{"at_ms":1e2,"service_ms":[0]}`))
	f.Add([]byte(`{ "user" : "\u00e4\ud83d\udc26\\\"" , "service_ms" : [ 1e-3 , 0.0000005 ] , "at_ms" : 0 }`))
	f.Add([]byte(`{"at_ms":1,"at_ms":2,"x":3}`))
	f.Add([]byte("{\"at_ms\":-1,\"service_ms\":[NaN,"))
	f.Fuzz(func(t *testing.T, data []byte) {
		jobs := jobsOf(t, data)
		if len(jobs) == 0 || bytes.TrimLeft(data, " \t\r\n")[0] != '{' {
			return
		}
		i := 0
		for line := range bytes.Lines(data) {
			if i == len(jobs) {
				break
			}
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			var other struct {
				At      *float64  `json:"at_ms"`
				User    string    `json:"user"`
				Service []float64 `json:"service_ms"`
				Est     float64   `json:"est_ms"`
			}
			d := json.NewDecoder(bytes.NewReader(line))
			d.DisallowUnknownFields()
			if err := d.Decode(&other); err != nil {
				t.Fatalf("%q is taken, but is no JSON: %v", line, err)
			}
			j := jobs[i]
			if other.At == nil || other.User != j.User || len(other.Service) != len(j.Service) || math.Abs(*other.At*1e6-float64(j.At)) > 10 {
				t.Fatalf("%q reads as %+v, and elsewhere as %+v", line, j, other)
			}
			for k, ms := range other.Service {
				if math.Abs(ms*1e6-float64(j.Service[k])) > 1 {
					t.Fatalf("%q: task %d takes %v, and elsewhere %v ms", line, k, j.Service[k], ms)
				}
			}
			i++
		}
	})
}

// FuzzReadTrace holds the parser against strings.Fields and float64.
func FuzzReadTrace(f *testing.F) {
	f.Add([]byte("10   3   20   10 20 30\n10.25\t1\t0.1\t1e-1\r\n"))
	f.Add([]byte("0 1 1 1\n0 2 .5 1. +0002\n"))
	f.Add([]byte("5 2 1 1\n"))
	f.Add([]byte("nan -1 inf 1e999\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		jobs := jobsOf(t, data)
		if len(jobs) == 0 || bytes.TrimLeft(data, " \t\r\n")[0] == '{' {
			return
		}
		i := 0
		for line := range bytes.Lines(data) {
			if i == len(jobs) {
				break
			}
			fields := strings.FieldsFunc(string(line), func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) })
			if len(fields) == 0 {
				continue
			}
			if len(fields) != 3+len(jobs[i].Service) {
				t.Fatalf("%q reads as %+v", line, jobs[i])
			}
			var last float64
			if err := json.Unmarshal([]byte(canonical(fields[len(fields)-1])), &last); err != nil {
				t.Fatalf("%q ends in no number: %v", line, err)
			}
			if got := jobs[i].Service[len(jobs[i].Service)-1]; math.Abs(last*1e9-float64(got)) > 1 {
				t.Fatalf("%q: the last task takes %v", line, got)
			}
			i++
		}
	})
}

// canonical makes a loosely written number one of JSON.
func canonical(s string) string {
	s = strings.TrimLeft(strings.TrimLeft(s, "+-"), "0")
	if s == "" || s[0] == 'e' || s[0] == 'E' || s[0] == '.' {
		s = "0" + s
	}
	mantissa, exponent, found := strings.Cut(strings.ToLower(s), "e")
	mantissa = strings.TrimSuffix(mantissa, ".")
	if found {
		return mantissa + "e" + exponent
	}
	return mantissa
}

// FuzzRead is about the first look at a file, and about gzip.
func FuzzRead(f *testing.F) {
	f.Add([]byte(zip(f, `{"at_ms":0,"service_ms":[1]}`)))
	f.Add([]byte(zip(f, "0 1 1 1\n")))
	f.Add([]byte(zip(f, "0 1 1 1\n")[:20]))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Add([]byte("\n\n [1]"))
	f.Fuzz(func(t *testing.T, data []byte) { jobsOf(t, data) })
}

// roundTrip checks that a text that parses comes back from what it parsed to, and that errors are one line.
func roundTrip[T interface {
	comparable
	String() string
}](t *testing.T, parse func(string) (T, error), s string) {
	t.Helper()
	v, err := parse(s)
	if err != nil {
		if strings.ContainsAny(err.Error(), "\n\x1b\x00") || len(err.Error()) > 600 {
			t.Fatalf("%q is no fit error", err)
		}
		return
	}
	back, err := parse(v.String())
	if err != nil || back != v {
		t.Fatalf("%q parses to %q, which parses to %q, %v", s, v, back, err)
	}
}

func FuzzParseService(f *testing.F) {
	for _, s := range []string{"const:100ms", "exp:1s", "jobexp:1m", "lognormal:1s,1.5", "pareto:1ms,0.9", "bimodal:0.5,1ms,1s", "jobbimodal:0.5,1ms,1s", "exp:", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		roundTrip(t, ParseService, s)
		if v, err := ParseService(s); err == nil {
			for _, random := range []uint64{0, 1 << 63, math.MaxUint64} {
				if d := v.Draw(random); d < 0 || d > MaxService {
					t.Fatalf("%v draws %v", v, d)
				}
			}
			if m := v.Mean(); m < 0 || m > MaxService {
				t.Fatalf("%v has mean %v", v, m)
			}
		}
	})
}

func FuzzParseEstimates(f *testing.F) {
	for _, s := range []string{"none", "mean", "wrong:0.1,5", "wrong:1,0", "wrong", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		roundTrip(t, ParseEstimates, s)
		if v, err := ParseEstimates(s); err == nil {
			for _, random := range []uint64{0, 1 << 63, math.MaxUint64} {
				if d := v.Draw(random, MaxService); d < 0 || d > MaxService {
					t.Fatalf("%v says %v", v, d)
				}
			}
		}
	})
}

func FuzzParseTasks(f *testing.F) {
	for _, s := range []string{"100", "uniform:1,200", "geom:10", "geom:1", "bimodal:0.9,1,100", "-1", "1e3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		roundTrip(t, ParseTasks, s)
		if v, err := ParseTasks(s); err == nil {
			for _, random := range []uint64{0, 1 << 63, math.MaxUint64} {
				if n := v.Draw(random); n < 1 || n > MaxTasks {
					t.Fatalf("%v draws %d", v, n)
				}
			}
		}
	})
}

func FuzzParseArrival(f *testing.F) {
	for _, s := range []string{"poisson", "const", "burst:50", "burst:0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { roundTrip(t, ParseArrival, s) })
}

func FuzzParseWarmup(f *testing.F) {
	for _, s := range []string{"100", "5s", "-1", "1.5m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { roundTrip(t, ParseWarmup, s) })
}
