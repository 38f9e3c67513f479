package strict

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFaultsAreSortedAndEachOnce(t *testing.T) {
	f := Faults{
		{File: "b.yaml", Line: 2, Path: "x", Message: "late"},
		{File: "a.yaml", Line: 10, Message: "ten"},
		{File: "a.yaml", Line: 9, Path: "y", Message: "nine"},
		{File: "b.yaml", Line: 2, Path: "x", Message: "late"},
		{File: "a.yaml", Message: "cannot be read"},
	}
	const want = "a.yaml: cannot be read\na.yaml:9: y: nine\na.yaml:10: ten\nb.yaml:2: x: late"
	if got := f.Err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := (Faults{}).Err(); err != nil {
		t.Errorf("no faults: got %v, want nil", err)
	}
}

func TestFaultsAreAListInJSON(t *testing.T) {
	raw, err := json.Marshal(Faults{{File: "a.yaml", Line: 3, Column: 5, Path: "spec.sync", Message: "is wrong"}})
	const want = `[{"file":"a.yaml","line":3,"column":5,"path":"spec.sync","message":"is wrong"}]`
	if err != nil || string(raw) != want {
		t.Errorf("got %s, %v; want %s", raw, err, want)
	}
}

func TestMessagesOfJoinedErrors(t *testing.T) {
	joined := errors.Join(errors.New("a: one"), errors.Join(errors.New("b: two"), fmt.Errorf("c: %w", errors.New("three"))))
	prefixed := fmt.Errorf("d: %w", errors.Join(errors.New("four"), errors.New("five")))
	got := Messages(errors.Join(joined, prefixed))
	if diff := cmp.Diff([]string{"a: one", "b: two", "c: three", "d: four; five"}, got); diff != "" {
		t.Error(diff)
	}
	if got := Messages(nil); len(got) != 0 {
		t.Errorf("nil: got %q", got)
	}
}

func TestSplitMessage(t *testing.T) {
	for _, tc := range []struct {
		message string
		path    Path
		rest    string
	}{
		{"tolerance: must be below 1", Path{"tolerance"}, "must be below 1"},
		{"metrics[12].signal: must not be empty", Path{"metrics", "12", "signal"}, "must not be empty"},
		{"env[A_B]: is set", Path{"env", "A_B"}, "is set"},
		{"needs one of: a, b", nil, "needs one of: a, b"},
		{"no path", nil, "no path"},
	} {
		path, rest := SplitMessage(tc.message)
		if diff := cmp.Diff(tc.path, path); diff != "" || rest != tc.rest {
			t.Errorf("%q: got %v and %q, want %v and %q", tc.message, path, rest, tc.path, tc.rest)
		}
	}
}

func TestPathIsShownOnOneLine(t *testing.T) {
	p := Path{"spec", "signals", "0", "name", "a.b", "x\ny"}
	if got, want := p.String(), `spec.signals[0].name[a.b][x\ny]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDidYouMean(t *testing.T) {
	names := []string{"max", "min", "predictive", "hpa"}
	for written, want := range map[string]string{
		"mx": " (did you mean max?)", "MIN": " (did you mean min?)", "predictiv": " (did you mean predictive?)",
		"hpaa": " (did you mean hpa?)", "cooldown": "", "": "", "zz": "",
	} {
		if got := meant(written, names); got != want {
			t.Errorf("%q: got %q, want %q", written, got, want)
		}
	}
}

// A message about a rule is of use only where the shape around it is right.
func TestRulesAreSilentBesideFaultsOfShape(t *testing.T) {
	tree := &Tree{File: "a.yaml", Line: 1}
	tree.Add(Path{"hpa", "metrics", "0", "valu"}, "unknown field")
	shape := tree.Shape()
	shape.AddInvalid(Path{"hpa"}, errors.Join(
		errors.New("metrics[0].signal: sibling"), errors.New("metrics[0].valu.x: below"), errors.New("metrics: above"),
		errors.New("metrics[1].signal: elsewhere"), errors.New("tolerance: elsewhere too"), errors.New("tolerance: and again")))
	const want = "a.yaml:1: hpa.metrics[0].valu: unknown field\na.yaml:1: hpa.metrics[1].signal: elsewhere\n" +
		"a.yaml:1: hpa.tolerance: and again\na.yaml:1: hpa.tolerance: elsewhere too"
	if got := tree.Faults().Err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSoundLeavesOutWhatIsAtFault(t *testing.T) {
	value := map[string]any{
		"a": map[string]any{"bad": "x", "good": "y"},
		"b": []any{map[string]any{"bad": "x", "good": "y"}, "z"},
		"c": []any{"bad", "good"},
		"d": "kept",
		"e": []any{[]any{"bad"}, []any{"good"}},
	}
	tree := &Tree{Value: value}
	for _, p := range []Path{{"a", "bad"}, {"b", "0", "bad"}, {"c", "0"}, {"e", "0", "0"}, {"missing", "x"}, {"d", "0"}} {
		tree.Add(p, "wrong")
	}
	want := map[string]any{
		"a": map[string]any{"good": "y"},
		"b": []any{map[string]any{"good": "y"}, "z"},
		"d": "kept",
	}
	if diff := cmp.Diff(want, tree.Sound()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(value) != 5 || len(value["c"].([]any)) != 2 {
		t.Errorf("the tree itself was changed: %v", value)
	}
}
