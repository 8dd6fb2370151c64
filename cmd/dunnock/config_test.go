package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// parse resolves a command line as run does, with a configuration file of this text.
func parse(t *testing.T, config string, args ...string) (*cli, error) {
	t.Helper()
	p := &process{ctx: t.Context(), stdin: strings.NewReader(""), stdout: &strings.Builder{}, stderr: &strings.Builder{}}
	var c cli
	parser, err := newParser(&c, p)
	if err != nil {
		t.Fatal(err)
	}
	if config != "" {
		path := filepath.Join(t.TempDir(), "c.toml")
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	_, err = parser.Parse(args)
	return &c, err
}

// Flags > environment > section > top level > default, flag by flag.
func TestPrecedence(t *testing.T) {
	const file = `
slots = 5
fleet = "top"
log-level = "error"
[worker]
slots = 6
log-level = "debug"
drain-timeout = "7s"
join = ["a:1", "b:2"]
app = "x=exec:cat a,b"
builtin = true
[worker.label]
ssd = "true"
`
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
		want func(*cli) (got, want any)
	}{
		{"default", nil, []string{"scheduler"}, func(c *cli) (any, any) { return c.Scheduler.ResultTTL, time.Minute }},
		{"top level", nil, []string{"worker"}, func(c *cli) (any, any) { return c.Worker.Fleet, "top" }},
		{"top level of another command", nil, []string{"dev"}, func(c *cli) (any, any) { return c.Dev.Slots, 5 }},
		{"section before top level", nil, []string{"worker"}, func(c *cli) (any, any) { return c.Worker.Slots, 6 }},
		{"common flag in a section", nil, []string{"worker"}, func(c *cli) (any, any) { return c.LogLevel, "debug" }},
		{"common flag at top level", nil, []string{"scheduler"}, func(c *cli) (any, any) { return c.LogLevel, "error" }},
		{"another command's section", nil, []string{"scheduler"}, func(c *cli) (any, any) { return c.Scheduler.DrainTimeout, 30 * time.Second }},
		{"duration", nil, []string{"worker"}, func(c *cli) (any, any) { return c.Worker.DrainTimeout, 7 * time.Second }},
		{"list", nil, []string{"worker"}, func(c *cli) (any, any) { return c.Worker.Join, []string{"a:1", "b:2"} }},
		{"no list", nil, []string{"worker"}, func(c *cli) (any, any) { return c.Worker.App, []string{"x=exec:cat a,b"} }},
		{"bool", nil, []string{"worker"}, func(c *cli) (any, any) { return c.Worker.Builtin, true }},
		{"table", nil, []string{"worker"}, func(c *cli) (any, any) { return c.Worker.Label, labelsFlag{"ssd": "true"} }},
		{
			"environment before file",
			map[string]string{"DUNNOCK_SLOTS": "7", "DUNNOCK_JOIN": "c:3,d:4"},
			[]string{"worker"},
			func(c *cli) (any, any) { return append(c.Worker.Join, "and"), []string{"c:3", "d:4", "and"} },
		},
		{"environment, number", map[string]string{"DUNNOCK_SLOTS": "7"}, []string{"worker"}, func(c *cli) (any, any) { return c.Worker.Slots, 7 }},
		{"environment of a common flag", map[string]string{"DUNNOCK_LOG_LEVEL": "info"}, []string{"worker"}, func(c *cli) (any, any) { return c.LogLevel, "info" }},
		{
			"flag before environment",
			map[string]string{"DUNNOCK_SLOTS": "7"},
			[]string{"worker", "--slots", "8"},
			func(c *cli) (any, any) { return c.Worker.Slots, 8 },
		},
		{"flag before file", nil, []string{"worker", "--join", "e:5"}, func(c *cli) (any, any) { return c.Worker.Join, []string{"e:5"} }},
		{"comma in an app", nil, []string{"worker", "--app", "y=exec:cat a,b"}, func(c *cli) (any, any) { return c.Worker.App, []string{"y=exec:cat a,b"} }},
		{
			"a task's deadline is no flag",
			map[string]string{"DUNNOCK_DEADLINE": "2026-01-01T00:00:00Z"},
			[]string{"submit", "--app", "x"},
			func(c *cli) (any, any) { return c.Submit.Deadline, 5 * time.Minute },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			got, err := parse(t, file, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			value, want := c.want(got)
			if diff := cmp.Diff(want, value); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The file that the environment names is read, and one that a flag names is read instead of it.
func TestConfigPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env.toml")
	if err := os.WriteFile(path, []byte("slots = 9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(configEnv, path)
	if c, err := parse(t, "", "worker"); err != nil || c.Worker.Slots != 9 {
		t.Errorf("got %d, %v, want 9", c.Worker.Slots, err)
	}
	if c, err := parse(t, "slots = 10", "worker"); err != nil || c.Worker.Slots != 10 {
		t.Errorf("got %d, %v, want 10", c.Worker.Slots, err)
	}
}

// Every fault is one line that begins with the line it is on.
func TestConfigFaults(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"unknown key", "fleet = \"x\"\nslotz = 4\n", `:2: unknown key "slotz": there is no such flag or command`},
		{"unknown key of a section", "[worker]\n\nslotz = 4\n", `:3: unknown key "slotz" in [worker]: 'dunnock worker' has no flag --slotz`},
		{"flag of another command", "[worker]\npolicy = \"x\"\n", `:2: unknown key "policy" in [worker]`},
		{"unknown section", "\n# [a]\n[a]\nb = 1\n", `:3: unknown key "a"`},
		{"help", "help = true\n", `:1: unknown key "help"`},
		{"config", "config = \"other\"\n", `:1: unknown key "config"`},
		{"not in a comment or string", "# slotz = 1\nfleet = \"\"\"\nslotz = 2\n\"\"\" # slotz = 3\nslotz = 4\n", `:5: unknown key "slotz"`},
		{"dotted key", "fleet = \"x\"\nworker.slotz = 4\n", `:2: unknown key "slotz" in [worker]`},
		{"inline table", "fleet = \"x\"\nworker = { slots = 1, slotz = 4 }\n", `:2: unknown key "slotz" in [worker]`},
		{"quoted key", "\"slotz\" = 4\n", `:1: unknown key "slotz"`},
		{"list of sections", "[[worker]]\nslots = 1\n", `:1: unknown key "worker"`},
		{"several lines", "[worker]\nslots = 1\n\n# the list\njoin = [\n  1,\n]\n", `:5: join: want a list of strings, got a list`},
		{"Windows", "fleet = \"x\"\r\nslotz = 4\r\n", `:2: unknown key "slotz"`},
		{"number", "slots = \"4\"\n", `:1: slots: want a whole number, got the string "4"`},
		{"fraction", "slots = 1.5\n", `:1: slots: want a whole number, got the number 1.5`},
		{"duration", "[scheduler]\nresult-ttl = 60\n", `:2: result-ttl: want a duration such as "500ms" or "2s", got the number 60`},
		{"no duration", "[scheduler]\nresult-ttl = \"soon\"\n", `:2: result-ttl: want a duration such as "500ms" or "2s", got the string "soon"`},
		{"bool", "[worker]\nbuiltin = \"yes\"\n", `:2: builtin: want true or false, got the string "yes"`},
		{"string", "[worker]\nname = 7\n", `:2: name: want a string, got the number 7`},
		{"date", "[worker]\nname = 2026-01-01\n", `:2: name: want a string, got a date or time`},
		{"float", "[submit]\nprobe-ratio = true\n", `:2: probe-ratio: want a number, got true`},
		{"table", "[worker]\nlabel = \"a=b\"\n", `:2: label: want a table of strings, got the string "a=b"`},
		{"table of numbers", "[worker.label]\nssd = 1\n", `:1: label: want a table of strings, got a table`},
		{"word", "log-format = \"xml\"\n", `:1: log-format: want one of text, json, got "xml"`},
		{"syntax", "slots = 1\nfleet = = 2\n", `:2: `},
		{"unfinished", "slots = 1\nfleet = \"\"\"\n", `:2: `},
		{"twice", "slots = 1\nslots = 2\n", `:2: `},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(t, c.file, "version")
			switch {
			case err == nil:
				t.Fatal("no error")
			case !strings.Contains(err.Error(), "c.toml"+c.want):
				t.Errorf("got %q, want %q", err, c.want)
			case strings.Contains(err.Error(), "\n"):
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

func TestConfigTooLong(t *testing.T) {
	if _, err := parse(t, strings.Repeat("# long\n", maxConfigBytes/7+1), "version"); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("got %v", err)
	}
}

// The first line of the statement is meant, wherever the key is.
func TestLineOf(t *testing.T) {
	text := "a = 1\n\n# c\n[s]\n# d\nb = [\n1,\n\n2,\n]\nc.d = 3\n[t]\n[s.u]\ne = '''\nb\n'''\nf = 4"
	for key, want := range map[string]int{"a": 1, "s": 4, "s.b": 6, "s.c.d": 11, "t": 12, "s.u": 13, "s.u.e": 14, "s.u.f": 17} {
		if got := lineOf([]byte(text), strings.Split(key, ".")); got != want {
			t.Errorf("%s: line %d, want %d", key, got, want)
		}
	}
}
