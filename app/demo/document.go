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

// plain is how a policy named without parameters is configured here: kept at
// 70 % of the sample service's slots. CPU, the usual signal, would mislead: the
// sample service sleeps instead of computing.
func plain(kind string) scale.Plugin {
	if kind == "hpa" {
		return scale.Plugin{Kind: kind, Body: json.RawMessage(fmt.Sprintf(`{"metrics":[{"signal":"concurrency","averageValue":%v}]}`, 0.7*slots))}
	}
	return scale.Plugin{Kind: kind}
}

// ParsePolicy reads NAME or NAME:key=value,key=value; a value is JSON or plain
// text.
func ParsePolicy(text string, plugins *builtin.Registry) (scale.Plugin, error) {
	name, parameters, _ := strings.Cut(text, ":")
	p := plain(name)
	if parameters != "" {
		fields := map[string]json.RawMessage{}
		for _, pair := range splitPairs(parameters) {
			key, value, found := strings.Cut(pair, "=")
			if !found || key == "" {
				return scale.Plugin{}, fmt.Errorf("parameters are key=value, separated by commas, got %q", pair)
			}
			fields[key] = scalar(value)
		}
		body, err := json.Marshal(fields)
		if err != nil {
			return scale.Plugin{}, err
		}
		p = scale.Plugin{Kind: name, Body: body}
	}
	if _, err := plugins.Policies.Decode(p); err != nil {
		return scale.Plugin{}, err
	}
	return p, nil
}

// splitPairs splits at the commas outside of brackets and quotes, so that
// lists and objects stay whole.
func splitPairs(text string) []string {
	var pairs []string
	start, depth, quoted := 0, 0, false
	for i, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '[' || r == '{':
			depth++
		case r == ']' || r == '}':
			depth--
		case r == ',' && depth <= 0:
			pairs, start = append(pairs, text[start:i]), i+1
		}
	}
	return append(pairs, text[start:])
}

// scalar is value as JSON when it is a number, a truth value or null, else
// the text.
func scalar(value string) json.RawMessage {
	if json.Valid([]byte(value)) && !strings.HasPrefix(value, `"`) {
		return json.RawMessage(value)
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage(`""`)
	}
	return quoted
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
	s.Process.LivenessTimeout = scale.Duration(10 * time.Second)
	return s, changes, nil
}
