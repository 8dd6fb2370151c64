package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"paper": main}) }

// The scripts run this program on the real dunnock.
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts fleets of processes")
	}
	program := filepath.Join(t.TempDir(), "dunnock")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "dunnock/cmd/dunnock")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:   filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error { e.Setenv("DUNNOCK", program); return nil },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// measure runs paper, whether or not the runs count.
			"measure": func(ts *testscript.TestScript, _ bool, args []string) {
				if err := ts.Exec("paper", args...); err != nil {
					ts.Logf("%v", err)
				}
			},
		},
	})
}
