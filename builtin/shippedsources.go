package builtin

import (
	"github.com/flyball-io/flyball/source/docker"
	"github.com/flyball-io/flyball/source/inference"
	"github.com/flyball-io/flyball/source/kubernetes"
	"github.com/flyball-io/flyball/source/openmetrics"
	"github.com/flyball-io/flyball/source/probe"
	"github.com/flyball-io/flyball/source/prometheus"
	"github.com/flyball-io/flyball/source/queue"
	"github.com/flyball-io/flyball/source/vector"
)

// registerSources adds the sources that ship: a line for each.
func registerSources(s *Sources) {
	RegisterSource(s, "docker", docker.Default, docker.New)
	RegisterSource(s, "inference", inference.Default, inference.New)
	RegisterSource(s, "kubernetes", kubernetes.Default, kubernetes.New)
	RegisterSource(s, "openmetrics", openmetrics.Default, openmetrics.New)
	RegisterSource(s, "probe", probe.Default, probe.New)
	RegisterSource(s, "prometheus", prometheus.Default, prometheus.New)
	RegisterSource(s, "queue", queue.Default, queue.New)
	RegisterSource(s, "vector", vector.Default, vector.New)
}
