package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// shown is a call of dunnock as a page shows it.
type shown struct {
	text string // as it stands there
	args []string
	open bool // with names for values, or with parts left out
}

var (
	callIn = regexp.MustCompile(`(?:^ *|[|'(] *|chrt --rr 1 )dunnock ((?:[a-z]|--).*)`)
	inline = regexp.MustCompile("`([^`\n]+)`")
	word   = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^\s'"])+`)
	value  = regexp.MustCompile(`^[A-Z]+$`)
	flag   = regexp.MustCompile(`^--[a-z]`)
)

// callsIn finds the calls in a page: in blocks, and in code within text.
func callsIn(text string) (calls []shown) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	add := func(line string, inText bool) {
		m := callIn.FindStringSubmatch(line)
		if m == nil {
			return
		}
		c := shown{text: line, open: inText}
		for _, w := range word.FindAllString(m[1], -1) {
			if strings.ContainsAny(w[:1], "|>&#;)") || w == "2>&1" {
				break // the shell's
			}
			if strings.ContainsAny(w, "…[$") || value.MatchString(w) {
				c.open = true
				continue
			}
			c.args = append(c.args, strings.NewReplacer("'", "", `"`, "").Replace(w))
		}
		calls = append(calls, c)
	}
	fenced := false
	for line := range strings.Lines(text) {
		switch line = strings.TrimRight(line, "\n"); {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			fenced = !fenced
		case fenced || strings.HasPrefix(line, "    "):
			add(line, false)
		default:
			for _, m := range inline.FindAllStringSubmatch(line, -1) {
				if strings.HasPrefix(m[1], "dunnock ") {
					add(m[1], true)
				}
			}
		}
	}
	return calls
}

// flagsOf are the flags of a command and of those above it, and what is left of its words when it has been found.
func flagsOf(app *kong.Application, args []string) (flags []string, command string) {
	node := app.Node
	take := func() {
		for _, f := range node.Flags {
			flags = append(flags, "--"+f.Name, "-"+string(f.Short))
			if f.Tag.Negatable != "" {
				flags = append(flags, "--no-"+f.Name)
			}
		}
	}
	take()
	for _, a := range args {
		i := slices.IndexFunc(node.Children, func(c *kong.Node) bool { return c.Name == a })
		if i < 0 {
			break
		}
		node = node.Children[i]
		take()
	}
	return flags, node.FullPath()
}

// pages calls visit for all that people read of the project.
func pages(t *testing.T, visit func(path, text string)) {
	t.Helper()
	root := filepath.Join("..", "..")
	for _, top := range []string{"README.md", "CHANGELOG.md", "docs"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".md" {
				return err
			}
			text, err := os.ReadFile(path)
			visit(strings.TrimPrefix(filepath.ToSlash(path), "../../"), string(text))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestCallsInPages holds each call of dunnock that a page shows against the command line: there is such a command, and
// it has such flags. What leaves nothing out parses as well, values included.
func TestCallsInPages(t *testing.T) {
	t.Parallel()
	fresh := func() *kong.Kong { // a parser keeps what it has parsed
		parser, err := newParser(&cli{}, &process{stdout: io.Discard, stderr: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		return parser
	}
	model, whole := fresh().Model, 0
	pages(t, func(path, text string) {
		for _, call := range callsIn(text) {
			flags, command := flagsOf(model, call.args)
			for _, a := range call.args {
				if name, _, _ := strings.Cut(a, "="); strings.HasPrefix(a, "-") && a != "-" && !slices.Contains(flags, name) {
					t.Errorf("%s: %s has no flag %s: %s", path, command, name, call.text)
				}
			}
			if call.open {
				if command == "dunnock" {
					t.Errorf("%s: no such command: %s", path, call.text)
				}
				continue
			}
			whole++
			if _, err := fresh().Parse(call.args); err != nil {
				t.Errorf("%s: %v: %s", path, err, call.text)
			}
		}
	})
	if whole < 40 {
		t.Errorf("only %d whole calls were found", whole)
	}
}

// TestFlagsInPages holds each flag that a page names against all commands, those of this program and those that make
// runs.
func TestFlagsInPages(t *testing.T) {
	t.Parallel()
	parser, err := newParser(&cli{}, &process{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"--retry": true} // curl's
	var collect func(n *kong.Node)
	collect = func(n *kong.Node) {
		flags, _ := flagsOf(&kong.Application{Node: n}, nil)
		for _, f := range flags {
			known[f] = true
		}
		for _, c := range n.Children {
			collect(c)
		}
	}
	collect(parser.Model.Node)
	files, err := filepath.Glob(filepath.Join("..", "..", "internal", "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join("..", "..", "bench", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	ofTools := regexp.MustCompile(`\b(?:flags|f|fs)\.[A-Z]\w*\((?:&[\w.]+, )?"([a-z-]+)"`)
	for _, file := range append(files, more...) {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range ofTools.FindAllStringSubmatch(string(code), -1) {
			known["--"+m[1]] = true
		}
	}
	exists := func(name string) bool {
		start, several := strings.CutSuffix(name, "…") // all that begin so
		if !several {
			return known[name]
		}
		for f := range known {
			if strings.HasPrefix(f, start) {
				return true
			}
		}
		return false
	}
	named := 0
	pages(t, func(path, text string) {
		for _, m := range inline.FindAllStringSubmatch(text, -1) {
			name, _, _ := strings.Cut(strings.Fields(m[1] + " ")[0], "=")
			if !flag.MatchString(name) {
				continue
			}
			named++
			if !exists(name) {
				t.Errorf("%s: nothing has a flag %s", path, m[1])
			}
		}
	})
	if named < 100 {
		t.Errorf("only %d flags were found", named)
	}
}

// TestLimitsInTheirPage sees to it that operators find what they can set where limits are told.
func TestLimitsInTheirPage(t *testing.T) {
	t.Parallel()
	parser, err := newParser(&cli{}, &process{})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "limits.md"))
	if err != nil {
		t.Fatal(err)
	}
	limits := 0
	for _, command := range parser.Model.Children {
		for _, f := range command.Flags {
			if f.Group == nil || f.Group.Key != "limits" {
				continue
			}
			limits++
			if !strings.Contains(string(page), "`--"+f.Name+"`") {
				t.Errorf("docs/limits.md does not have --%s of %s", f.Name, command.Name)
			}
		}
	}
	if limits < 10 {
		t.Errorf("only %d limits were found", limits)
	}
}
