package workload

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestNoFusableProduct walks this package for float products that a compiler might fuse with a following addition: each
// one must stand in a conversion to float64, or be a factor or dividend itself. Assignments do not count: the language
// allows fusing across statements.
func TestNoFusableProduct(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]any{}
	for _, name := range files {
		if !strings.HasSuffix(name, "_test.go") {
			sources[name] = nil
		}
	}
	if got := fusable(t, sources); len(got) > 0 {
		t.Errorf("these products may be fused; write float64(x*y):\n%s", strings.Join(got, "\n"))
	}
}

// TestNoFusableProductFinds shows that the walk sees what it is there for.
func TestNoFusableProductFinds(t *testing.T) {
	t.Parallel()
	const source = `package p
func f(x, y, z float64, i int) float64 {
	a := x*y + z             // 3: fused in place
	b := x * y               // 4: fused with the next line
	c := b + z
	x *= y                   // 6
	return a + c + x + g(x * y) + float64(x*y) + float64(float64(x*y)*z) + float64(x*y*z) + x*y/z + float64(i*i) // 7: the argument of g; the rest is well
}
func g(x float64) float64 { return x + 1 }
`
	got := fusable(t, map[string]any{"p.go": source})
	want := []string{"p.go:3", "p.go:4", "p.go:6", "p.go:7"}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("found %v, want %v", got, want)
	}
}

// fusable returns file:line of each product that may be fused. The value of a source is its text, or nil to read the
// file.
func fusable(t *testing.T, sources map[string]any) []string {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for name, text := range sources {
		f, err := parser.ParseFile(fset, name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	conf := types.Config{Importer: module{importer.Default(), fset}}
	if _, err := conf.Check("workload", fset, files, info); err != nil {
		t.Fatal(err)
	}
	w := walker{info: info, fset: fset}
	for _, f := range files {
		ast.Walk(w.under(false), f)
	}
	return *w.found()
}

// module imports packages of this module from their source, and others as the compiler has them.
type module struct {
	types.Importer
	fset *token.FileSet
}

// Import returns a package.
func (m module) Import(path string) (*types.Package, error) {
	own, ours := strings.CutPrefix(path, "dunnock/")
	if !ours {
		return m.Importer.Import(path)
	}
	names, err := filepath.Glob(filepath.Join("../..", filepath.FromSlash(own), "*.go"))
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(m.fset, name, nil, 0)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return (&types.Config{Importer: m}).Check(path, m.fset, files, nil)
}

// walker visits expressions. safe is whether a product here cannot be fused.
type walker struct {
	info  *types.Info
	fset  *token.FileSet
	safe  bool
	lines *[]string
}

func (w *walker) found() *[]string {
	if w.lines == nil {
		w.lines = new([]string)
	}
	return w.lines
}

func (w *walker) under(safe bool) *walker {
	return &walker{info: w.info, fset: w.fset, safe: safe, lines: w.found()}
}

func (w *walker) report(n ast.Node) {
	p := w.fset.Position(n.Pos())
	*w.lines = append(*w.lines, filepath.Base(p.Filename)+":"+strconv.Itoa(p.Line))
}

// Visit decides what the children of n may be.
func (w *walker) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.ParenExpr:
		return w
	case *ast.CallExpr:
		tv := w.info.Types[n.Fun]
		basic, ok := tv.Type.(*types.Basic)
		return w.under(tv.IsType() && ok && basic.Kind() == types.Float64)
	case *ast.BinaryExpr:
		if n.Op == token.MUL && w.float(n) && !w.safe {
			w.report(n)
		}
		return w.under(n.Op == token.QUO || n.Op == token.MUL)
	case *ast.AssignStmt:
		if n.Tok == token.MUL_ASSIGN && w.float(n.Lhs[0]) {
			w.report(n)
		}
	}
	return w.under(false)
}

// float reports whether e is a float that the compiler does not know.
func (w *walker) float(e ast.Expr) bool {
	tv := w.info.Types[e]
	basic, ok := tv.Type.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsFloat != 0 && tv.Value == nil
}
