package search_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"dunnock/internal/search"
	"dunnock/worker"
	"dunnock/worker/app"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run carries a plan out, task by task, as a fleet of workers would.
func run(t interface{ Fatalf(string, ...any) }, p *search.Plan) []search.FileMatches {
	grep := app.NewGrep()
	counts := make([]int64, len(p.Tasks))
	for i, payload := range p.Tasks {
		result, err := grep.Handle(context.Background(), worker.Task{Index: i, Payload: payload})
		if err != nil {
			t.Fatalf("task %d: %v", i, err)
		}
		if counts[i], err = strconv.ParseInt(string(result), 10, 64); err != nil {
			t.Fatalf("task %d: %v", i, err)
		}
	}
	return p.Merge(counts)
}

// tree writes files below a new directory; a name that ends with / is a directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, data := range files {
		path := filepath.Join(root, name)
		dir := filepath.Dir(path)
		if strings.HasSuffix(name, "/") {
			dir = path
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if dir == path {
			continue
		}
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func paths(files []search.File) []string {
	var all []string
	for _, f := range files {
		all = append(all, f.Path)
	}
	return all
}

func TestPlanEqualsCount(t *testing.T) {
	root := t.TempDir()
	letters := []string{"a", "b", "aab", "\n", "\n", "\r\n", "\r", "\x00", "\xff", "é"}
	patterns := []string{"", "a", "^a", "b$", "^$", "a+b", "(?i)É", `\r`, "a|b"}
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(root, strconv.Itoa(n))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "files") {
			data := strings.Join(rapid.SliceOfN(rapid.SampledFrom(letters), 0, 40).Draw(t, "data"), "")
			if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		pattern := rapid.SampledFrom(patterns).Draw(t, "pattern")
		p, err := search.NewPlan([]string{dir}, pattern, rapid.Int64Range(1, 30).Draw(t, "rangeBytes"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := search.Count([]string{dir}, regexp.MustCompile(pattern))
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t, p); !slices.Equal(got, want) {
			t.Fatalf("plan %v, count %v", got, want)
		}
	})
}

func TestPlanEqualsCountOnLargeFiles(t *testing.T) {
	var text strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&text, "line %d of some text\r\n", i)
	}
	x := strings.Repeat("x", app.MaxLineBytes-3)
	root := tree(t, map[string]string{
		"text":  text.String(),
		"lines": x + "999\n" + x + "999\r\n" + x + "x999\n" + x + "xxxx999" + x + "\n999",
	})
	p, err := search.NewPlan([]string{root}, "999", 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Tasks) < 10 {
		t.Errorf("%d tasks for %d bytes", len(p.Tasks), p.Bytes)
	}
	want, err := search.Count([]string{root}, regexp.MustCompile("999"))
	if err != nil {
		t.Fatal(err)
	}
	if got := run(t, p); len(got) != 2 || !slices.Equal(got, want) || got[0].Lines != 3 {
		t.Errorf("plan %v, count %v", got, want)
	}
}

func TestPlanFindsEachFileOnce(t *testing.T) {
	root := tree(t, map[string]string{"b/2": "x\n", "b/1": "x\n", "a": "x\n", "b-": "x\n", "empty": "", "d/": ""})
	t.Chdir(root)
	if err := os.Symlink("b", "link"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ given, want []string }{
		{[]string{"."}, []string{"a", "b-", "b/1", "b/2", "empty"}},
		{[]string{"b", ".", "./a", root}, []string{"a", "b-", "b/1", "b/2", "empty"}},
		{[]string{"link"}, []string{"link/1", "link/2"}},
		{[]string{"link/1", "b", "b/../b/2"}, []string{"b/2", "link/1"}},
		{[]string{"d"}, nil},
		{nil, nil},
	} {
		p, err := search.NewPlan(tt.given, "x", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := paths(p.Files); !slices.Equal(got, tt.want) || len(p.Skipped) > 0 {
			t.Errorf("%q: files %q, skipped %v, want %q", tt.given, got, p.Skipped, tt.want)
		}
		for _, m := range run(t, p) {
			if m.Lines != 1 {
				t.Errorf("%q: %+v", tt.given, m)
			}
		}
	}
}

func TestPlanTasks(t *testing.T) {
	root := tree(t, map[string]string{"a": "123456789\n", "b": "", "c": "12345"})
	p, err := search.NewPlan([]string{root}, "x", 5)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, payload := range p.Tasks {
		g, err := app.DecodeGrep(payload)
		if err != nil {
			t.Fatal(err)
		}
		if g.Pattern != "x" || !filepath.IsAbs(g.Path) || filepath.Base(g.Path) != filepath.Base(p.File(i).Path) {
			t.Errorf("task %d is %+v of %+v", i, g, p.File(i))
		}
		got = append(got, fmt.Sprintf("%s %d+%d", filepath.Base(g.Path), g.Offset, g.Length))
	}
	if want := []string{"a 0+5", "a 5+5", "c 0+5"}; !slices.Equal(got, want) || p.Bytes != 15 {
		t.Errorf("tasks %q of %d bytes, want %q", got, p.Bytes, want)
	}
	merged := p.Merge([]int64{1, 2, 0})
	if want := []search.FileMatches{{Path: filepath.Join(root, "a"), Lines: 3}}; !slices.Equal(merged, want) {
		t.Errorf("merged %+v", merged)
	}
}

func TestPlanRefuses(t *testing.T) {
	root := tree(t, map[string]string{"a": "x"})
	for _, tt := range []struct {
		paths      []string
		pattern    string
		rangeBytes int64
		says       string
	}{
		{[]string{root}, "a(", 0, "pattern: missing closing )"},
		{[]string{root}, strings.Repeat("x", app.MaxPatternBytes+1), 0, "pattern: at most"},
		{[]string{root, root + "/none"}, "x", 0, "no such file or directory: " + root + "/none"},
		{[]string{""}, "x", 0, "no such file or directory"},
		{[]string{root}, "x", -1, "range"},
	} {
		p, err := search.NewPlan(tt.paths, tt.pattern, tt.rangeBytes)
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q, %.10q: plan %v, error %v", tt.paths, tt.pattern, p, err)
		}
	}
	if _, err := search.Count([]string{root + "/none"}, regexp.MustCompile("x")); err == nil {
		t.Error("Count of a missing path did not fail")
	}
}
