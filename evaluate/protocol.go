package evaluate

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/flyball-io/flyball/internal/strict"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// Protocol lays down what is played before anybody knows how it ends: traces,
// windows, scales, seeds and the grid that the HPA is tuned over. Figures that
// are published come from one that was in the repository first.
type Protocol struct {
	Kind      string            `json:"kind" jsonschema:"required,enum=EvaluationProtocol"`
	Service   ProtocolService   `json:"service" jsonschema:"required"`
	Objective ProtocolObjective `json:"objective" jsonschema:"required"`
	Replicas  ProtocolReplicas  `json:"replicas" jsonschema:"required"`
	Clocks    ProtocolClocks    `json:"clocks" jsonschema:"required"`
	// P99RPS is what every trace is scaled to, Smooth what a bin must hold.
	P99RPS float64 `json:"p99RPS" jsonschema:"required,exclusiveMinimum=0"`
	Smooth float64 `json:"smooth" jsonschema:"minimum=0"`
	// Levels are the shares of avoidable violations at which costs are told.
	Levels   []float64 `json:"levels" jsonschema:"required,minItems=1"`
	Policies []string  `json:"policies" jsonschema:"required,minItems=1"`
	// Tune are the traces that settings are chosen on, Report those that figures
	// are told of.
	Tune   []ProtocolTrace `json:"tune" jsonschema:"required,minItems=1"`
	Report []ProtocolTrace `json:"report" jsonschema:"required,minItems=1"`
	// Fluid plays whole windows, Events excerpts of them request by request.
	Fluid       ProtocolFluid       `json:"fluid" jsonschema:"required"`
	Events      ProtocolEvents      `json:"events" jsonschema:"required"`
	Sweep       ProtocolSweep       `json:"sweep" jsonschema:"required"`
	Calibration ProtocolCalibration `json:"calibration" jsonschema:"required"`
	Topologies  ProtocolTopologies  `json:"topologies" jsonschema:"required"`
	// Candidate is the policy that targets are judged for, as it comes.
	Candidate string `json:"candidate,omitempty"`
	// Variants are other services, played on demand.
	Variants *ProtocolVariants `json:"variants,omitempty"`
}

// ProtocolService is the service that takes the load.
type ProtocolService struct {
	Law         string         `json:"law" jsonschema:"required,enum=lognormal,enum=exponential,enum=deterministic"`
	Mean        scale.Duration `json:"mean" jsonschema:"required"`
	CV          float64        `json:"cv" jsonschema:"minimum=0"`
	Concurrency int            `json:"concurrency" jsonschema:"required,minimum=1"`
	Topology    string         `json:"topology" jsonschema:"required,enum=leastconn,enum=central,enum=random,enum=roundrobin,enum=p2c"`
}

// ProtocolObjective is what requests are promised; Target in percent.
type ProtocolObjective struct {
	Threshold scale.Duration `json:"threshold" jsonschema:"required"`
	Target    float64        `json:"target" jsonschema:"required,exclusiveMinimum=0,exclusiveMaximum=100"`
}

// ProtocolReplicas is how many there may be and how long one takes to start.
type ProtocolReplicas struct {
	Min     int            `json:"min" jsonschema:"required,minimum=0"`
	Max     int            `json:"max" jsonschema:"required,minimum=1"`
	Startup scale.Duration `json:"startup" jsonschema:"required"`
}

// ProtocolClocks are the times between decisions and measurements: of the
// replicas' usage, and of what the balancer counts.
type ProtocolClocks struct {
	Sync             scale.Duration `json:"sync" jsonschema:"required"`
	Scrape           scale.Duration `json:"scrape" jsonschema:"required"`
	MetricWindow     scale.Duration `json:"metricWindow" jsonschema:"required"`
	BalancerInterval scale.Duration `json:"balancerInterval" jsonschema:"required"`
	BalancerWindow   scale.Duration `json:"balancerWindow" jsonschema:"required"`
	// BalancerOff: the balancer tells nothing, policies have CPU alone.
	BalancerOff bool `json:"balancerOff,omitempty"`
}

// ProtocolTrace is a window of a trace file.
type ProtocolTrace struct {
	Name   string `json:"name" jsonschema:"required,minLength=1"`
	File   string `json:"file" jsonschema:"required,minLength=1"`
	Window string `json:"window,omitempty"` // empty: all
	// Warmup is the history before the window that policies see.
	Warmup      scale.Duration `json:"warmup,omitempty"`
	Rebin       scale.Duration `json:"rebin,omitempty"`
	Interpolate bool           `json:"interpolate,omitempty"`
}

// ProtocolFluid says how whole windows are played.
type ProtocolFluid struct {
	Seeds int `json:"seeds" jsonschema:"required,minimum=1,maximum=1000"`
}

// ProtocolEvents says which excerpts are played request by request.
type ProtocolEvents struct {
	Seeds    int            `json:"seeds" jsonschema:"required,minimum=1,maximum=1000"`
	Length   scale.Duration `json:"length" jsonschema:"required"`
	Warmup   scale.Duration `json:"warmup" jsonschema:"required"`
	Excerpts []Excerpt      `json:"excerpts" jsonschema:"required,minItems=1"`
	// Without are policies that are not played so: single requests take time.
	Without []string `json:"without,omitempty"`
}

// ProtocolSweep says which knobs are turned.
type ProtocolSweep struct {
	Seeds    int      `json:"seeds" jsonschema:"required,minimum=1,maximum=1000"`
	Policies []string `json:"policies" jsonschema:"required,minItems=1"`
}

// ProtocolCalibration says how the HPA is tuned.
type ProtocolCalibration struct {
	Seeds int `json:"seeds" jsonschema:"required,minimum=1,maximum=1000"`
	ProtocolGrid
}

// ProtocolGrid is the grid that the HPA is tuned over, on each signal.
type ProtocolGrid struct {
	Signals []string  `json:"signals" jsonschema:"required,minItems=1"`
	Targets []float64 `json:"targets" jsonschema:"required,minItems=1"` // percent
	// Windows are those of scale-down stabilization.
	Windows    []scale.Duration `json:"windows" jsonschema:"required,minItems=1"`
	Tolerances []float64        `json:"tolerances" jsonschema:"required,minItems=1"`
	// Behaviors are further parameters, as after --policy hpa; empty: none.
	Behaviors []string `json:"behaviors" jsonschema:"required,minItems=1"`
}

// ProtocolTopologies says which policies are played under other topologies.
type ProtocolTopologies struct {
	Seeds    int      `json:"seeds" jsonschema:"required,minimum=1,maximum=1000"`
	Names    []string `json:"names" jsonschema:"required,minItems=2"`
	Policies []string `json:"policies" jsonschema:"required,minItems=1"`
	Traces   []string `json:"traces" jsonschema:"required,minItems=1"`
}

const durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+$|^0$`

// ReadProtocol reads a protocol without mercy: each fault names file, line and
// field, and all are told at once. known returns what is wrong with a policy, as
// after --policy; nil: nobody does.
func ReadProtocol(path string, known func(policy string) error) (Protocol, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Protocol{}, err
	}
	noVariables := func(string) (string, bool) { return "", false }
	trees, faults := strict.Parse(path, data, noVariables)
	if err := faults.Err(); err != nil {
		return Protocol{}, err
	}
	if len(trees) != 1 {
		return Protocol{}, fmt.Errorf("%s: holds %d documents, want one protocol", path, len(trees))
	}
	schema, err := protocolSchema()
	if err != nil {
		return Protocol{}, err
	}
	tree := trees[0]
	schema.Check(tree)
	var p Protocol
	sound, err := json.Marshal(tree.Sound())
	if err == nil && len(tree.Faults()) == 0 {
		err = json.Unmarshal(sound, &p)
	}
	if err != nil {
		tree.Add(nil, err.Error())
	}
	if len(tree.Faults()) == 0 {
		tree.Shape().AddInvalid(nil, errors.Join(p.Validate(), p.unknown(known)))
	}
	return p, tree.Faults().Err()
}

func protocolSchema() (*strict.Schema, error) {
	r := jsonschema.Reflector{Anonymous: true, DoNotReference: true, RequiredFromJSONSchemaTags: true, Mapper: func(t reflect.Type) *jsonschema.Schema {
		if t == reflect.TypeFor[scale.Duration]() {
			return &jsonschema.Schema{Type: "string", Pattern: durationPattern}
		}
		return nil
	}}
	raw, err := json.Marshal(r.Reflect(Protocol{}))
	if err != nil {
		return nil, fmt.Errorf("protocol schema: %w", err)
	}
	return strict.Compile(raw, map[string]strict.Pattern{durationPattern: {
		Words: "a duration with a unit (ms, s, m, h, d), for example 30s",
		Valid: func(text string) bool { _, err := scale.ParseDuration(text); return err == nil },
	}})
}

// Validate reports what the schema cannot say.
func (p Protocol) Validate() error {
	var errs []error
	names := map[string]string{}
	for _, list := range []struct {
		name   string
		traces []ProtocolTrace
	}{{"tune", p.Tune}, {"report", p.Report}} {
		for i, t := range list.traces {
			at := fmt.Sprintf("%s[%d]", list.name, i)
			if other, twice := names[t.Name]; twice {
				errs = append(errs, fmt.Errorf("%s.name: %q is already the name of %s", at, t.Name, other))
			}
			names[t.Name] = at
			if strings.ContainsAny(t.Name, "/@") {
				errs = append(errs, fmt.Errorf("%s.name: must not hold / or @, got %q", at, t.Name))
			}
			if t.Window != "" {
				if _, _, err := workload.ParseWindow(t.Window); err != nil {
					errs = append(errs, fmt.Errorf("%s.window: %w", at, err))
				}
			}
		}
	}
	for i, level := range p.Levels {
		if !(level > 0 && level < 1) {
			errs = append(errs, fmt.Errorf("levels[%d]: must be above 0 and below 1, got %v", i, level))
		}
	}
	for i, e := range p.Events.Excerpts {
		if !slices.Contains(Excerpts(), e) {
			errs = append(errs, fmt.Errorf("events.excerpts[%d]: must be one of peak, trough, rise, got %q", i, e))
		}
	}
	for i, policy := range p.Events.Without {
		if !slices.Contains(p.Policies, policy) {
			errs = append(errs, fmt.Errorf("events.without[%d]: %q is none of policies", i, policy))
		}
	}
	for i, name := range p.Topologies.Names {
		var t queueing.Topology
		if err := t.UnmarshalText([]byte(name)); err != nil {
			errs = append(errs, fmt.Errorf("topologies.names[%d]: %w", i, err))
		}
	}
	for i, name := range p.Topologies.Traces {
		if _, known := names[name]; !known {
			errs = append(errs, fmt.Errorf("topologies.traces[%d]: %q is none of tune and report", i, name))
		}
	}
	if p.Variants != nil {
		errs = append(errs, p.Variants.validate(p)...)
	}
	if p.Events.Length <= 0 {
		errs = append(errs, fmt.Errorf("events.length: must be above 0, got %v", p.Events.Length))
	}
	return errors.Join(errs...)
}

// unknown reports the policies that cannot be played.
func (p Protocol) unknown(known func(policy string) error) error {
	var errs []error
	check := func(at, policy string) {
		if known == nil || policy == "" {
			return
		}
		if err := known(policy); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
	}
	check("candidate", p.Candidate)
	type list struct {
		name     string
		policies []string
	}
	lists := []list{{"policies", p.Policies}, {"sweep.policies", p.Sweep.Policies}, {"topologies.policies", p.Topologies.Policies}}
	if p.Variants != nil {
		lists = append(lists, list{"variants.policies", p.Variants.Policies})
	}
	for _, list := range lists {
		for i, policy := range list.policies {
			check(fmt.Sprintf("%s[%d]", list.name, i), policy)
		}
	}
	return errors.Join(errs...)
}

// Scenario is that of the protocol without a load.
func (p Protocol) Scenario() (sim.Scenario, error) {
	s := sim.Default()
	s.Service.Slots = p.Service.Concurrency
	mean := p.Service.Mean.Std().Seconds()
	switch p.Service.Law {
	case "exponential":
		s.Service.Law = queueing.Exponential(mean)
	case "deterministic":
		s.Service.Law = queueing.Deterministic(mean)
	default:
		s.Service.Law = queueing.Lognormal(mean, p.Service.CV)
	}
	if err := s.Service.Topology.UnmarshalText([]byte(p.Service.Topology)); err != nil {
		return s, fmt.Errorf("service.topology: %w", err)
	}
	s.Objective.Threshold, s.Objective.Target = p.Objective.Threshold, p.Objective.Target/100
	s.Replicas.Min, s.Replicas.Max, s.Replicas.Startup = p.Replicas.Min, p.Replicas.Max, p.Replicas.Startup.Std()
	s.Sync, s.Metrics.Scrape, s.Metrics.Window = p.Clocks.Sync.Std(), p.Clocks.Scrape.Std(), p.Clocks.MetricWindow.Std()
	s.Metrics.BalancerInterval, s.Metrics.BalancerWindow = p.Clocks.BalancerInterval.Std(), p.Clocks.BalancerWindow.Std()
	s.Metrics.BalancerOff = p.Clocks.BalancerOff
	return s, nil
}

// Case is a trace of the protocol as it is played whole. open finds its file.
func (p Protocol) Case(t ProtocolTrace, open func(file string) (*workload.Trace, error)) (Case, error) {
	s, err := p.Scenario()
	if err != nil {
		return Case{}, err
	}
	trace, err := open(t.File)
	if err != nil {
		return Case{}, fmt.Errorf("%s: %w", t.Name, err)
	}
	o := workload.Options{Warmup: t.Warmup.Std(), Rebin: t.Rebin.Std(), Smooth: p.Smooth, P99RPS: p.P99RPS, Interpolate: t.Interpolate}
	if t.Window != "" {
		if o.Window.From, o.Window.To, err = workload.ParseWindow(t.Window); err != nil {
			return Case{}, fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	if trace, err = workload.Prepare(trace, o); err != nil {
		return Case{}, fmt.Errorf("%s: %w", t.Name, err)
	}
	s.Name, s.Load, s.Gaps, s.Warmup = t.Name, trace, trace.Gaps(), t.Warmup.Std()
	if err := s.Validate(); err != nil {
		return Case{}, fmt.Errorf("%s: %w", t.Name, err)
	}
	return Case{Trace: t.Name, Scenario: s, Fluid: true}, nil
}

// All are the settings on all signals.
func (c ProtocolGrid) All() []string {
	var all []string
	for _, signal := range c.Signals {
		all = append(all, c.Settings(signal)...)
	}
	return all
}

// Settings are those on a signal, as after --policy.
func (c ProtocolGrid) Settings(signal string) []string {
	var all []string
	for _, target := range c.Targets {
		for _, window := range c.Windows {
			for _, tolerance := range c.Tolerances {
				for _, behavior := range c.Behaviors {
					share := ""
					if signal != "cpuUtilization" {
						share = "%"
					}
					text := fmt.Sprintf("hpa:%s=%v%s,tolerance=%v,behavior.scaleDown.stabilizationWindowSeconds=%d", signal, target, share, tolerance, int(window.Std()/time.Second))
					if behavior != "" {
						text += "," + behavior
					}
					all = append(all, text)
				}
			}
		}
	}
	return all
}
