package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"dunnock/internal/fleettest"
	"dunnock/task"
	"dunnock/worker"
)

// described is what a page says of one metric.
type described struct{ label, text string }

// metricsPage returns what each section of metrics.md lists.
func metricsPage(t *testing.T) map[string]map[string]described {
	t.Helper()
	page, err := os.ReadFile("metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile("`(dunnock_[a-z_]+)(\\{[a-z,]+\\})?`")
	all := map[string]map[string]described{}
	section := ""
	for line := range strings.Lines(string(page)) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(title)
			all[section] = map[string]described{}
		}
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| `") || len(cells) != 2 {
			continue
		}
		for _, m := range name.FindAllStringSubmatch(cells[0], -1) {
			if _, twice := all[section][m[1]]; twice {
				t.Errorf("%s is listed twice", m[1])
			}
			all[section][m[1]] = described{strings.Trim(m[2], "{}"), cells[1]}
		}
	}
	return all
}

// heldAgainst compares what a daemon exposes with what the page says of it, and returns the names of what there is.
func heldAgainst(t *testing.T, exposed string, page map[string]described) map[string]bool {
	t.Helper()
	there := map[string]bool{}
	label := regexp.MustCompile(`([a-z]+)="([^"]*)"`)
	for line := range strings.Lines(exposed) {
		series, _, _ := strings.Cut(line, " ")
		name, labels, _ := strings.Cut(series, "{")
		if !strings.HasPrefix(name, "dunnock_") {
			continue
		}
		histogram := false
		for _, end := range []string{"_bucket", "_sum", "_count"} {
			if short, cut := strings.CutSuffix(name, end); cut {
				name, histogram = short, true
			}
		}
		d, listed := page[name]
		if !listed {
			t.Errorf("metrics.md does not list %s", series)
			continue
		}
		there[name] = true
		if histogram {
			continue
		}
		var keys []string
		for _, m := range label.FindAllStringSubmatch(labels, -1) {
			keys = append(keys, m[1])
			if !strings.Contains(d.text, "`"+m[2]+"`") && !strings.Contains(d.text, "the same") && !strings.Contains(d.text, "as for") {
				t.Errorf("metrics.md does not say what %s is", series)
			}
		}
		if got := strings.Join(keys, ","); got != d.label {
			t.Errorf("metrics.md lists %s{%s}, and its labels are %q", name, d.label, got)
		}
	}
	return there
}

// TestMetricsAreDescribed: the page lists what the daemons expose, all of it and nothing else.
func TestMetricsAreDescribed(t *testing.T) {
	page := metricsPage(t)
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t)
		defer f.Stop()
		s := f.Scheduler("s1", nil)
		apps := map[string]worker.Handler{"echo": fleettest.Echo}
		workers := []*fleettest.Node{
			f.Worker("w1", 1, apps, nil),
			f.Worker("w2", 1, apps, func(c *worker.Config) { c.Discipline = "fair" }),
			f.Worker("w3", 1, apps, func(c *worker.Config) { c.Discipline = "srpt" }),
		}
		synctest.Wait()
		c := f.Client(s)
		fleettest.Wait(t, fleettest.Submit(t, c, task.Job{App: "echo", Tasks: make([]task.Task, 3)})) // a histogram without values is not there
		if _, err := c.Submit(t.Context(), task.Job{App: "echo", Require: map[string]string{"a": "b"}, Tasks: make([]task.Task, 1)}); err == nil {
			t.Fatal("nobody has that, and the job was accepted")
		}
		there := heldAgainst(t, s.Metrics(), page["Schedulers"])
		for name := range page["Schedulers"] {
			if !there[name] {
				t.Errorf("no scheduler has %s", name)
			}
		}
		all := map[string]bool{}
		for _, w := range workers {
			for name := range heldAgainst(t, w.Metrics(), page["Workers"]) {
				all[name] = true
			}
		}
		for name := range page["Workers"] {
			if !all[name] {
				t.Errorf("no worker has %s", name)
			}
		}
	})
}
