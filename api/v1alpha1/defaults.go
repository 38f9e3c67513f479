package v1alpha1

import (
	"encoding/json"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/scale"
)

// Default returns a document with the defaults of every field that does not
// depend on another.
func Default() Autoscaler {
	return Autoscaler{APIVersion: APIVersion, Kind: Kind, Spec: Spec{
		Mode:     scale.Apply,
		Replicas: Replicas{Min: 1},
		Trust:    guard.DefaultTrust(),
		Rollout:  guard.DefaultRollout(),
		Sync:     scale.Duration(15 * time.Second),
	}}
}

// Complete fills in the defaults that depend on what is stated.
func (a *Autoscaler) Complete() {
	if a.Spec.Policy == nil {
		a.Spec.Policy = chosen("predictive")
	}
	if a.Spec.Envelope != nil {
		a.Spec.Envelope.Complete()
	}
	if a.Spec.Balancer == nil {
		a.Spec.Balancer = chosen(usualBalancer(a.Spec.Target.Kind))
	}
}

// usualBalancer is the one before a kind of target: in a cluster its Service
// spreads the requests.
func usualBalancer(target string) string {
	if target == "kubernetes" {
		return "none"
	}
	return "builtin"
}

// Complete fills in what is left out, but for the expert: who that is depends on the
// policy ([Envelope.CompleteFor]).
func (e *Envelope) Complete() {
	if e.Lambda == 0 {
		e.Lambda = 0.2
	}
}

// CompleteFor fills in what is left out around a policy. The expert is lcp, but for a policy
// that nobody has proved the one that such a policy names: what stands in its place
// wherever it is not followed.
func (e *Envelope) CompleteFor(usual *Plugin) {
	e.Complete()
	switch {
	case e.Expert != nil:
	case usual != nil:
		e.Expert = usual
	default:
		e.Expert = chosen("lcp")
	}
}

// UnmarshalJSON reads the objective over its defaults.
func (o *LatencyObjective) UnmarshalJSON(data []byte) error {
	type plain LatencyObjective
	read := plain{Window: scale.Duration(time.Hour)}
	if err := json.Unmarshal(data, &read); err != nil {
		return err
	}
	*o = LatencyObjective(read)
	return nil
}

func chosen(kind string) *Plugin { return &Plugin{Kind: kind, Body: json.RawMessage("{}")} }
