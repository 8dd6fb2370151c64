package workload

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const ms = time.Millisecond

func readAll(tb testing.TB, text string) []Job {
	tb.Helper()
	src, err := Read(strings.NewReader(text), Window{})
	return collect(tb, src, err)
}

// readFault reads a file that is broken somewhere, and returns how many jobs came before and the error.
func readFault(tb testing.TB, r io.Reader) (jobs int, fault *InputError) {
	tb.Helper()
	src, err := Read(r, Window{})
	if err == nil {
		var j Job
		for src.Next(&j) {
			jobs++
		}
		err = src.Err()
	}
	if err != nil && !errors.As(err, &fault) {
		tb.Errorf("error %v is no InputError", err)
	}
	return jobs, fault
}

func zip(tb testing.TB, text string) string {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func sameJobs(tb testing.TB, got, want []Job) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Fatalf("%d jobs, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].At != want[i].At || got[i].User != want[i].User || got[i].Est != want[i].Est || !slices.Equal(got[i].Service, want[i].Service) || !slices.Equal(got[i].Keys, want[i].Keys) {
			tb.Fatalf("job %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestReadNDJSON(t *testing.T) {
	t.Parallel()
	const text = `{"at_ms":12.5,"user":"a","service_ms":[101.3,99],"est_ms":100, "priority" : -7,"slots":4 , "keys":[ 7 , 1000000 ] }

 { "service_ms" : [ 1e-3 , 0.0000005, 86400000, 12.345678499999999999999999 ] , "at_ms" : 12.5 }` + "\r\n" +
		`{"user":"org/\"te\\am\"/\u00e4\ud83d\udc26\t","at_ms":1.25E4,"service_ms":[-0]}`
	want := []Job{
		{At: 12_500_000, User: "a", Service: []time.Duration{101_300_000, 99 * ms}, Est: 100 * ms, Priority: -7, Demand: Demand{Slots: 4}, Keys: []uint32{7, 1_000_000}},
		{At: 12_500_000, Service: []time.Duration{1000, 1, MaxService, 12_345_678}},
		{At: 12_500 * ms, User: "org/\"te\\am\"/ä🐦\t", Service: []time.Duration{0}},
	}
	sameJobs(t, readAll(t, text), want)
	sameJobs(t, readAll(t, "\n \t\r\n"+text+"\n\n"), want)
	sameJobs(t, readAll(t, zip(t, text)), want)
	sameJobs(t, readAll(t, zip(t, text+"\n")+zip(t, "\n")), want) // two gzip members make one text
	src, err := Read(iotest.OneByteReader(strings.NewReader(text)), Window{})
	sameJobs(t, collect(t, src, err), want)
}

func TestReadTrace(t *testing.T) {
	t.Parallel()
	const text = "10   3   20   10 20 30\n10.25\t1\t0.1\t1e-1\r\n\n+011.5 2 .5 1. 0.0000000004\n"
	want := []Job{
		{At: 10 * time.Second, Est: 20 * time.Second, Service: []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second}},
		{At: 10_250 * ms, Est: 100 * ms, Service: []time.Duration{100 * ms}},
		{At: 11_500 * ms, Est: 500 * ms, Service: []time.Duration{time.Second, 0}},
	}
	sameJobs(t, readAll(t, text), want)
	sameJobs(t, readAll(t, zip(t, text)), want)
	src, err := Read(iotest.HalfReader(strings.NewReader(text)), Window{TimeScale: 0.01})
	if jobs := collect(t, src, err); jobs[0].At != 100*ms || jobs[0].Service[2] != 300*ms || jobs[0].Est != 200*ms {
		t.Errorf("at a hundredth, the first job is %+v", jobs[0])
	}
}

// TestNDJSONErrors: each fault is found on its line, after the jobs before it, and named.
func TestNDJSONErrors(t *testing.T) {
	t.Parallel()
	const good = `{"at_ms":5,"service_ms":[1]}` + "\n"
	for _, c := range []struct{ line, want string }{
		{`{"at_ms":4,"service_ms":[1]}`, `at_ms: 4ms is before the previous job's 5ms`},
		{`{"at_ms":-4,"service_ms":[1]}`, `at_ms: is negative: "-4"`},
		{`{"at_ms":-1e-99,"service_ms":[1]}`, `at_ms: is negative: "-1e-99"`},
		{`{"at_ms":NaN,"service_ms":[1]}`, `at_ms: want a number, got "NaN"`},
		{`{"at_ms":6,"service_ms":[1,NaN]}`, `service_ms[1]: want a number, got "NaN"`},
		{`{"at_ms":6,"service_ms":[1,2],"keys":[1,0]}`, `keys[1]: want a whole number from 1 to 1000000, got "0"`},
		{`{"at_ms":6,"service_ms":[1,2],"keys":[1]}`, `keys: want one a task, which are 2, got 1`},
		{`{"at_ms":6,"service_ms":[1,2],"keys":1}`, `keys: column 38: want '[', got '1'`},
		{`{"at_ms":6,"service_ms":[Infinity]}`, `service_ms[0]: want a number, got "Infinity"`},
		{`{"at_ms":6,"service_ms":[1,-2]}`, `service_ms[1]: is negative: "-2"`},
		{`{"at_ms":6,"service_ms":[1e300]}`, `service_ms[0]: is more than 8784h0m0s: "1e300"`},
		{`{"at_ms":6,"service_ms":[86400000.000001]}`, `service_ms[0]: want 0 to 24h0m0s, got 24h0m0.000000001s`},
		{`{"at_ms":6,"service_ms":[` + strings.Repeat("9", 1000) + `]}`, `service_ms[0]: is more than 8784h0m0s: "999`},
		{`{"at_ms":1e999999999999,"service_ms":[1]}`, `at_ms: is more than`},
		{`{"at_ms":6,"service_ms":[1],"est_ms":-1}`, `est_ms: is negative: "-1"`},
		{`{"at_ms":6,"service_ms":[1],"est_ms":null}`, `est_ms: want a number, got "null"`},
		{`{"at_ms":6,"service_ms":[1],"est_ms":"1"}`, `est_ms: want a number, got "\"1\""`},
		{`{"at_ms":06,"service_ms":[1]}`, `at_ms: want a number, got "06"`},
		{`{"at_ms":+6,"service_ms":[1]}`, `at_ms: want a number, got "+6"`},
		{`{"at_ms":.6,"service_ms":[1]}`, `at_ms: want a number, got ".6"`},
		{`{"at_ms":6.,"service_ms":[1]}`, `at_ms: want a number, got "6."`},
		{`{"at_ms":6e,"service_ms":[1]}`, `at_ms: want a number, got "6e"`},
		{`{"at_ms":0x6,"service_ms":[1]}`, `at_ms: want a number, got "0x6"`},
		{`{"at_ms":6 7,"service_ms":[1]}`, `column 12: want ',', got '7'`},
		{`{"at_ms":,"service_ms":[1]}`, `at_ms: column 10: want a number, got ','`},
		{`{"service_ms":[1]}`, `at_ms: is missing`},
		{`{"at_ms":6}`, `service_ms: is missing`},
		{`{}`, `at_ms: is missing`},
		{`{"at_ms":6,"service_ms":[]}`, `service_ms: a job has at least one task`},
		{`{"at_ms":6,"service_ms":1}`, `service_ms: column 25: want '[', got '1'`},
		{`{"at_ms":6,"service_ms":[1,]}`, `service_ms[1]: column 28: want a number, got ']'`},
		{`{"at_ms":6,"service_ms":[1 2]}`, `service_ms: column 28: want ',', got '2'`},
		{`{"at_ms":6,"service_ms":[[1]]}`, `service_ms[0]: want a number, got "[1"`},
		{`{"at_ms":6,"service_ms":[1],"prio":3}`, `"prio": unknown field`},
		{`{"at_ms":6,"service_ms":[1],"priority":1001}`, `priority: want a whole number from -1000 to 1000, got "1001"`},
		{`{"at_ms":6,"service_ms":[1],"priority":1.5}`, `priority: want a whole number from -1000 to 1000, got "1.5"`},
		{`{"at_ms":6,"service_ms":[1],"slots":0}`, `slots: want a whole number from 1 to 4096, got "0"`},
		{`{"at_ms":6,"service_ms":[1],"slots":+2}`, `slots: want a whole number from 1 to 4096, got "+2"`},
		{`{"at_ms":6,"service_ms":[1],"slots":}`, `slots: want a whole number from 1 to 4096, got ""`},
		{`{"at_ms":6,"service_ms":[1],"AT_MS":3}`, `"AT_MS": unknown field`},
		{`{"at_ms":6,"service_ms":[1],"at_ms":7}`, `at_ms: is there twice`},
		{`{"at_ms":6,"service_ms":[1],}`, `column 29: want a string, got '}'`},
		{`{"at_ms":6,"service_ms":[1]}x`, `column 29: want the end of the line, got 'x'`},
		{`{"at_ms":6,"service_ms":[1]}{}`, `column 29: want the end of the line, got '{'`},
		{`{"at_ms":6,"service_ms":[1],"user":7}`, `user: column 36: want a string, got '7'`},
		{`{"at_ms":6,"service_ms":[1],"user":"` + strings.Repeat("u", 256) + `"}`, `user: a user has at most 255 bytes, got 256`},
		{`{"at_ms":6,"service_ms":[1],"user":"` + strings.Repeat("u", 1e5) + `"}`, `user: a string of more than 255 bytes: "uuu`},
		{`{"at_ms":6,"service_ms":[1],"` + strings.Repeat("k", 1e5) + `":1}`, `a string of more than 255 bytes: "kkk`},
		{"{\"at_ms\":6,\"service_ms\":[1],\"user\":\"\xff\"}", `user: not valid UTF-8: "\xff"`},
		{"{\"at_ms\":6,\"service_ms\":[1],\"user\":\"\x1b[2J\"}", `user: column 37: control character '\x1b' in a string`},
		{`{"at_ms":6,"service_ms":[1],"user":"\x"}`, `user: column 37: not an escape sequence of JSON`},
		{`{"at_ms":6,"service_ms":[1],"user":"\ud83d"}`, `user: column 37: not an escape sequence of JSON`},
		{`{"at_ms":6,"service_ms":[1],"user":"\ud83d\u0041"}`, `user: column 37: not an escape sequence of JSON`},
		{`{"at_ms":6,"service_ms":[1],"user":"\u12"}`, `user: column 37: not an escape sequence of JSON`},
		{`[{"at_ms":6}]`, `column 1: want '{', got '['`},
		{"\x00\x01\x02", `column 1: want '{', got '\x00'`},
		{`{"at_ms":6,"service_ms":[1,2`, `service_ms: truncated: the line ends where ',' should come`},
		{`{"at_ms":6,"service_ms":[1,`, `service_ms[1]: truncated: the line ends where a number should come`},
		{`{"at_ms":6,"service_ms":[1]`, `truncated: the line ends where ',' should come`},
		{`{"at_ms":6,"serv`, `truncated: the line ends within a string`},
		{`{"at_ms":6,"user":"a`, `user: truncated: the line ends within a string`},
		{`{"at_ms":`, `at_ms: truncated: the line ends where a number should come`},
		{`{"at_ms`, `truncated: the line ends within a string`},
		{`{`, `truncated: the line ends where a string should come`},
	} {
		for _, text := range []string{good + "\n" + c.line, good + "\n" + c.line + "\n" + good, zip(t, good+"\n"+c.line)} {
			jobs, fault := readFault(t, strings.NewReader(text))
			if jobs != 1 || fault == nil || !strings.HasPrefix(fault.Error(), "line 3: "+c.want) {
				t.Errorf("%.80s: %d jobs, then %v; want %q", c.line, jobs, fault, c.want)
			}
		}
	}
}

func TestTraceErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, want string }{
		{"4 1 1 1\n", `arrival: 4s is before the previous job's 5s`},
		{"-4 1 1 1\n", `arrival: is negative: "-4"`},
		{"nan 1 1 1\n", `arrival: want a number, got "nan"`},
		{"6x 1 1 1\n", `arrival: want a number, got "6x"`},
		{"1e12 1 1 1\n", `arrival: is more than 8784h0m0s: "1e12"`},
		{"6 0 1\n", `ntasks: want a whole number from 1 to 1000000, got "0"`},
		{"6 1.0 1 1\n", `ntasks: want a whole number from 1 to 1000000, got "1.0"`},
		{"6 1000001 1 1\n", `ntasks: want a whole number from 1 to 1000000, got "1000001"`},
		{"6 2 inf 1 1\n", `mean: want a number, got "inf"`},
		{"6 2 1 1 -1\n", `duration[1]: is negative: "-1"`},
		{"6 2 1 1 NaN\n", `duration[1]: want a number, got "NaN"`},
		{"6 2 1 1 90000\n", `duration[1]: want 0 to 24h0m0s, got 25h0m0s`},
		{"6 2 1 1 .\n", `duration[1]: want a number, got "."`},
		{"6 2 1 1\n", `duration[1]: truncated: is missing`},
		{"6 2 1\n", `duration[0]: truncated: is missing`},
		{"6 2\n", `mean: truncated: is missing`},
		{"6\n", `ntasks: truncated: is missing`},
		{"6 2 1 1 1 1\n", `ntasks: says 2, but the line has more durations`},
		{"6 2 1 1 1", `truncated: the last line has no line end; add one if it is whole`},
		{"{\"at_ms\":6}\n", `arrival: want a number, got "{\"at_ms\":6}"`},
		{"\x00\xff\n", `arrival: want a number, got "\x00\xff"`},
	} {
		for _, text := range []string{"5 1 1 1\n" + c.line, zip(t, "5 1 1 1\n"+c.line)} {
			jobs, fault := readFault(t, strings.NewReader(text))
			if jobs != 1 || fault == nil || !strings.HasPrefix(fault.Error(), "line 2: "+c.want) {
				t.Errorf("%q: %d jobs, then %v; want %q", c.line, jobs, fault, c.want)
			}
		}
	}
}

func TestUnknownFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "line 1: the file is empty"},
		{"\n", "line 1: the file begins with white space and nothing comes after it"},
		{strings.Repeat("\n", 1e6), "line 1: the file begins with white space and nothing comes after it"},
		{`[{"at_ms":1}]`, "line 1: a JSON array"},
		{"hello, world\n", `line 1: want a workload in NDJSON or an Eagle/Hawk trace, got "hello,"`},
		{"\x7fELF\x02\x01\x01\x00\x00", "line 1: a binary file"},
		{"1\x002\x00", "line 1: a binary file"},
		{"\x1f\x8b", "line 1: reading gzip: "},
		{"\x1f\x8bhello, world", "line 1: reading gzip: "},
		{zip(t, ""), "line 1: the file is empty"},
		{"\n \r\n\nhello", `line 4: want a workload in NDJSON or an Eagle/Hawk trace, got "hello"`},
		{zip(t, zip(t, "1 1 1 1\n")), "line 1: a binary file"},
	} {
		if _, fault := readFault(t, strings.NewReader(c.text)); fault == nil || !strings.HasPrefix(fault.Error(), c.want) {
			t.Errorf("%.20q: %v, want %q", c.text, fault, c.want)
		}
	}
}

// TestTruncated: wherever a compressed or plain file is cut, reading it ends with an error, or with the whole lines
// before the cut.
func TestTruncated(t *testing.T) {
	t.Parallel()
	for _, line := range []string{`{"at_ms":5.25,"user":"a","service_ms":[1.5,20],"est_ms":3}` + "\n", "5.25 2 3.5 1.5 20\n"} {
		text := strings.Repeat(line, 3)
		for cut := range len(text) {
			jobs, fault := readFault(t, strings.NewReader(text[:cut]))
			whole := strings.Count(text[:cut], "\n")
			complete := cut%len(line) == len(line)-1 && line[0] == '{' // only the line end is gone
			if complete {
				whole++
			}
			if jobs != whole || (fault == nil) != (cut > 0 && (cut%len(line) == 0 || complete)) {
				t.Errorf("cut at %d: %d jobs, then %v", cut, jobs, fault)
			}
		}
		zipped := zip(t, text)
		for cut := range len(zipped) {
			if _, fault := readFault(t, strings.NewReader(zipped[:cut])); fault == nil {
				t.Errorf("a gzip cut at %d of %d is read as whole", cut, len(zipped))
			}
		}
	}
}

func TestReadErrorsAreKept(t *testing.T) {
	t.Parallel()
	boom := errors.New("disk on fire")
	for _, text := range []string{"", "5 1 1 1\n6", `{"at_ms":5,"service_ms":[1]}` + "\n"} {
		jobs, fault := readFault(t, io.MultiReader(strings.NewReader(text), iotest.ErrReader(boom)))
		if !errors.Is(fault, boom) || jobs != strings.Count(text, "\n") || fault.Line != int64(jobs)+1 {
			t.Errorf("%q: %d jobs, then %v", text, jobs, fault)
		}
	}
	corrupt := []byte(zip(t, strings.Repeat("5 1 1 1\n", 100)))
	corrupt[len(corrupt)-5] ^= 1 // in the checksum
	if jobs, fault := readFault(t, bytes.NewReader(corrupt)); jobs != 100 || !errors.Is(fault, gzip.ErrChecksum) {
		t.Errorf("a wrong checksum: %d jobs, then %v", jobs, fault)
	}
}

// endless repeats one byte, up to a limit that no reader should come near.
type endless struct {
	c    byte
	left int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left < len(p) {
		return 0, errors.New("read far past the limit of a line")
	}
	e.left -= len(p)
	return copy(p, bytes.Repeat([]byte{e.c}, len(p))), nil
}

// TestEndlessLines: a line without end is given up at the limit, in a job, in a string, in a number, plain and out of a
// gzip bomb.
func TestEndlessLines(t *testing.T) {
	t.Parallel()
	const good = `{"at_ms":5,"service_ms":[1]}` + "\n"
	for _, c := range []struct {
		start string
		c     byte
	}{{good + `{"user":"`, 'u'}, {good, ' '}, {"5 1 1 1\n6 1 1 ", '1'}} {
		jobs, fault := readFault(t, io.MultiReader(strings.NewReader(c.start), &endless{c.c, maxLine + 1<<20}))
		if jobs != 1 || fault == nil || fault.Error() != "line 2: longer than 33554432 bytes" {
			t.Errorf("%q and then %q without end: %d jobs, then %v", c.start, c.c, jobs, fault)
		}
	}
	// Members of a gzip file make one text, so one that unpacks to a mebibyte serves for all.
	bomb := zip(t, good+`{"at_ms":`) + strings.Repeat(zip(t, strings.Repeat("1", 1<<20)), maxLine>>20+1)
	if jobs, fault := readFault(t, strings.NewReader(bomb)); jobs != 1 || fault == nil || fault.Line != 2 {
		t.Errorf("a gzip bomb: %d jobs, then %v", jobs, fault)
	}
}

// TestLongLines: lines that do not fit the reader's buffer are put together, up to the most tasks a job may have.
func TestLongLines(t *testing.T) {
	t.Parallel()
	line := func(tasks int) string {
		return `{"at_ms":5,"service_ms":[7` + strings.Repeat(",7", tasks-1) + "]}\n"
	}
	jobs := readAll(t, line(3)+line(50_000)+line(2)+line(MaxTasks))
	for i, want := range []int{3, 50_000, 2, MaxTasks} {
		if got := jobs[i].Service; len(got) != want || got[0] != 7*ms || got[want-1] != got[0] {
			t.Errorf("job %d has %d tasks, want %d", i, len(got), want)
		}
	}
	if jobs, fault := readFault(t, strings.NewReader(line(3)+line(MaxTasks+1))); jobs != 1 || fault == nil || fault.Error() != "line 2: service_ms: a job has at most 1000000 tasks" {
		t.Errorf("a job that is too large: %d jobs, then %v", jobs, fault)
	}
}

// TestReadAllocatesNothing pins the steady state of both formats.
func TestReadAllocatesNothing(t *testing.T) {
	for name, line := range map[string]string{
		"ndjson": `{"at_ms":5.25,"user":"a","service_ms":[1.5,20],"est_ms":3}` + "\n",
		"trace":  "5.25 2 3.5 1.5 20\n",
		"gzip":   "",
	} {
		text := strings.Repeat(line, 3000)
		if name == "gzip" {
			text = zip(t, strings.Repeat("5.25 2 3.5 1.5 20\n", 3000))
		}
		src, err := Read(strings.NewReader(text), Window{})
		if err != nil {
			t.Fatal(err)
		}
		var j Job
		src.Next(&j)
		if got := testing.AllocsPerRun(2000, func() { src.Next(&j) }); got != 0 || src.Err() != nil {
			t.Errorf("%s: %v allocations a job, want 0; %v", name, got, src.Err())
		}
	}
}

// TestManyUsers: names are kept up to a limit, and right beyond it.
func TestManyUsers(t *testing.T) {
	t.Parallel()
	var b []byte
	const n = maxInterned + 100
	for i := range 2 * n {
		b = AppendJob(b, &Job{User: "user" + string(rune('a'+i%n%26)) + strings.Repeat("x", i%n/26), Service: []time.Duration{1}})
	}
	src, err := Read(bytes.NewReader(b), Window{})
	if err != nil {
		t.Fatal(err)
	}
	var j Job
	for i := 0; src.Next(&j); i++ {
		if want := "user" + string(rune('a'+i%n%26)) + strings.Repeat("x", i%n/26); j.User != want {
			t.Fatalf("job %d is of %q, want %q", i, j.User, want)
		}
	}
	if src.Jobs() != 2*n || src.Err() != nil {
		t.Errorf("%d jobs, %v", src.Jobs(), src.Err())
	}
	if kept := len(src.feed.(*file).parse.(*ndjson).users); kept != maxInterned {
		t.Errorf("%d names are kept, want %d", kept, maxInterned)
	}
}
