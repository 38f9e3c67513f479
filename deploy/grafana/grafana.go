// Package grafana has Flyball's dashboards for Grafana as code: each is a list of
// questions to Prometheus, and one function makes of it what Grafana reads. So all
// look alike, no panel lies on another, and a test can put every question to a real
// Prometheus. The files in dashboards are made by it; deploy compose and swarm
// provision them.
package grafana

import (
	"embed"
	"strings"
)

//go:generate go test . -run AreTheGeneratedOnes -update

// SourceUID is the data source that panels ask unless another is chosen.
const SourceUID = "prometheus"

//go:embed dashboards/*.json
var files embed.FS

// Dashboard is one page.
type Dashboard struct {
	// Name is that of the file, UID what links use; they do not change.
	Name, UID, Title, Description string
	Variables                     []Variable
	Rows                          []Row
}

// Variable is chosen above the panels; its values are those of a label.
type Variable struct {
	Name, Label, Query string
	// Several may be chosen, and are at first.
	Several bool
}

// Row is a heading with panels below it.
type Row struct {
	Title  string
	Panels []Panel
}

// Panel answers one question.
type Panel struct {
	Title, Description string
	Kind               Kind
	// Unit is one of Grafana's: s, reqps, percentunit, bytes, Bps, short.
	Unit string
	// Width of the 24 columns.
	Width   int
	Queries []Query
}

// Kind is how a panel shows its values.
type Kind string

// Kinds of panels.
const (
	Lines Kind = "timeseries"
	Bars  Kind = "bars" // of counts: lines in Grafana's words too
	Stat  Kind = "stat"
	Table Kind = "table"
)

// Query is a question to Prometheus, and how its series are called.
type Query struct{ Expr, Legend string }

// All are the dashboards in the order in which they are listed.
func All() []Dashboard {
	return []Dashboard{overview(), scaling(), resources(), policies(), workloads(), balancers()}
}

// File is the JSON of a dashboard that ships. It panics for one that does not.
func File(name string) []byte {
	text, err := files.ReadFile("dashboards/" + name + ".json")
	if err != nil {
		panic(err)
	}
	return text
}

// ours are the series of the chosen targets.
const ours = `job="$job", target=~"$target"`

// ask is a question, with {@} for those of the chosen targets and {@, …} for some
// of them.
func ask(expr, legend string) Query {
	return Query{strings.ReplaceAll(expr, "{@", "{"+ours), legend}
}

// targets are the variables of dashboards of Flyball's own metrics. The job is
// one alone: where Flyball runs as several processes each has metrics, and the
// dashboard's speak of the whole.
func targets() []Variable {
	return []Variable{
		{Name: "job", Label: "Job", Query: "label_values(flyball_build_info, job)"},
		{Name: "target", Label: "Target", Query: `label_values(flyball_desired_replicas{job="$job"}, target)`, Several: true},
	}
}
