package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim/serving"
	"github.com/flyball-io/flyball/workload"
)

// ServingScenario is a service of language models under recorded requests. The
// objective is one of the time to the first token.
type ServingScenario struct {
	Scenario
	Model serving.Model
	// Requests arrive as they were recorded, each Copies times: every copy but the
	// first a time of up to Jitter earlier or later, at random. Tokens are never
	// scaled.
	Requests []serving.Request
	Copies   int
	Jitter   time.Duration
}

// DefaultServing is a server of 13 billion parameters (see [serving.Default]) that
// takes two minutes to start: it has to load 26 GB and to warm up. 99 % of the
// first tokens are to come within two seconds. What is measured is measured by
// one clock, that of a scrape of the servers.
func DefaultServing() ServingScenario {
	s := Default()
	s.Objective = scale.Objective{Threshold: scale.Duration(2 * time.Second), Target: 0.99, Window: scale.Duration(time.Hour)}
	s.Replicas.Startup, s.Replicas.StartupCV, s.Replicas.Drain = 2*time.Minute, 0.1, 5*time.Minute
	s.Metrics.BalancerInterval, s.Metrics.BalancerWindow = s.Metrics.Scrape, s.Metrics.Window
	return ServingScenario{Scenario: s, Model: serving.Default(), Copies: 1, Jitter: 10 * time.Second}
}

// Complete fills in what the requests say: how long the load lasts, unless that
// is stated, and what a policy may be told of the service.
func (s *ServingScenario) Complete() {
	if n := len(s.Requests); s.Load == nil && n > 0 {
		length := s.Requests[n-1].At.Truncate(time.Second) + time.Second
		s.Load = workload.Constant{RPS: float64(n*s.Copies) / length.Seconds(), For: length}
	}
	s.Service = queueing.Service{Law: queueing.Deterministic(1), Slots: s.Model.MaxBatch}
}

// Validate reports every fault of a complete scenario.
func (s *ServingScenario) Validate() error {
	errs := []error{s.Playable(), s.Model.Validate()}
	if len(s.Requests) == 0 {
		errs = append(errs, errors.New("requests: none"))
	}
	if s.Copies < 1 || s.Jitter < 0 {
		errs = append(errs, fmt.Errorf("copies: must be at least 1 and their jitter not negative, got %d and %v", s.Copies, s.Jitter))
	}
	if s.Client != (Client{}) {
		errs = append(errs, errors.New("client: those who wait for tokens neither give up nor try again here"))
	}
	return errors.Join(errs...)
}

// arrivals are all copies in order of time.
func (s *ServingScenario) arrivals() []serving.Request {
	random, length := stream(&s.Scenario, "arrivals"), s.Length()
	all := make([]serving.Request, 0, len(s.Requests)*s.Copies)
	for _, q := range s.Requests {
		all = append(all, q)
		for range s.Copies - 1 {
			copied := q
			off := time.Duration((2*random.Float64() - 1) * float64(s.Jitter))
			copied.At = min(max(0, q.At+off), length-1)
			all = append(all, copied)
		}
	}
	slices.SortStableFunc(all, func(a, b serving.Request) int { return int(a.At - b.At) })
	return all
}
