package vertical

import (
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Recommendation is what one container should ask for.
type Recommendation struct {
	Container string `json:"container,omitempty"`
	// Samples of CPU were seen between First and Last.
	Samples int       `json:"samples"`
	First   time.Time `json:"first,omitzero"`
	Last    time.Time `json:"last,omitzero"`
	// Estimates are those of the resources that are sized.
	Estimates []Estimate `json:"estimates"`
}

// Estimate is how much of one resource. Amounts are thousandths of a core, or
// bytes.
type Estimate struct {
	Resource Resource `json:"resource"`
	// Target is what to ask for. A container that asks for less than Lower or for
	// more than Upper should be changed soon.
	Target Amount `json:"target"`
	Lower  Amount `json:"lower"`
	Upper  Amount `json:"upper"`
	// Uncapped is the target without the bounds of the document.
	Uncapped Amount `json:"uncapped"`
	// Reason says which rule set the target: its code is one of the rules.
	Reason scale.Reason `json:"reason"`
}

// Rules that set a target: the codes of reasons.
const (
	ByUsage       = "Usage"       // a quantile of what was used, and the margin
	ByOutOfMemory = "OutOfMemory" // it ran out of memory
	ByFloor       = "Floor"       // the least for a replica, shared by its containers
	ByMinAllowed  = "MinAllowed"
	ByMaxAllowed  = "MaxAllowed"
	ByNoUsage     = "NoUsage" // nothing is known but the floor
)

// Of returns the estimate of a resource; false where it is not sized.
func (r *Recommendation) Of(resource Resource) (Estimate, bool) {
	for _, e := range r.Estimates {
		if e.Resource == resource {
			return e, true
		}
	}
	return Estimate{}, false
}

// recommend recommends for one of so many containers.
func (r *Recommender) recommend(name string, containers int) Recommendation {
	h := r.histories[name]
	rec := Recommendation{Container: name, Samples: h.Samples, First: h.First, Last: h.Last, Estimates: []Estimate{}}
	policy := r.containers.of(name)
	for _, resource := range policy.controlled() {
		e := estimate{model: &r.model, resource: resource, history: h, policy: policy, containers: containers}
		rec.Estimates = append(rec.Estimates, e.estimate())
	}
	return rec
}

// estimate is the work on one number.
type estimate struct {
	model      *Model
	resource   Resource
	history    *history
	policy     ContainerPolicy
	containers int
}

func (e *estimate) estimate() Estimate {
	of := e.model.Resources[e.resource]
	floor := of.Floor.times(1 / float64(e.containers))
	days := e.confidence(of.Confidence)
	used := e.withMargin(of.Target)
	// With a day of samples each minute: 0.998 and 2; an hour: 0.953 and 25.
	lower := e.withMargin(of.Lower).times(math.Pow(1+0.001/days, -2))
	upper := e.withMargin(of.Upper).times(1 + 1/days)
	out := Estimate{Resource: e.resource, Uncapped: max(used, floor)}
	out.Target = e.policy.bounded(e.resource, out.Uncapped)
	out.Lower = e.policy.bounded(e.resource, max(lower, floor))
	out.Upper = e.policy.bounded(e.resource, max(upper, floor))
	out.Reason = e.why(out, used)
	return out
}

// withMargin is a quantile of what was used, and the margin.
func (e *estimate) withMargin(quantile float64) Amount {
	base := e.resource.Of(e.history.Usage[e.resource].Quantile(quantile))
	return base + base.times(e.model.Margin)
}

// confidence is the history in days of a sample each minute: the shorter of the
// time between the first and the last, and of that which the samples fill.
func (e *estimate) confidence(day time.Duration) float64 {
	lifespan := float64(e.history.Last.Sub(e.history.First)) / float64(day)
	return math.Min(lifespan, float64(e.history.Samples)/day.Minutes())
}

// why says which rule set the target.
func (e *estimate) why(out Estimate, used Amount) scale.Reason {
	words := e.resource.Words
	basis := e.basis(used)
	switch {
	case out.Target < out.Uncapped:
		return because(ByMaxAllowed, "maxAllowed %s; %s", words(out.Target), basis)
	case out.Target > out.Uncapped:
		return because(ByMinAllowed, "minAllowed %s; %s", words(out.Target), basis)
	case e.history.Usage[e.resource].Empty():
		return because(ByNoUsage, "%s, the floor of a replica's %s: nothing was measured yet", words(out.Target), e.resource)
	case out.Uncapped > used:
		return because(ByFloor, "%s is the floor of %s for a replica%s, not what is used; %s", words(out.Target),
			words(e.model.Resources[e.resource].Floor), shared(e.containers), basis)
	case e.bumped():
		return because(ByOutOfMemory, "it ran out of memory: at least %s and %s more; %s", percent(e.model.OOMRatio-1), words(e.model.OOMLeast), basis)
	default:
		return because(ByUsage, "%s", basis)
	}
}

// basis is what the usage alone comes to.
func (e *estimate) basis(used Amount) string {
	if e.history.Usage[e.resource].Empty() {
		return "nothing was measured yet"
	}
	what := "CPU"
	if e.resource == Memory {
		what = fmt.Sprintf("the highest memory of %s", scale.Duration(e.model.PeakInterval))
	}
	quantile := e.model.Resources[e.resource].Target
	return fmt.Sprintf("p%.3g of %s is %s, with a margin of %s %s", 100*quantile, what,
		e.resource.Words(e.resource.Of(e.history.Usage[e.resource].Quantile(quantile))), percent(e.model.Margin), e.resource.Words(used))
}

// bumped reports that the target would be lower had no container run out of
// memory.
func (e *estimate) bumped() bool {
	if e.resource != Memory || len(e.history.OOMs) == 0 {
		return false
	}
	without := e.history.Usage[Memory].Clone()
	for _, p := range e.history.OOMs {
		without.Subtract(float64(p.Bytes), memoryWeight, p.End)
	}
	quantile := e.model.Resources[Memory].Target
	return without.Quantile(quantile) < e.history.Usage[Memory].Quantile(quantile)
}

func shared(containers int) string {
	if containers == 1 {
		return ""
	}
	return fmt.Sprintf(", shared by %d containers", containers)
}

func percent(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) }

// because is a reason in words: once a minute, not at each decision.
func because(code, format string, args ...any) scale.Reason {
	return scale.Because(code, "{n}").About(fmt.Sprintf(format, args...))
}
