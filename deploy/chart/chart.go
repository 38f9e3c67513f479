// Package chart holds what is installed on a Kubernetes cluster, as Helm charts:
// the operator, and a service to be copied. It renders them too, so that plain
// manifests and charts are one: who has Helm installs the folder, who has not
// lets flyball print it, and a test holds both to the same (test/helm).
package chart

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"
)

//go:embed all:operator all:app
var charts embed.FS

// Charts there are.
const (
	Operator = "operator"
	App      = "app"
)

// Values are those of a chart, by name.
type Values = map[string]any

// Release is what is installed, and where.
type Release struct {
	Name, Namespace string
	// Helm installs it: then what Helm alone runs belongs to it too.
	Helm bool
}

// service is who installs it.
func (r Release) service() string {
	if r.Helm {
		return "Helm"
	}
	return "flyball"
}

// Render returns the manifests of a chart as one stream of YAML documents.
// Values go over those of the chart, the later over the earlier.
func Render(chart string, r Release, over ...Values) ([]byte, error) {
	values, err := Defaults(chart)
	if err != nil {
		return nil, err
	}
	for _, v := range over {
		values = merge(values, v)
	}
	if err := check(chart, values); err != nil {
		return nil, err
	}
	all, err := parse(chart)
	if err != nil {
		return nil, err
	}
	data := map[string]any{
		"Values":  values,
		"Release": map[string]any{"Name": r.Name, "Namespace": r.Namespace, "Service": r.service()},
		"Files":   files(chart),
	}
	var out bytes.Buffer
	for _, name := range manifests(all) {
		var one bytes.Buffer
		if err := all.ExecuteTemplate(&one, name, data); err != nil {
			return nil, fmt.Errorf("chart %s: %w", chart, err)
		}
		if text := strings.TrimSpace(one.String()); text != "" {
			fmt.Fprintf(&out, "---\n# %s\n%s\n", name, strings.TrimPrefix(text, "---\n"))
		}
	}
	return out.Bytes(), nil
}

// Defaults are the values of a chart where nobody says anything.
func Defaults(chart string) (Values, error) { return read(chart, "values.yaml") }

// Preset are the values that a chart comes with for an environment or a
// provider, as values-NAME.yaml; none where it comes with none.
func Preset(chart, name string) (Values, error) {
	file := "values-" + name + ".yaml"
	if _, err := fs.Stat(charts, path.Join(chart, file)); err != nil {
		return Values{}, nil
	}
	return read(chart, file)
}

func read(chart, file string) (Values, error) {
	text, err := charts.ReadFile(path.Join(chart, file))
	if err != nil {
		return nil, err
	}
	return ParseValues(text)
}

// ParseValues reads a file of values.
func ParseValues(text []byte) (Values, error) {
	values := Values{}
	if err := yaml.Unmarshal(text, &values); err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	return values, nil
}

// merge returns values with others over them; what both have of objects is
// merged, all else replaced.
func merge(values, over Values) Values {
	merged := Values{}
	for name, v := range values {
		merged[name] = v
	}
	for name, v := range over {
		below, object := v.(Values)
		if was, both := merged[name].(Values); object && both {
			merged[name] = merge(was, below)
			continue
		}
		merged[name] = v
	}
	return merged
}

// files are what templates may read of a chart.
type files string

// Get returns the content of a file; "" when there is none, as Helm's does.
func (f files) Get(name string) string {
	text, _ := charts.ReadFile(path.Join(string(f), name))
	return string(text)
}

// parse reads the templates of a chart.
func parse(chart string) (*template.Template, error) {
	all := template.New(chart)
	all.Funcs(functions(all))
	names, err := fs.Glob(charts, path.Join(chart, "templates", "*"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := charts.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if _, err := all.New(path.Base(name)).Parse(string(text)); err != nil {
			return nil, fmt.Errorf("chart %s: %w", chart, err)
		}
	}
	return all, nil
}

// order is that in which a cluster can take things: kinds before objects of
// them, rights before who has them. All others come after, by name.
var order = []string{"crds.yaml", "serviceaccount.yaml", "rbac.yaml", "service.yaml", "deployment.yaml"}

// manifests are the templates that make objects, in that order.
func manifests(all *template.Template) []string {
	var names []string
	for _, t := range all.Templates() {
		if strings.HasSuffix(t.Name(), ".yaml") {
			names = append(names, t.Name())
		}
	}
	place := func(name string) string {
		if i := slices.Index(order, name); i >= 0 {
			return fmt.Sprint(i)
		}
		return "9" + name
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(place(a), place(b)) })
	return names
}
