package strict

import (
	"strings"
	"testing"
)

func noEnv(string) (string, bool) { return "", false }

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

func TestDepthIsLimited(t *testing.T) {
	for depth, want := range map[int]bool{maxDepth: true, maxDepth + 2: false} {
		trees, faults := Parse("deep.yaml", []byte("a: "+nested(depth)), noEnv)
		if len(trees) != 1 || len(faults) != 0 {
			t.Fatalf("%d deep: got %d documents, %v", depth, len(trees), faults)
		}
		if trees[0].Readable != want || (len(trees[0].Faults()) == 0) != want {
			t.Errorf("%d deep: readable %v, faults %v; want readable %v", depth, trees[0].Readable, trees[0].Faults(), want)
		}
	}
}

func TestPlaces(t *testing.T) {
	const text = "# comment\n\na:\n  b: 1\n  list:\n    - x\n    - {c: 2}\n"
	trees, _ := Parse("a.yaml", []byte(text), noEnv)
	for path, want := range map[string][2]int{
		"a": {3, 1}, "a.b": {4, 3}, "a.list": {5, 3}, "a.list[1]": {7, 7}, "a.list[1].c": {7, 8},
		"a.b.none": {4, 3}, "a.list[7]": {5, 3}, "none": {3, 1},
	} {
		if line, column := trees[0].At(ParsePath(path)); [2]int{line, column} != want {
			t.Errorf("%s: got %d:%d, want %v", path, line, column, want)
		}
	}
}

func TestSyntaxErrorsSayWhere(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		line       int
		want       string
	}{
		{"a list without end", "a: 1\nb: 2\nc: [x\nd: 3\n", 3, "did not find expected ',' or ']'"},
		{"a colon too many", "a: 1\nb: c: d\n", 2, "mapping values are not allowed"},
		{"a key out of line", "a:\n  b: 1\n c: 2\n", 3, "did not find expected key"},
		{"a tab", "a:\n  b: 1\n\tc: 2\n", 3, "a tab is used for indentation"},
		{"the first line", "a: }\n", 1, "did not find expected node content"},
		{"a variable in a flow mapping", "a: ${X}\nb: \"{${X}}\"\nc: {max: ${MAX:-3}}\n", 3, "${...} must not stand without quotes"},
		{"a variable in a flow list", "a:\n  - [x, ${MAX}]\n", 2, "${...} must not stand without quotes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, faults := Parse("a.yaml", []byte(tc.text), noEnv)
			if len(faults) != 1 || faults[0].Line != tc.line || !strings.Contains(faults[0].Message, tc.want) {
				t.Errorf("got %v, want line %d: %s", faults, tc.line, tc.want)
			}
		})
	}
}

func TestSyntaxErrorKeepsTheDocumentsBeforeIt(t *testing.T) {
	trees, faults := Parse("a.yaml", []byte("a: 1\n---\nb: 2\n---\nc: [\n"), noEnv)
	if len(trees) != 2 || len(faults) != 1 || faults[0].Line == 0 || !strings.HasPrefix(faults[0].Message, "not valid YAML: ") {
		t.Errorf("got %d documents and %v", len(trees), faults)
	}
}
