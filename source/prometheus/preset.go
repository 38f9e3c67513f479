package prometheus

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
)

// Preset is a ready-made query over the metrics of a well-known exporter.
type Preset struct {
	Name     string         `json:"name" jsonschema:"required,description=Name of the ready-made query"`
	Match    string         `json:"match,omitempty" jsonschema:"description=Which series as PromQL has it between the braces; at least one label. Or namespace and deployment instead"`
	Window   scale.Duration `json:"window,omitempty" jsonschema:"description=Time that rates average over; at least twice the scrape interval; default 1m"`
	Quantile float64        `json:"quantile,omitempty" jsonschema:"description=Which quantile a latency is; default 0.95,exclusiveMinimum=0,exclusiveMaximum=1"`
	Workload
}

const (
	defaultWindow   = scale.Duration(time.Minute)
	defaultQuantile = 0.95
	minWindow       = scale.Duration(time.Second)
)

// JSONSchemaExtend lists the names.
func (Preset) JSONSchemaExtend(s *jsonschema.Schema) {
	name, _ := s.Properties.Get("name")
	for _, known := range Presets() {
		name.Enum = append(name.Enum, known)
	}
}

// Presets lists the names of the ready-made queries, sorted.
func Presets() []string { return slices.Sorted(maps.Keys(templates())) }

func (p Preset) validate() error {
	var errs []error
	if _, known := templates()[p.Name]; !known {
		errs = append(errs, fmt.Errorf("preset.name: %q is not known; known: %s", webclient.Excerpt(p.Name, 50), strings.Join(Presets(), ", ")))
	}
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector("{" + p.Match + "}")
	switch {
	case p.Workload != (Workload{}):
		errs = append(errs, p.workloadFaults()...)
	case err != nil:
		errs = append(errs, fmt.Errorf(`preset.match: must be labels such as namespace="shop",pod=~"web-.*": %s`, webclient.Excerpt(err.Error(), 200)))
	case len(matchers) == 0:
		errs = append(errs, errors.New(`preset.match: must name at least one label, for example namespace="shop"; without it everything is added up. On Kubernetes namespace and deployment will do instead`))
	}
	if p.Window != 0 && p.Window < minWindow {
		errs = append(errs, fmt.Errorf("preset.window: must be at least %v, got %v", minWindow, p.Window))
	}
	if p.Quantile < 0 || p.Quantile >= 1 {
		errs = append(errs, fmt.Errorf("preset.quantile: must be above 0 and below 1, got %v", p.Quantile))
	}
	return errors.Join(errs...)
}

// query puts the labels, the window and the quantile into the template: $M,
// $W and $Q.
func (p Preset) query() string {
	if p.Window == 0 {
		p.Window = defaultWindow
	}
	if p.Quantile == 0 {
		p.Quantile = defaultQuantile
	}
	if p.Workload == (Workload{}) {
		return p.matching(p.Match)
	}
	var queries []string
	for _, match := range p.matches(p.Name) {
		queries = append(queries, p.matching(match))
	}
	if len(queries) == 1 {
		return queries[0]
	}
	return "(" + strings.Join(queries, ") or (") + ")"
}

func (p Preset) matching(match string) string {
	return strings.NewReplacer("$M", strings.TrimRight(strings.TrimSpace(match), ","), "$W", model.Duration(p.Window.Std()).String(),
		"$Q", strconv.FormatFloat(p.Quantile, 'g', -1, 64)).Replace(templates()[p.Name])
}
