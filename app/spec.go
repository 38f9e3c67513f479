package app

import (
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// Spec is one autoscaler, decoded and checked, with every default filled in.
type Spec struct {
	Name string
	Mode scale.Mode
	// PausedUntil is when a paused spec goes on by itself; nil: never.
	PausedUntil *time.Time
	Min, Max    int
	// Initial is the count to start with; 0 leaves it as it was left.
	Initial   int
	Objective *scale.Objective
	// Sync is the time between two decisions.
	Sync    scale.Duration
	Policy  PolicySpec
	Shadows []PolicySpec
	Rollout guard.RolloutConfig
	Trust   guard.TrustConfig
	// Cost is nil without a price.
	Cost     *v1alpha1.CostObjective
	Sources  []SourceSpec
	Target   target.Config
	Balancer balancer.Config

	doc       v1alpha1.Document // it was read from; empty: made by hand
	topology  queueing.Topology // how the balancer spreads requests
	curves    *queueing.Library // shared by all specs; nil: made by hand
	advisors  builtin.Advisors  // make who is asked for policies with needs
	simulated bool
	// unmeasured says that no balancer tells whether the objective is met.
	unmeasured bool
}

// NewSpecs decodes all documents and checks that they can run side by side.
// Faults name file and line.
func NewSpecs(docs []v1alpha1.Document, plugins *builtin.Registry) ([]Spec, error) {
	specs := make([]Spec, 0, len(docs))
	var faults v1alpha1.Faults
	for _, doc := range docs {
		s, wrong := newSpec(doc, plugins)
		faults = append(faults, wrong...)
		for _, other := range specs {
			if what := shared(&s, &other); what != "" {
				faults = append(faults, at(doc, "spec.target", fmt.Errorf("%s %s, and so does %s", s.Name, what, other.Name))...)
			}
		}
		specs = append(specs, s)
	}
	return specs, faults.Err()
}

// at returns the messages of err as faults at a field of the document.
func at(doc v1alpha1.Document, path string, err error) v1alpha1.Faults {
	var faults v1alpha1.Faults
	if err != nil {
		errors.As(doc.Faults(path, err), &faults)
	}
	return faults
}

// newSpec decodes the parts of a document.
func newSpec(doc v1alpha1.Document, plugins *builtin.Registry) (Spec, v1alpha1.Faults) {
	in := doc.Spec
	s := Spec{doc: doc, curves: plugins.Curves, advisors: plugins.Advisors, Name: doc.Metadata.Name, Mode: in.Mode, PausedUntil: in.PausedUntil, Min: in.Replicas.Min, Max: in.Replicas.Max, Sync: in.Sync, Rollout: in.Rollout, Trust: in.Trust}
	if in.Objective != nil && in.Objective.Latency != nil {
		objective := in.Objective.Latency.Scale()
		s.Objective = &objective
	}
	if in.Objective != nil {
		s.Cost = in.Objective.Cost
	}
	var faults v1alpha1.Faults
	fault := func(path string, err error) { faults = append(faults, at(doc, path, err)...) }
	var err error
	s.Policy, err = newPolicySpec(*in.Policy, in, plugins)
	fault("spec.policy", err)
	s.Policy.Envelope, err = newEnvelopeSpec(s.Policy.envelopeOr(in.Envelope, s.Objective), plugins)
	fault("spec.envelope.expert", err)
	for i, p := range in.Shadows {
		shadow, err := newPolicySpec(p, in, plugins)
		fault(fmt.Sprintf("spec.shadows[%d]", i), err)
		s.Shadows = append(s.Shadows, shadow)
	}
	s.nameShadows()
	for i, signal := range in.Signals {
		src, err := newSourceSpec(signal, in.Sync, plugins)
		fault(fmt.Sprintf("spec.signals[%d].%s", i, signal.Source.Kind), err)
		fault(fmt.Sprintf("spec.signals[%d]", i), src.ageFault())
		s.Sources = append(s.Sources, src)
	}
	fault("spec.target", s.decodeTarget(in.Target, plugins))
	fault("spec.balancer", s.decodeBalancer(in.Balancer, plugins))
	fault("spec.target", s.reached())
	fault("spec.replicas.min", s.wakes())
	fault("spec.replicas.max", s.fits())
	fault("spec.policy", s.measured(s.Policy))
	if e := s.Policy.Envelope; e != nil {
		fault("spec.envelope.expert", s.measured(e.Expert))
	}
	for i, p := range s.Shadows {
		fault(fmt.Sprintf("spec.shadows[%d]", i), s.measured(p))
	}
	fault("spec.trust", s.trusted())
	return s, faults
}

// Check reports what can only be seen where the spec is to run: a program, a
// folder or a certificate that is not there. Nothing is started or changed.
// Faults name file and line.
func (s *Spec) Check() error { return s.CheckFor(nil) }

// CheckFor is Check of what a process with some of the roles must find.
func (s *Spec) CheckFor(these roles.Set) error {
	if s.simulated {
		return nil // it runs nowhere
	}
	var faults v1alpha1.Faults
	if these.Has(roles.Executor) {
		faults = at(s.doc, "spec.target."+s.doc.Spec.Target.Kind, s.Target.Check())
	}
	_, err := s.Plan()
	faults = append(faults, at(s.doc, "spec", err)...)
	if these.Has(roles.Balancer) {
		faults = append(faults, at(s.doc, "spec.balancer."+s.doc.Spec.Balancer.Kind, s.Balancer.Check())...)
	}
	return faults.Err()
}

// env is what policies may know of the service.
func (s *Spec) env() policy.Env {
	return policy.Env{
		Target: s.Name, Min: s.Min, Max: s.Max, Objective: s.Objective, Sync: s.Sync.Std(),
		Topology: s.topology, Curves: s.curves,
	}
}

// Compress divides every time constant of policies and rules, the time
// between decisions, those of the sources, the objective's and the measuring
// window by factor, and lists what changed. How long replicas take to start,
// drain or answer is a fact of the service and stays.
func (s *Spec) Compress(factor float64) []builtin.Change {
	changes := builtin.Compress(&struct {
		Sync         *scale.Duration       `json:"sync"`
		MetricWindow *scale.Duration       `json:"metricWindow"`
		UsageWindow  *scale.Duration       `json:"usageWindow"`
		Objective    *scale.Duration       `json:"objective.window"`
		Cooldown     *guard.CooldownConfig `json:"cooldown"`
		Rollout      *guard.RolloutConfig  `json:"rollout"`
		Behavior     *guard.BehaviorRules  `json:"behavior"`
		Policy       any                   `json:"policy"`
		Sources      []SourceSpec          `json:"signals"`
	}{&s.Sync, s.front().Window, s.served().Window, s.window(), &s.Policy.Cooldown, &s.Rollout, &s.Policy.Rules, s.Policy.Config, s.Sources}, factor)
	for i := range s.Shadows {
		s.Shadows[i].compress(factor)
	}
	if e := s.Policy.Envelope; e != nil {
		e.Expert.compress(factor)
	}
	return changes
}

// window is the objective's, nil without an objective. The threshold is a
// latency, not a time constant.
func (s *Spec) window() *scale.Duration {
	if s.Objective == nil {
		return nil
	}
	return &s.Objective.Window
}

// interval is the time between two measurements: a second, less where
// decisions come more often.
func (s *Spec) interval() time.Duration {
	return min(time.Second, s.Sync.Std()/2)
}

// maxAge is how old signals may be whose values come often enough.
func (s *Spec) maxAge() time.Duration { return max(3*s.interval(), s.Sync.Std(), time.Second) }

// measurers says who measures each signal.
func (s *Spec) measurers() map[string]string {
	who := map[string]string{}
	for _, name := range s.front().Signals {
		who[name] = "balancer"
	}
	for _, name := range s.served().Signals {
		who[name] = "target"
	}
	for _, src := range s.Sources {
		for _, name := range src.Signals {
			who[name] = src.name() + " " + string(src.Plugin.Body)
		}
	}
	return who
}

// Plan builds the deciders of the spec: the active one and one per shadow,
// each with rules and memory of its own.
func (s *Spec) Plan() (control.Plan, error) {
	plan := control.Plan{Mode: s.Mode, PausedUntil: s.PausedUntil, Sync: s.Sync.Std(), MaxAge: s.maxAge()}
	plan.Signals, plan.MaxAges, plan.Spacings = s.measurers(), s.maxAges(), s.spacings()
	active, err := s.decider(s.Policy)
	if err != nil {
		return control.Plan{}, fmt.Errorf("policy %s: %w", s.Policy.Kind, err)
	}
	plan.Decider = active
	for i, p := range s.Shadows {
		shadow, err := s.decider(p)
		if err != nil {
			return control.Plan{}, fmt.Errorf("shadows[%d] %s: %w", i, p.Kind, err)
		}
		plan.Shadows = append(plan.Shadows, shadow)
	}
	return plan, nil
}
