package main

import "strings"

// rounds is how often each benchmark is run. Four samples on both sides are the fewest of which benchstat says that
// they differ by more than chance (p = 0.029).
const rounds = 4

// group is some benchmarks whose counts repeat, and how to run them.
type group struct {
	packages []string
	flags    []string
}

// groups are all that count. On one processor, so that goroutines take the same turns every time.
func groups() []group {
	return []group{
		{ // decisions, codecs, tables: pure code, where any count repeats exactly
			packages: []string{
				"./client/owner", "./gossip/view", "./internal/submission", "./loadgen/workload", "./probe", "./scheduler/placement", "./worker/queue",
			},
			flags: []string{"-run=^$", "-bench=.", "-benchmem", "-benchtime=100x"},
		},
		{ // the transport, except where a time decides how much there is to gather
			packages: []string{"./internal/stream"},
			flags:    []string{"-run=^$", "-bench=^Benchmark(PingPong|BeginEnd|Scan|Watch)$", "-benchmem", "-benchtime=1000x"},
		},
		{ // messages for each task, in virtual time
			packages: []string{"./sim"},
			flags:    []string{"-run=^$", "-bench=.", "-benchtime=1x", "-short"},
		},
		{ // a live fleet in virtual time, which is a test, because a bubble takes nothing else; and what its daemons allocate
			packages: []string{"./scheduler"},
			flags:    []string{"-run=^(TestTrafficOfTasks|TestAllocationsPerDaemon)$", "-v"},
		},
	}
}

// keepCounts returns the benchmark lines of what `go test` has printed, with the counts alone, and their packages.
func keepCounts(printed string) string {
	var b strings.Builder
	pkg, said := "", ""
	for line := range strings.Lines(printed) {
		line = strings.TrimSpace(line)
		if name, is := strings.CutPrefix(line, "pkg: "); is {
			pkg = name
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || len(fields)%2 != 0 || !strings.HasPrefix(line, "Benchmark") {
			continue
		}
		kept := fields[:2:2]
		for i := 2; i < len(fields); i += 2 {
			if isCount(fields[i+1]) {
				kept = append(kept, fields[i:i+2]...)
			}
		}
		if len(kept) == 2 {
			continue
		}
		if pkg != said {
			b.WriteString("pkg: " + pkg + "\n")
			said = pkg
		}
		b.WriteString(strings.Join(kept, " ") + "\n")
	}
	return b.String()
}

// withoutCounts returns what `go test` has printed of tests that failed: what is pinned in a test has it say so itself,
// between the counts.
func withoutCounts(printed string) string {
	var b strings.Builder
lines:
	for line := range strings.Lines(printed) {
		for _, noise := range []string{"=== ", "Benchmark", "pkg: ", "goos: ", "goarch: ", "cpu: "} {
			if strings.HasPrefix(strings.TrimSpace(line), noise) {
				continue lines
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

// isCount reports whether a unit is of something that is counted, of which less is better.
func isCount(unit string) bool {
	of, _, _ := strings.Cut(unit, "/")
	switch of {
	case "B", "allocs", "writes", "messages":
		return unit != of
	}
	return false
}
