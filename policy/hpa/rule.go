package hpa

import (
	"math"
	"strings"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

// rule is a metric with everything worked out that does not change.
type rule struct {
	Metric
	// watched is the signal of the whole target that must be trusted.
	watched string
	// resource is cpu or memory, and share its utilization's name; "" where
	// the signal is none of a resource.
	resource, share string
	// utilization is the target in percent; 0: target is the target, in
	// thousandths.
	utilization int32
	target      float64
	exact       bool // target is a whole number of thousandths
	up, down    float64
	failed      string // code of the reason for no proposal
	initial     time.Duration
	delay       time.Duration
}

const utilizationSuffix = "Utilization"

func newRule(m Metric, cfg Config, env policy.Env) rule {
	r := rule{Metric: m, watched: m.Signal, failed: "NoData", initial: cfg.CPUInitializationPeriod.Std(), delay: cfg.InitialReadinessDelay.Std()}
	r.up, r.down = tolerances(m, cfg, env)
	switch {
	case m.AverageUtilization != nil:
		r.utilization = int32(min(*m.AverageUtilization, math.MaxInt32))
	case m.AverageValue != nil:
		r.target, r.exact = thousandths(*m.AverageValue)
	case m.Value != nil:
		r.target, r.exact = thousandths(*m.Value)
	}
	if m.Type != "" {
		r.target, r.exact = math.Ceil(r.target), true // as a quantity is read
		r.failed = "FailedGet" + m.Type + "Metric"
	}
	if name := strings.TrimSuffix(m.Signal, utilizationSuffix); r.ofReplicas() && m.Type != Pods {
		r.resource, r.share = name, name+utilizationSuffix
		r.watched = r.share
	}
	return r
}

// tolerances returns what is not worth a change upwards and downwards: what
// the metric says, else the behaviour in that direction, else the policy.
func tolerances(m Metric, cfg Config, env policy.Env) (up, down float64) {
	up, down = cfg.Tolerance, cfg.Tolerance
	if env.ScaleUpTolerance != nil {
		up = *env.ScaleUpTolerance
	}
	if env.ScaleDownTolerance != nil {
		down = *env.ScaleDownTolerance
	}
	if m.Tolerance != nil {
		up, down = *m.Tolerance, *m.Tolerance
	}
	return up, down
}

// ofReplicas reports whether the rule counts by replica, if each is measured.
func (r *rule) ofReplicas() bool {
	switch r.Type {
	case Resource, ContainerResource, Pods:
		return true
	case "":
		return r.utilization != 0 && (r.Signal == scale.CPUUtilization || r.Signal == scale.MemoryUtilization)
	}
	return false
}

// propose computes the metric's count.
func (r *rule) propose(obs *scale.Observation) scale.Proposal {
	if !r.ofReplicas() {
		return r.ofTarget(obs)
	}
	measured := r.measured(obs)
	switch s := obs.Signal(r.watched); {
	case s != nil && s.Trust != scale.Fresh, s == nil && r.Type == "":
		return r.missing(obs) // old samples of replicas may still be there
	case measured == none && r.Type == "":
		return r.ofTarget(obs)
	}
	return r.byReplica(obs, measured)
}

func (r *rule) missing(obs *scale.Observation) scale.Proposal {
	return r.without(obs, "{n} has no trustworthy value")
}

// without is no proposal, and why.
func (r *rule) without(obs *scale.Observation, why string, args ...float64) scale.Proposal {
	return scale.Proposal{Signal: r.Signal, Missing: true, Replicas: obs.CurrentReplicas,
		Reason: scale.Because(r.failed, why, args...).About(r.Signal)}
}

// within is Tolerances.isWithin (replica_calculator.go).
func (r *rule) within(usage float64) bool { return 1-r.down <= usage && usage <= 1+r.up }

// replicas rounds up to a count that fits.
func replicas(x float64) int {
	return int(max(math.MinInt32, min(math.Ceil(x), math.MaxInt32)))
}

// thousandths returns v in thousandths, in which Kubernetes counts, and
// whether that is a whole number but for the dust of writing v as a fraction
// of two: 0.7 is 700.
func thousandths(v float64) (float64, bool) {
	m := v * 1000
	whole := math.Round(m)
	if math.Abs(m-whole) <= 1e-12*math.Abs(whole) {
		return whole, true
	}
	return m, false
}
