package builtin_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
)

// The tables of docs/document.md come from the schema, and so from the code.
func TestReferenceIsTheGeneratedOne(t *testing.T) {
	const file, mark = "../docs/document.md", "## Every field\n"
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, tail, found := strings.Cut(string(written), mark)
	if !found {
		t.Fatalf("%s has no heading %q", file, mark)
	}
	generated := reference(t)
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(head+mark+generated), 0o644); err != nil {
			t.Fatal(err)
		}
		tail = generated
	}
	if diff := cmp.Diff(tail, generated); diff != "" {
		t.Errorf("%s is out of date; run go generate ./builtin (-written +generated):\n%s", file, diff)
	}
}

func reference(t *testing.T) string {
	t.Helper()
	raw, err := v1alpha1.Schema(builtin.New())
	if err != nil {
		t.Fatal(err)
	}
	var root jsonschema.Schema
	if err := json.Unmarshal(raw, &root); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("\nThis part is generated from the code (`go generate ./builtin`). A dash: no default.\n")
	table(&b, "The document", &root)
	for _, c := range v1alpha1.Contracts() {
		definition := root.Definitions[string(c)]
		if beside := besidePlugin(definition); beside.Properties.Len() > 0 {
			table(&b, strings.ToUpper(string(c[:1]))+string(c[1:])+": what stands beside it", beside)
		}
		for kind, config := range definition.Properties.FromOldest() {
			if isKind(definition, kind) {
				table(&b, fmt.Sprintf("%s `%s`", strings.ToUpper(string(c[:1]))+string(c[1:]), kind), config)
			}
		}
	}
	return b.String()
}

// isKind reports whether a property is one of the plug-ins to choose from.
func isKind(definition *jsonschema.Schema, name string) bool {
	return slices.ContainsFunc(definition.OneOf, func(one *jsonschema.Schema) bool { return slices.Contains(one.Required, name) })
}

// besidePlugin is a definition without its plug-ins.
func besidePlugin(definition *jsonschema.Schema) *jsonschema.Schema {
	beside := &jsonschema.Schema{Properties: jsonschema.NewProperties(), Required: definition.Required}
	for name, field := range definition.Properties.FromOldest() {
		if !isKind(definition, name) {
			beside.Properties.Set(name, field)
		}
	}
	return beside
}

func table(b *strings.Builder, title string, s *jsonschema.Schema) {
	fmt.Fprintf(b, "\n### %s\n\n| field | type | default | |\n|---|---|---|---|\n", title)
	rows(b, "", s)
}

// rows writes a line for each field, objects before what is in them.
func rows(b *strings.Builder, path string, s *jsonschema.Schema) {
	if s.Properties == nil {
		return
	}
	for name, field := range s.Properties.FromOldest() {
		value := "–"
		switch {
		case slices.Contains(s.Required, name):
			value = "**required**"
		case field.Default != nil && field.Default != "":
			raw, _ := json.Marshal(field.Default)
			value = "`" + strings.Trim(string(raw), `"`) + "`"
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s | %s |\n", path, name, typeOf(field), value, strings.TrimSuffix(field.Description, "."))
		if field.Items != nil {
			rows(b, path+name+"[].", field.Items)
		}
		rows(b, path+name+".", field)
	}
}

func typeOf(s *jsonschema.Schema) string {
	switch {
	case s.Const != nil:
		return fmt.Sprintf("`%v`", s.Const)
	case s.Ref != "":
		return "one " + strings.TrimPrefix(s.Ref, "#/$defs/")
	case s.Type == "array":
		return "list of " + typeOf(s.Items)
	case len(s.Enum) > 0:
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = fmt.Sprintf("`%v`", v)
		}
		return strings.Join(values, " ")
	case strings.Contains(s.Pattern, "ms"):
		return "duration"
	case strings.HasSuffix(s.Pattern, "%$"):
		return "percentage"
	case s.Format == "date-time":
		return "time"
	case s.Type == "object" && s.Properties == nil:
		return "map of " + typeOf(s.AdditionalProperties)
	}
	return s.Type + limits(s)
}

func limits(s *jsonschema.Schema) string {
	if s.Minimum != "" && s.Maximum != "" {
		return fmt.Sprintf(", %s to %s", s.Minimum, s.Maximum)
	}
	text := ""
	for _, limit := range []struct {
		words string
		at    json.Number
	}{{"at least", s.Minimum}, {"above", s.ExclusiveMinimum}, {"at most", s.Maximum}, {"below", s.ExclusiveMaximum}} {
		if limit.at != "" {
			text += ", " + limit.words + " " + limit.at.String()
		}
	}
	return text
}

// A document printed in the documentation must be one that works.
func TestDocumentsInTheDocumentationAreValid(t *testing.T) {
	text, err := os.ReadFile("../docs/document.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if !strings.Contains(block, "apiVersion:") {
			continue
		}
		found++
		l := v1alpha1.Loader{Plugins: builtin.New(), Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(block)}
		if _, err := l.Load([]string{"-"}); err != nil {
			t.Errorf("%v in\n%s", err, block)
		}
	}
	if found == 0 {
		t.Error("found no document")
	}
}
