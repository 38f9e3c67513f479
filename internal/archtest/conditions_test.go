package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// An operator who meets a condition looks it up: docs/conditions.md lists all
// there are, and none that is gone.
func TestEveryConditionIsDocumented(t *testing.T) {
	known := conditions(t)
	text, err := os.ReadFile(filepath.Join(root, "docs", "conditions.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(string(text), -1) {
		listed[row[1]] = true
	}
	for name, file := range known {
		if !listed[name] {
			t.Errorf("docs/conditions.md: no row of %s, which %s tells", name, file)
		}
	}
	for name := range listed {
		if known[name] == "" {
			t.Errorf("docs/conditions.md: nobody tells %s", name)
		}
	}
	if len(known) < 35 {
		t.Errorf("only %d conditions were found: %v", len(known), known)
	}
}

// conditions are all that are told, each with a file that does.
func conditions(t *testing.T) map[string]string {
	t.Helper()
	known, constants := map[string]string{}, map[string]string{}
	sourceFiles(t, func(file string) {
		dir := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), root+"/")
		switch {
		case strings.HasSuffix(file, "_test.go"):
		case strings.HasPrefix(dir, "target/"), strings.HasSuffix(file, "scale/condition.go"):
			inSource(t, file, func(n ast.Decl) { toldByTargets(n, known, file) })
		case top(dir) == "guard", top(dir) == "policy":
			inSource(t, file, func(n ast.Decl) {
				toldByDeciders(n, known, file)
				ast.Inspect(n, func(n ast.Node) bool {
					if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 && literal(spec.Values[0]) != "" {
						constants[spec.Names[0].Name] = literal(spec.Values[0])
					}
					return true
				})
			})
		}
	})
	for name, file := range known {
		if value := constants[name]; value != "" {
			delete(known, name)
			known[value] = file
		}
	}
	return known
}

func inSource(t *testing.T, file string, visit func(ast.Decl)) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		visit(d)
	}
}

// toldByTargets finds constants that are called what they are: conditions are
// declared in no other way.
func toldByTargets(n ast.Decl, known map[string]string, file string) {
	ast.Inspect(n, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && len(spec.Values) == 1 && ast.IsExported(spec.Names[0].Name) && literal(spec.Values[0]) == spec.Names[0].Name {
			known[spec.Names[0].Name] = file
		}
		return true
	})
}

// inCondition is what the functions are called that say what lasts, or whose
// they are.
var inCondition = regexp.MustCompile(`^(Condition|condition|Conditions|inDoubt|troubles)$`)

// toldByDeciders finds the reasons of what lasts; of a constant, its name.
func toldByDeciders(n ast.Decl, known map[string]string, file string) {
	f, ok := n.(*ast.FuncDecl)
	lasts := ok && (inCondition.MatchString(f.Name.Name) || inCondition.MatchString(receiver(f)))
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit: // sickness{code: "…"}
			if kind, ok := n.Type.(*ast.Ident); ok && kind.Name == "sickness" && len(n.Elts) > 0 {
				if pair, ok := n.Elts[0].(*ast.KeyValueExpr); ok && literal(pair.Value) != "" {
					known[literal(pair.Value)] = file
				}
			}
		case *ast.CallExpr:
			because, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || !lasts || because.Sel.Name != "Because" {
				break
			}
			if name, ok := n.Args[0].(*ast.Ident); ok {
				known[name.Name] = file
			} else if code := literal(n.Args[0]); code != "" {
				known[code] = file
			}
		}
		return true
	})
}

func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return ""
	}
	e := f.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if name, ok := e.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

// literal is the text of a string in the source; "" of anything else.
func literal(e ast.Expr) string {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(l.Value)
	return text
}
