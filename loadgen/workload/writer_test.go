package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func anyJobs() *rapid.Generator[[]Job] {
	return rapid.Custom(func(t *rapid.T) []Job {
		jobs := make([]Job, rapid.IntRange(1, 10).Draw(t, "jobs"))
		at := time.Duration(0)
		for i := range jobs {
			at += anyDuration(0, MaxAt/10).Draw(t, "gap")
			jobs[i] = Job{
				At:       at,
				User:     rapid.StringN(0, -1, MaxUser).Draw(t, "user"),
				Service:  rapid.SliceOfN(anyDuration(0, MaxService), 1, 20).Draw(t, "service"),
				Est:      anyDuration(0, MaxService).Draw(t, "est"),
				Priority: rapid.IntRange(-maxPriority, maxPriority).Draw(t, "priority"),
			}
			if n := rapid.IntRange(1, MaxWidth).Draw(t, "slots"); n > 1 {
				jobs[i].Slots = n
			}
		}
		return jobs
	})
}

// TestWriterRoundTrip: what is written is read back to the nanosecond, and each line is JSON that says the same to
// others.
func TestWriterRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		jobs := anyJobs().Draw(t, "jobs")
		var b bytes.Buffer
		w := NewWriter(&b)
		for i := range jobs {
			if err := w.Write(&jobs[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
			var other struct {
				At      float64   `json:"at_ms"`
				User    string    `json:"user"`
				Service []float64 `json:"service_ms"`
				Est     float64   `json:"est_ms"`
			}
			if err := json.Unmarshal([]byte(line), &other); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			last := len(other.Service) - 1
			if other.User != jobs[i].User || len(other.Service) != len(jobs[i].Service) ||
				math.Abs(other.Service[last]*1e6-float64(jobs[i].Service[last])) > 1 ||
				math.Abs(other.At*1e6-float64(jobs[i].At)) > 8 || math.Abs(other.Est*1e6-float64(jobs[i].Est)) > 1 {
				t.Fatalf("%s: reads as %+v", line, other)
			}
		}
		src, err := Read(&b, Window{})
		if err != nil {
			t.Fatal(err)
		}
		var j Job
		for i := range jobs {
			if !src.Next(&j) || j.At != jobs[i].At || j.User != jobs[i].User || j.Est != jobs[i].Est || !slices.Equal(j.Service, jobs[i].Service) {
				t.Fatalf("job %d is %+v, want %+v; %v", i, j, jobs[i], src.Err())
			}
		}
		if src.Next(&j) || src.Err() != nil {
			t.Fatalf("more jobs than written, or %v", src.Err())
		}
	})
}

// TestRecordOfGenerated: a generated workload that is recorded replays as the very same one.
func TestRecordOfGenerated(t *testing.T) {
	t.Parallel()
	s := spec(t, "geom:10", "lognormal:100ms,2", "burst:3")
	s.Rate = 12.3
	want := generate(t, s, Window{Jobs: 300})
	var b bytes.Buffer
	w := NewWriter(&b)
	for i := range want {
		if err := w.Write(&want[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	src, err := Read(&b, Window{})
	sameJobs(t, collect(t, src, err), want)
}

func TestAppendJob(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		job  Job
		want string
	}{
		{
			Job{At: 12_500_000, User: "a", Service: []time.Duration{101_300_000, 99 * ms}, Est: 100 * ms},
			`{"at_ms":12.5,"user":"a","service_ms":[101.3,99],"est_ms":100}`,
		},
		{
			Job{Service: []time.Duration{ms}, Priority: -3, Demand: Demand{Slots: 2}},
			`{"at_ms":0,"service_ms":[1],"priority":-3,"slots":2}`,
		},
		{
			Job{Service: []time.Duration{ms}, Demand: Demand{Slots: 1}},
			`{"at_ms":0,"service_ms":[1]}`,
		},
		{
			Job{User: "q\"\\\n\x7fä", Service: []time.Duration{1, 100, 0, 1_000_001}},
			`{"at_ms":0,"user":"q\"\\\u000a\u007fä","service_ms":[0.000001,0.0001,0,1.000001]}`,
		},
	} {
		if got := string(AppendJob(nil, &c.job)); got != c.want+"\n" {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// TestWriterRefuses: what Read would not take is not written, and the writer goes on.
func TestWriterRefuses(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := NewWriter(&b)
	good := Job{At: 5, Service: []time.Duration{1}}
	if err := w.Write(&good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		job  Job
		want string
	}{
		{Job{At: 4, Service: good.Service}, "workload: job 2: at_ms: 4ns is before the previous job's 5ns"},
		{Job{At: MaxAt + 1, Service: good.Service}, "at_ms: "},
		{Job{At: 5}, "service_ms: a job has at least one task"},
		{Job{At: 5, Service: make([]time.Duration, MaxTasks+1)}, "service_ms: a job has at most"},
		{Job{At: 5, Service: []time.Duration{1, -1}}, "service_ms[1]: want 0 to"},
		{Job{At: 5, Service: good.Service, Est: MaxService + 1}, "est_ms: want 0 to"},
		{Job{At: 5, Service: good.Service, User: strings.Repeat("u", 256)}, "user: a user has at most"},
		{Job{At: 5, Service: good.Service, User: "\xff"}, "user: not valid UTF-8"},
	} {
		if err := w.Write(&c.job); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if err := errors.Join(w.Write(&good), w.Flush()); err != nil || strings.Count(b.String(), "\n") != 2 {
		t.Errorf("%q is written, %v", b.String(), err)
	}
}

// failing takes so many bytes and then fails.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

// short takes a byte less than it is given.
type short struct{}

func (short) Write(p []byte) (int, error) { return len(p) - 1, nil }

func TestWriterKeepsItsError(t *testing.T) {
	t.Parallel()
	job := Job{Service: make([]time.Duration, 1000)}
	w := NewWriter(&failing{100_000})
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = w.Write(&job)
	}
	if err == nil || !strings.Contains(err.Error(), "disk full") || !errors.Is(w.Flush(), err) || !errors.Is(w.Write(&job), err) {
		t.Errorf("%v, then %v", err, w.Flush())
	}
	w = NewWriter(short{})
	if err := errors.Join(w.Write(&job), w.Flush()); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a short write: %v", err)
	}
	if err := NewWriter(short{}).Flush(); err != nil {
		t.Errorf("nothing to write: %v", err)
	}
}

func TestWriteAllocatesNothing(t *testing.T) {
	w := NewWriter(io.Discard)
	job := Job{User: "a", Service: []time.Duration{1, 2_500_000, 3}, Est: 7}
	for range 5000 {
		if err := w.Write(&job); err != nil {
			t.Fatal(err)
		}
	}
	if got := testing.AllocsPerRun(5000, func() { _ = w.Write(&job) }); got != 0 {
		t.Errorf("%v allocations a job, want 0", got)
	}
}
