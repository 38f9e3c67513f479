package swarm

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/flyball-io/flyball/internal/docker"
)

// LabelPrefix begins the labels of a service that are meant for Flyball: those
// under deploy in a stack file.
const LabelPrefix = "flyball."

const enable = LabelPrefix + "enable"

// Label is one that a service may have, and the field of a document that it
// stands for.
type Label struct {
	Name string
	// Path is the field; "" where the label stands for none.
	Path string
	Help string
	kind kind
}

// kind is how the text of a label becomes the value of a field.
type kind uint8

const (
	text kind = iota
	number
	percent // a number; a % behind it is the unit
	both    // of the two fields scaleUp and scaleDown
	plugin  // a name, or a name with what stands in it, as in a document
	measure // who measures the CPU, as a signal
)

const (
	targetPath = "spec.target.swarm."
	cpuPath    = "spec.policy.threshold.cpuUtilization"
	policy     = LabelPrefix + "policy"
	cpuFrom    = LabelPrefix + "cpu.from"
)

// Labels are all there are, in the order of the documentation.
func Labels() []Label {
	return []Label{
		{enable, "", "`true`: the service is scaled", text},
		{LabelPrefix + "min", "spec.replicas.min", "fewest tasks; 1 when left out", number},
		{LabelPrefix + "max", "spec.replicas.max", "most tasks; must be given", number},
		{LabelPrefix + "port", targetPath + "port", "port inside the container that takes requests", number},
		{LabelPrefix + "network", targetPath + "network", "network in which the balancer reaches the tasks; their first when left out", text},
		{LabelPrefix + "address", targetPath + "address", "`published`: the tasks are reached at the port of their node", text},
		{LabelPrefix + "objective.latency", "spec.objective.latency.threshold", "longest time of a good request, `250ms`", text},
		{LabelPrefix + "objective.target", "spec.objective.latency.target", "share of requests that must be good, `99%`", text},
		{LabelPrefix + "objective.window", "spec.objective.latency.window", "time over which that is judged; `1h` when left out", text},
		{LabelPrefix + "objective.cost", "spec.objective.cost.perReplicaHour", "price of a task for an hour", number},
		{LabelPrefix + "objective.budget", "spec.objective.cost.budgetPerDay", "what all tasks may cost in a day", number},
		{LabelPrefix + "cpu.up", cpuPath + ".up", "policy `threshold`: more tasks above this CPU, in percent", percent},
		{LabelPrefix + "cpu.down", cpuPath + ".down", "policy `threshold`: fewer tasks below it", percent},
		{cpuFrom, "spec.signals", "who measures CPU: `engine` (that of Flyball's own node, for a swarm of one) or `agents` (one on each node); `engine` when left out beside the two", measure},
		{LabelPrefix + "cooldown", "spec.cooldown", "wait after a change in both directions, `60s`", both},
		{LabelPrefix + "cooldown.up", "spec.cooldown.scaleUp", "wait before going up alone", text},
		{LabelPrefix + "cooldown.down", "spec.cooldown.scaleDown", "wait before going down alone", text},
		{policy, "spec.policy", "name of a policy, or with what stands in it: `hpa: {metrics: [{signal: concurrency, averageValue: 3}]}`", plugin},
		{LabelPrefix + "balancer", "spec.balancer", "the same of a balancer", plugin},
		{LabelPrefix + "mode", "spec.mode", "`Recommend`: decide and show, and change nothing", text},
		{LabelPrefix + "sync", "spec.sync", "time between two decisions; `15s` when left out", text},
	}
}

// Labelled is the document that the labels of a service stand for.
type Labelled struct {
	Service string
	// JSON is an Autoscaler document on one line.
	JSON []byte
	// Faults are what is wrong with the labels as such. What is wrong with
	// the document is for whoever reads it to say.
	Faults []LabelFault
}

// LabelFault is what is wrong with a label of a service.
type LabelFault struct{ Service, Label, Message string }

func (f LabelFault) Error() string {
	return fmt.Sprintf("service %s: %s: %s", f.Service, f.Label, f.Message)
}

// ReadLabels reads the labels of all services that are to be scaled, in the
// order of the services.
func ReadLabels(services []docker.Service, endpoint string) []Labelled {
	var all []Labelled
	for i := range services {
		s := &services[i]
		switch value, stated := s.Labels[enable]; {
		case !stated || value == "false":
		case value != "true":
			all = append(all, Labelled{Service: s.Name, Faults: []LabelFault{{s.Name, enable, fmt.Sprintf("must be true or false, got %q", value)}}})
		default:
			all = append(all, read(s, endpoint))
		}
	}
	return all
}

// read makes a document of the labels of one service.
func read(s *docker.Service, endpoint string) Labelled {
	d := Labelled{Service: s.Name}
	fault := func(label, format string, args ...any) {
		d.Faults = append(d.Faults, LabelFault{s.Name, label, fmt.Sprintf(format, args...)})
	}
	document := map[string]any{"apiVersion": "flyball.io/v1alpha1", "kind": "Autoscaler"}
	put(document, "metadata.name", documentName(s.Name))
	put(document, "spec.replicas", map[string]any{}) // whose fields are missed by name
	put(document, targetPath+"service", s.Name)
	if endpoint != "" {
		put(document, targetPath+"endpoint", endpoint)
	}
	known := map[string]bool{}
	for _, label := range Labels() {
		known[label.Name] = true
		value, stated := s.Labels[label.Name]
		if !stated || label.Path == "" {
			continue
		}
		if err := label.put(document, value); err != nil {
			fault(label.Name, "%v", err)
		}
	}
	if at(document, cpuPath) != nil && at(document, "spec.signals") == nil {
		put(document, "spec.signals", cpuMeasuredBy("engine"))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		if strings.HasPrefix(name, LabelPrefix) && !known[name] {
			fault(name, "unknown label; known: %s", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	raw, err := json.Marshal(escaped(document))
	if err != nil {
		fault(enable, "%v", err)
	}
	d.JSON = raw
	return d
}

// put sets the field of a label.
func (l Label) put(document map[string]any, value string) error {
	switch l.kind {
	case number, percent:
		put(document, l.Path, numeric(strings.TrimSuffix(value, map[kind]string{percent: "%"}[l.kind])))
		return l.aboutPolicy(document)
	case both:
		put(document, l.Path+".scaleUp", value)
		put(document, l.Path+".scaleDown", value)
	case plugin:
		return l.putPlugin(document, value)
	case measure:
		put(document, l.Path, cpuMeasuredBy(value))
	default:
		put(document, l.Path, value)
	}
	return nil
}

// cpuMeasuredBy is the signal that CPU thresholds need: a swarm tells nothing of
// what tasks use.
func cpuMeasuredBy(who string) []any {
	return []any{map[string]any{"name": "cpuUtilization", "docker": map[string]any{"from": who}}}
}

// numeric is a number where the text is one; otherwise whoever reads the
// document says what must stand there.
func numeric(value string) any {
	var n json.Number
	if json.Unmarshal([]byte(value), &n) == nil && n != "" && !strings.HasPrefix(value, `"`) {
		return n
	}
	return value
}

// putPlugin sets a plug-in by its name, or by its name and what stands in it.
// What other labels have said of the same plug-in stays.
func (l Label) putPlugin(document map[string]any, value string) error {
	var read any
	if err := yaml.Unmarshal([]byte(value), &read); err != nil {
		return fmt.Errorf("must be a name, or a name with what stands in it: %w", err)
	}
	if name, ok := read.(string); ok {
		read = map[string]any{name: map[string]any{}}
	}
	stated, ok := read.(map[string]any)
	if !ok {
		return fmt.Errorf("must be a name, or a name with what stands in it, got %q", value)
	}
	for name, body := range stated {
		if fields, ok := body.(map[string]any); ok {
			for field, v := range fields {
				put(document, l.Path+"."+name+"."+field, v)
			}
			if len(fields) > 0 {
				continue
			}
		}
		if body == nil {
			body = map[string]any{}
		}
		if at(document, l.Path+"."+name) == nil {
			put(document, l.Path+"."+name, body)
		}
	}
	return l.aboutPolicy(document)
}

// aboutPolicy reports thresholds beside a policy that has none.
func (l Label) aboutPolicy(document map[string]any) error {
	chosen, _ := at(document, "spec.policy").(map[string]any)
	if _, thresholds := chosen["threshold"]; !thresholds || len(chosen) < 2 || l.Name != policy {
		return nil
	}
	delete(chosen, "threshold")
	return fmt.Errorf("must be threshold or left out beside %scpu.up and %scpu.down, got %s", LabelPrefix, LabelPrefix, strings.Join(slices.Sorted(maps.Keys(chosen)), ", "))
}

// put sets a field of a document, making the objects on the way.
func put(document map[string]any, path string, value any) {
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		below, ok := document[name].(map[string]any)
		if !ok {
			below = map[string]any{}
			document[name] = below
		}
		document = below
	}
	document[names[len(names)-1]] = value
}

func at(document map[string]any, path string) any {
	var value any = document
	for name := range strings.SplitSeq(path, ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[name]
	}
	return value
}

// escaped keeps dollar signs from being read as variables: a stack file has
// had its own replaced already.
func escaped(value any) any {
	switch v := value.(type) {
	case string:
		return strings.ReplaceAll(v, "$", "$$")
	case map[string]any:
		for name, below := range v {
			v[name] = escaped(below)
		}
	case []any:
		for i := range v {
			v[i] = escaped(v[i])
		}
	}
	return value
}

// documentName is a service's name with what a document's name may have.
func documentName(service string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r == '.' {
			return '-'
		}
		return r
	}, strings.ToLower(service))
	return strings.Trim(name, "-")
}

// LabelAt is the label that a field of a document comes from, with what of the
// field's path lies below it; "" where the field comes from none.
func LabelAt(path string) (label, below string) {
	longest := -1
	for _, l := range Labels() {
		rest, under := strings.CutPrefix(path, l.Path)
		if l.Path == "" || !under || rest != "" && rest[0] != '.' && rest[0] != '[' || len(l.Path) <= longest {
			continue
		}
		longest, label, below = len(l.Path), l.Name, strings.TrimPrefix(rest, ".")
	}
	return label, below
}
