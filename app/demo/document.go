package demo

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/scale"
)

// The sample service of the demonstration: 4 slots of 80 ms, so one replica
// carries 50 requests per second when always busy, and a start-up of 30 s
// before the time is compressed.
const (
	slots        = 4
	serviceMean  = 80 * time.Millisecond
	serviceCV    = 0.5
	startupDelay = 30 * time.Second
	threshold    = 500 * time.Millisecond
	share        = 0.99
	shadowRate   = 35 // requests per second and replica, 70 % of what one carries
)

// document is what a user would write to have the sample service scaled: the
// demonstration goes the same way as `flyball run`.
func document(name string, policy scale.Plugin, o Options) ([]byte, error) {
	command := []string{o.Executable, "sample-app",
		"--slots", fmt.Sprint(slots), "--service-mean", serviceMean.String(), "--service-cv", fmt.Sprint(serviceCV),
		"--seed", fmt.Sprint(o.Seed), "--startup-delay", compress(startupDelay, o.Speed).String()}
	spec := map[string]any{
		"target": map[string]any{"process": map[string]any{
			"command":   literal(command),
			"readiness": map[string]any{"path": "/healthz"},
			// Shorter than usual, and not compressed: a replica that hangs is hung.
			"livenessTimeout": "10s",
		}},
		"replicas":  map[string]any{"min": 1, "max": o.MaxReplicas},
		"objective": map[string]any{"latency": map[string]any{"threshold": threshold.String(), "target": fmt.Sprintf("%v%%", 100*share)}},
		"policy":    policy,
		"shadows":   []scale.Plugin{shadow()},
		"balancer":  map[string]any{"builtin": map[string]any{"listen": "127.0.0.1:0"}},
	}
	return json.Marshal(map[string]any{"apiVersion": v1alpha1.APIVersion, "kind": v1alpha1.Kind,
		"metadata": map[string]any{"name": name}, "spec": spec})
}

// literal keeps dollar signs from being read as variables.
func literal(command []string) []string {
	for i := range command {
		command[i] = strings.ReplaceAll(command[i], "$", "$$")
	}
	return command
}

func compress(d time.Duration, speed float64) time.Duration {
	return time.Duration(float64(d) / speed).Round(time.Millisecond)
}

// shadow is watched beside the policy.
func shadow() scale.Plugin {
	return scale.Plugin{Kind: "hpa", Body: json.RawMessage(fmt.Sprintf(`{"metrics":[{"signal":"requestRate","averageValue":%d}]}`, shadowRate))}
}

// plain is how a policy named without parameters is configured here: told the
// slots of the sample service, of which the HPA is to keep 70 % busy. CPU, the
// usual signal, would mislead: the sample service sleeps instead of computing.
// To learn the slots from response times takes longer than a demonstration.
func plain(kind string) scale.Plugin {
	switch kind {
	case "hpa":
		return scale.Plugin{Kind: kind, Body: json.RawMessage(fmt.Sprintf(`{"metrics":[{"signal":"concurrency","averageValue":%v}]}`, 0.7*slots))}
	case "predictive":
		return scale.Plugin{Kind: kind, Body: json.RawMessage(fmt.Sprintf(`{"service":{"concurrency":%d}}`, slots))}
	}
	return scale.Plugin{Kind: kind}
}

// ParsePolicy reads NAME or NAME:key=value,key=value, as [builtin.ParseWritten].
func ParsePolicy(text string, plugins *builtin.Registry) (scale.Plugin, error) {
	written, err := builtin.ParseWritten(text)
	if err != nil {
		return scale.Plugin{}, err
	}
	p := plain(written.Kind)
	if len(written.Fields) > 0 {
		p = written.Plugin()
	}
	if _, err := plugins.Policies.Decode(p); err != nil {
		return scale.Plugin{}, err
	}
	return p, nil
}

// spec decodes the document and compresses its time.
func spec(name string, policy scale.Plugin, o Options) (app.Spec, []builtin.Change, error) {
	text, err := document(name, policy, o)
	if err != nil {
		return app.Spec{}, nil, err
	}
	loader := v1alpha1.Loader{Plugins: o.Plugins, Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(string(text))}
	docs, err := loader.Load([]string{"-"})
	if err != nil {
		return app.Spec{}, nil, err
	}
	specs, err := app.NewSpecs(docs, o.Plugins)
	if err != nil {
		return app.Spec{}, nil, err
	}
	s := specs[0]
	changes := s.Compress(o.Speed)
	s.Initial = min(o.MaxReplicas, max(1, int(math.Ceil(o.Shape.Rate(0)/shadowRate))))
	return s, changes, nil
}
