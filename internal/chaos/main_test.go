package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"dunnock/internal/command"
)

// asProgram in the environment makes this test binary the program itself, and so all the processes that it starts.
const asProgram = "CHAOS_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	code := m.Run()
	if builds != "" {
		_ = os.RemoveAll(builds)
	}
	os.Exit(code)
}

var builds string // directory of the program under test, once that is built

var build = sync.OnceValues(func() (string, error) {
	var err error
	if builds, err = os.MkdirTemp("", "dunnock-chaos-test-"); err != nil {
		return "", err
	}
	path := filepath.Join(builds, "dunnock")
	cmd := exec.Command("go", "build", "-o", path, "dunnock/cmd/dunnock")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// program runs this program with a command line.
func program(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), complaints.String(), cmd.ProcessState.ExitCode()
}

// dunnock is the program under test.
func dunnock(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRun kills processes of a small fleet for some seconds. `make chaos` does the same for longer and with every kind
// of fault.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a quarter of a minute")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "report.json")
	out, complaints, code := program(t, "--dunnock", dunnock(t), "--duration", "8s", "--seed", "17", "--warm-up", "2s", "--faults", "worker-kill,worker-bounce,scheduler-kill",
		"--schedulers", "2", "--workers", "4", "--clients", "2", "--rate", "20", "--dir", filepath.Join(dir, "books"), "--json", path)
	if strings.HasPrefix(out, "skipped:") {
		t.Skip(out)
	}
	t.Log(out)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, complaints)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var p report
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	if v := p.Verdict; v.Tasks == 0 || v.Lost != 0 || v.Unexplained != 0 || len(v.Breaches) > 0 || v.Starts < v.Outcomes["ok"] {
		t.Errorf("%+v", v)
	}
	if len(p.Kinds) != 3 || len(p.Growth) == 0 || p.Response.Before.N == 0 {
		t.Errorf("an empty report: %s", data)
	}
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--faults", "worker-kil"}, `--faults: no kind is named "worker-kil"`},
		{[]string{"--faults", "-" + strings.Join(kindNames(kinds()), ",")}, "--faults: none is left"},
		{[]string{"--policy", "random"}, `--policy: want late-binding or idle-offer, got "random"`},
		{[]string{"--workers", "1"}, "--workers: want 2 to 50, got 1"},
		{[]string{"--duration", "0s"}, "--duration: want more than 0"},
		{[]string{"--rate", "NaN"}, "--rate: want more than 0"},
		{[]string{"--shortest", "1s"}, "--shortest, --longest: want 0 ≤ shortest ≤ longest"},
		{[]string{"--once", "2"}, "--once: want 0 to 1"},
		{[]string{"--dunnock", "no/such"}, "--dunnock: no/such is no program"},
		{[]string{"--sed", "1"}, "flag provided but not defined: -sed"},
		{[]string{"now"}, `unexpected argument "now"`},
	} {
		out, complaints, code := program(t, tt.args...)
		if code != command.Usage || out != "" || !strings.HasPrefix(complaints, "chaos: "+tt.want) || strings.Count(complaints, "\n") != 1 {
			t.Errorf("%q: exit code %d, %q, %q", tt.args, code, out, complaints)
		}
	}
	if out, _, code := program(t, "--help"); code != 0 || !strings.Contains(out, "-faults kinds") {
		t.Errorf("--help: exit code %d, %q", code, out)
	}
	if out, _, code := program(t, "--list"); code != 0 || strings.Count(out, "\n") != len(kinds()) {
		t.Errorf("--list: exit code %d, %q", code, out)
	}
}

func kindNames(of []kind) []string {
	names := make([]string, 0, len(of))
	for _, k := range of {
		names = append(names, k.name)
	}
	return names
}

func TestParseKinds(t *testing.T) {
	all := kindNames(kinds())
	for list, want := range map[string][]string{
		"all":              all,
		"cut, worker-kill": {"worker-kill", "cut"},
		"-join,overload":   slices.DeleteFunc(slices.Clone(all), func(n string) bool { return n == "join" || n == "overload" }),
	} {
		got, err := parseKinds(list)
		if err != nil || !slices.Equal(kindNames(got), want) {
			t.Errorf("%q: %q, %v", list, kindNames(got), err)
		}
	}
}
