// Package archtest holds the rules of the layout as tests: who may import
// whom, and that every package says why it exists.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/flyball-io/flyball"
	root   = "../.."
)

// group is a layer of the design. Its packages import packages of earlier
// groups, and of their own group only those named before them.
type group struct {
	name     string
	packages []string // top-level folders; "x/*" are the folders below x
	pure     bool     // no I/O, network or process may be imported
}

func groups() []group {
	return []group{
		{"words and numbers", []string{"series", "scale"}, true},
		{"maths", []string{"queueing", "cost", "neural"}, true},
		{"models", []string{"forecast", "forecast/season", "forecast/*", "forecast/ensemble", "capacity", "workload"}, false},
		{"thinking", []string{"policy", "policy/*", "guard", "vertical"}, true},
		{"core", []string{"decide"}, true},
		{"contracts", []string{"source", "target", "balancer", "advisor", "bus", "record"}, false},
		{"adapters", []string{"source/reading", "source/*", "target/*", "target/compose", "balancer/*", "advisor/*", "bus/*", "record/*"}, false},
		{"drivers", []string{"control", "sim", "load", "stress", "notify"}, false},
		{"judging", []string{"evaluate"}, false},
		{"on top of judging", []string{"replay", "rl", "experiment"}, false},
		{"assembly", []string{"api", "builtin", "web", "serve", "app", "operator", "cmd"}, false},
	}
}

// source is one package without its tests.
type sourcePackage struct {
	dir      string
	imports  []string // repository folders and other import paths
	comments int
}

func TestImportsGoUpwardsOnly(t *testing.T) {
	for _, p := range packages(t) {
		from, ok := place(p.dir)
		if !ok {
			continue // internal, telemetry, docs, tests
		}
		for _, imported := range p.imports {
			if reason := forbidden(p.dir, from, imported); reason != "" {
				t.Errorf("%s imports %s: %s", p.dir, imported, reason)
			}
		}
	}
}

func TestEveryPackageSaysWhyItExists(t *testing.T) {
	for _, p := range packages(t) {
		if p.comments != 1 {
			t.Errorf("%s: %d files with a package comment, want exactly one", p.dir, p.comments)
		}
	}
}

// The rules themselves: a rule that lets everything through is no rule.
func TestTheRulesForbid(t *testing.T) {
	for _, tc := range []struct {
		from, to string
		allowed  bool
	}{
		{"scale", "series", true},
		{"series", "scale", false},
		{"policy/hpa", "policy", true},
		{"policy/hpa", "policy/kpa", false},
		{"policy/hpa", "target", false},
		{"guard", "policy", true},
		{"policy", "policy/hpa", false},
		{"balancer/builtin/remote", "balancer/builtin", true},
		{"balancer/builtin", "target/process", false},
		{"forecast/ensemble", "forecast/lastvalue", true},
		{"forecast/lastvalue", "forecast/ensemble", false},
		{"forecast/lastvalue", "forecast/rls", false},
		{"forecast/levelshape", "forecast/season", true},
		{"forecast/season", "forecast/levelshape", false},
		{"decide", "net/http", false},
		{"decide", "guard", true},
		{"target/process", "balancer/builtin", false},
		{"target/compose", "target/docker", true},
		{"target/docker", "target/compose", false},
		{"target/process", "internal/clock", true},
		{"decide", "internal/clock", false},
		{"control", "app", false},
		{"app", "control", true},
		{"app", "guard/guardtest", false},
	} {
		from, _ := place(tc.from)
		if reason := forbidden(tc.from, from, tc.to); (reason == "") != tc.allowed {
			t.Errorf("%s importing %s: %q, want allowed %v", tc.from, tc.to, reason, tc.allowed)
		}
	}
}

// forbidden returns why a package may not import another, or "".
func forbidden(dir string, from position, imported string) string {
	if isTest(imported) {
		if isTest(dir) {
			return ""
		}
		return "test helpers are for tests"
	}
	if from.pure && !isTest(dir) && slices.Contains([]string{"net", "net/http", "os", "os/exec", "syscall"}, imported) {
		return "policies, guards and the core do no I/O, so that simulation and replay run the live code"
	}
	if strings.HasPrefix(imported, "internal/") || imported == "telemetry" {
		if from.group < groupOf("contracts") {
			return "internal and telemetry serve the contracts to the world and what is below them"
		}
		return ""
	}
	to, ok := place(imported)
	if !ok || unit(dir) == unit(imported) {
		return ""
	}
	switch {
	case to.group > from.group:
		return "it belongs to a later group (" + groups()[to.group].name + ")"
	case to.group == from.group && isPlugIn(dir) && isPlugIn(imported):
		return "plug-ins do not know each other"
	case to.group == from.group && to.index > from.index:
		return "in its group it is named later"
	}
	return ""
}

type position struct {
	group, index int
	pure         bool
}

// place finds the group of a folder of this repository.
func place(dir string) (position, bool) {
	for g, group := range groups() {
		if i := slices.Index(group.packages, dir); i >= 0 {
			return position{g, i, group.pure}, true
		}
	}
	for g, group := range groups() {
		for i, name := range group.packages {
			if base, children := strings.CutSuffix(name, "/*"); children {
				if strings.HasPrefix(dir, base+"/") {
					return position{g, i, group.pure}, true
				}
			} else if dir == name || (strings.HasPrefix(dir, name+"/") && !slices.Contains(group.packages, name+"/*") && !hasChildrenGroup(name)) {
				return position{g, i, group.pure}, true
			}
		}
	}
	return position{}, false
}

// hasChildrenGroup reports whether the folders below name are a group of their own.
func hasChildrenGroup(name string) bool {
	return slices.ContainsFunc(groups(), func(g group) bool { return slices.Contains(g.packages, name+"/*") })
}

func groupOf(name string) int {
	return slices.IndexFunc(groups(), func(g group) bool { return g.name == name })
}

// isPlugIn reports whether dir is one of several folders of the same shape. One
// that is named in its group is not: forecast/ensemble is made of its siblings,
// forecast/season serves them, and target/compose is target/docker with other
// ways to name and find containers.
func isPlugIn(dir string) bool {
	named := slices.ContainsFunc(groups(), func(g group) bool { return slices.Contains(g.packages, dir) })
	return strings.Contains(dir, "/") && hasChildrenGroup(top(dir)) && !named
}

// unit is the plug-in or top-level folder that dir is part of.
func unit(dir string) string {
	parts := strings.SplitN(dir, "/", 3)
	if len(parts) > 1 && hasChildrenGroup(parts[0]) {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

func top(dir string) string { head, _, _ := strings.Cut(dir, "/"); return head }

// isTest reports whether a package only serves tests, as policytest does.
func isTest(dir string) bool {
	return strings.HasSuffix(path.Base(dir), "test") || top(dir) == "test"
}

// sourceFiles visits every Go file of the repository.
func sourceFiles(t *testing.T, visit func(file string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skipped(file, entry.Name()):
			return filepath.SkipDir
		case !entry.IsDir() && strings.HasSuffix(file, ".go"):
			visit(file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// packages reads every package of the repository, tests left out.
func packages(t *testing.T) []sourcePackage {
	t.Helper()
	found := map[string]*sourcePackage{}
	sourceFiles(t, func(file string) { read(t, found, file) })
	if len(found) < 10 {
		t.Fatalf("only %d packages found below %s", len(found), root)
	}
	var all []sourcePackage
	for _, p := range found {
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b sourcePackage) int { return strings.Compare(a.dir, b.dir) })
	return all
}

func skipped(file, name string) bool {
	return file != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata" || name == "bin")
}

func read(t *testing.T, found map[string]*sourcePackage, file string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	isTestFile := strings.HasSuffix(file, "_test.go")
	if isTestFile && !strings.Contains(file, "internal/archtest") {
		return
	}
	dir, _ := filepath.Rel(root, filepath.Dir(file))
	p := found[dir]
	if p == nil {
		p = &sourcePackage{dir: filepath.ToSlash(dir)}
		found[dir] = p
	}
	if documented(parsed) {
		p.comments++
	}
	for _, spec := range parsed.Imports {
		p.imports = append(p.imports, strings.TrimPrefix(strings.Trim(spec.Path.Value, `"`), module+"/"))
	}
}

func documented(file *ast.File) bool {
	return file.Doc != nil && (strings.HasPrefix(file.Doc.Text(), "Package ") || strings.HasPrefix(file.Doc.Text(), "Command "))
}

// Reasons name what they count in the braces, {0 replica}, so that one is one
// replica and not "1 replicas".
func TestReasonsCountInTheirGrammar(t *testing.T) {
	plural := regexp.MustCompile(`\{[0-5]\} ([a-z]+ )?(replicas|requests|windows|slots|replica-hours)([^/\w]|$)`)
	sourceFiles(t, func(file string) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if found := plural.FindString(line); found != "" {
				t.Errorf("%s:%d: %q: write the noun in the braces", file, i+1, found)
			}
		}
	})
}
