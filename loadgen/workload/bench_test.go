package workload

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

// BenchmarkService measures one draw.
func BenchmarkService(b *testing.B) {
	for _, s := range []string{"exp:100ms", "lognormal:100ms,1.5", "pareto:10ms,1.5", "bimodal:0.9,10ms,1s"} {
		b.Run(s, func(b *testing.B) {
			v := mustService(b, s)
			times := make([]time.Duration, 100)
			b.ReportAllocs()
			for job := uint64(0); b.Loop(); job++ {
				v.fill(times, newStream(job, labelServices))
			}
			b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "draws/s")
		})
	}
}

// BenchmarkGenerate measures a job of 100 tasks, all that Next does included.
func BenchmarkGenerate(b *testing.B) {
	s := spec(b, "100", "exp:100ms", "poisson")
	s.Rate = 1e6
	src, err := Generate(s, Window{})
	if err != nil {
		b.Fatal(err)
	}
	var j Job
	b.ReportAllocs()
	for b.Loop() {
		if !src.Next(&j) {
			b.Fatal(src.Err())
		}
	}
	b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "tasks/s")
}

// BenchmarkRead measures a job of 100 tasks with all its digits.
func BenchmarkRead(b *testing.B) {
	s := spec(b, "100", "exp:100ms", "poisson")
	s.Rate = 1e6
	src, err := Generate(s, Window{Jobs: 1})
	if err != nil {
		b.Fatal(err)
	}
	var j Job
	src.Next(&j)
	j.At = 0
	trace := "0 100 0.1" + strings.Repeat(" 0.123456789", 100) + "\n"
	for name, line := range map[string][]byte{"ndjson": AppendJob(nil, &j), "trace": []byte(trace)} {
		b.Run(name, func(b *testing.B) {
			src, err := Read(&again{line: line}, Window{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				if !src.Next(&j) {
					b.Fatal(src.Err())
				}
			}
		})
	}
}

// again reads as one line, without end.
type again struct {
	line []byte
	rest bytes.Reader
}

func (a *again) Read(p []byte) (int, error) {
	if a.rest.Len() == 0 {
		a.rest.Reset(a.line)
	}
	return a.rest.Read(p)
}

// BenchmarkWrite measures a job of 100 tasks with all its digits.
func BenchmarkWrite(b *testing.B) {
	j := Job{User: "org/team/ann", Service: make([]time.Duration, 100)}
	mustService(b, "exp:100ms").fill(j.Service, newStream(1, labelServices))
	w := NewWriter(io.Discard)
	b.ReportAllocs()
	b.SetBytes(int64(len(AppendJob(nil, &j))))
	for b.Loop() {
		if err := w.Write(&j); err != nil {
			b.Fatal(err)
		}
	}
}
