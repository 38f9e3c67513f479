package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// unmeasured is how long a pod that has become ready may be without a value:
// metrics-server takes up to two of its intervals of 15 s, a Prometheus behind
// an adapter twice its scrape interval.
const unmeasured = time.Minute

var (
	errNoReplicas = errors.New("nobody knows the replicas of the target: name the pods by their labels")
	errNoPods     = errors.New("no pod has a value")
)

// ofPods adds what the values of pods come to. Without a selector that is of
// the replicas of the target that take work, and values of other pods are left
// out; a replica that has been ready for long and has no value is a fault, and
// no sum is made without it, because that would be too small.
func (s *Source) ofPods(ctx context.Context, samples []scale.Sample) ([]scale.Sample, error) {
	selector, how, _ := s.cfg.pods()
	if selector != "" {
		return s.with(samples, samples, how)
	}
	if s.env.Replicas == nil {
		return nil, errNoReplicas
	}
	replicas, err := s.env.Replicas(ctx)
	if err != nil {
		return nil, fmt.Errorf("replicas of the target: %w", err)
	}
	values := map[string]scale.Sample{}
	for _, sample := range samples {
		values[sample.Replica] = sample
	}
	var own, working []scale.Sample
	var missing []string
	for i := range replicas {
		r := &replicas[i]
		value, measured := values[r.ID]
		if measured {
			own = append(own, value)
		}
		switch {
		case !r.TakesWork():
		case measured:
			working = append(working, value)
		case s.env.Clock.Now().Sub(r.Readiness.Since) > unmeasured:
			missing = append(missing, r.ID)
		}
	}
	if len(missing) > 0 {
		return own, fmt.Errorf("%d of %d pods have no value (%s), so there is none of them all", len(missing), len(replicas), names(missing))
	}
	return s.with(own, working, how)
}

// with adds the value of those that count.
func (s *Source) with(all, counted []scale.Sample, how Aggregate) ([]scale.Sample, error) {
	if len(counted) == 0 {
		return all, errNoPods
	}
	total := scale.Sample{Signal: s.signal, At: counted[0].At}
	values := make([]float64, len(counted))
	for i, c := range counted {
		values[i] = c.Value
		total.Window = max(total.Window, c.Window)
		if c.At.Before(total.At) { // it is as old as the oldest of them
			total.At = c.At
		}
	}
	total.Value = how.of(values)
	return append(slices.Clone(all), total), nil
}

// of makes one value of several.
func (a Aggregate) of(values []float64) float64 {
	switch a {
	case Max:
		return slices.Max(values)
	case Min:
		return slices.Min(values)
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	if a == Avg {
		return sum / float64(len(values))
	}
	return sum
}

// names are a few of many.
func names(all []string) string {
	const shown = 3
	if len(all) <= shown {
		return strings.Join(all, ", ")
	}
	return strings.Join(all[:shown], ", ") + ", …"
}
