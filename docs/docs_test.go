// Package docs holds the pages, and what a machine can tell of them: that links lead somewhere, and that what they name
// is there.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = ".."

// walk calls visit for every file of the project with one of the endings, by its path from the root.
func walk(t *testing.T, visit func(path, text string), endings ...string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		for _, e := range endings {
			if strings.HasSuffix(path, e) {
				text, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				name, err := filepath.Rel(root, path)
				visit(filepath.ToSlash(name), string(text))
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	block   = regexp.MustCompile("(?ms)^```.*?^```$")
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the places in a page that a link can lead to.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
		title := link.ReplaceAllString(m[1], "") // what is shown of a link is its text
		found[strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(title), ""), " ", "-")] = true
	}
	return found
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	pages := map[string]string{}
	walk(t, func(path, text string) { pages[path] = text }, ".md")
	checked := 0
	for path, text := range pages {
		if strings.Contains(path, "testdata/") {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			checked++
			file, anchor, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(path), file))
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: %s leads nowhere", path, m[1])
			} else if anchor != "" && !anchors(pages[target])[anchor] {
				t.Errorf("%s: %s has no heading for %s", path, m[1], anchor)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d links were found", checked)
	}
}

// The map of packages has all of them, and none that is not there.
func TestMapOfPackagesIsComplete(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| (`[a-z/]+`(?:, `[a-z/]+`)*) \\|").FindAllStringSubmatch(string(page), -1)
	mapped := map[string]bool{}
	for _, row := range rows {
		for name := range strings.SplitSeq(strings.ReplaceAll(row[1], "`", ""), ", ") {
			mapped[name] = true
			if files, _ := filepath.Glob(filepath.Join(root, name, "*.go")); len(files) == 0 {
				t.Errorf("architecture.md has the package %s, which is not there", name)
			}
		}
	}
	walk(t, func(path, _ string) {
		if dir := filepath.ToSlash(filepath.Dir(path)); !mapped[dir] && !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "testdata/") {
			t.Errorf("architecture.md has no row for the package %s", dir)
			mapped[dir] = true // once is enough
		}
	}, ".go")
}

// Every metric that a page names is in the code.
func TestMetricsInPagesExist(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	walk(t, func(_, text string) { code.WriteString(text) }, ".go")
	name := regexp.MustCompile(`\bdunnock_[a-z0-9_]+[a-z0-9]`)
	exported := map[string]bool{}
	for _, m := range name.FindAllString(code.String(), -1) {
		exported[m] = true
	}
	checked := 0
	walk(t, func(path, text string) {
		for _, m := range name.FindAllString(text, -1) {
			checked++
			if !exported[m] && !exported[strings.TrimSuffix(m, "_bucket")] {
				t.Errorf("%s: no such metric as %s", path, m)
			}
		}
	}, ".md", ".yaml")
	if checked < 20 {
		t.Errorf("only %d metrics were found", checked)
	}
}
