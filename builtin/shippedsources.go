package builtin

import "github.com/flyball-io/flyball/source/prometheus"

// registerSources adds the sources that ship: a line for each.
func registerSources(s *Sources) {
	RegisterSource(s, "prometheus", prometheus.Default, prometheus.New)
}
