// Package prometheus has the alert rules on Flyball's own metrics. They are in the
// stacks that deploy compose and swarm print, and in the operator's chart as a
// PrometheusRule; docs/runbook.md has an entry for each.
package prometheus

import _ "embed"

//go:generate cp alerts.yaml ../chart/operator/files/alerts.yaml

//go:embed alerts.yaml
var alerts []byte

// Alerts is the file of rules.
func Alerts() []byte { return alerts }
