package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/workload"
)

// Scenario is one world: the load, the service that takes it, what is measured
// of it, and how the count of replicas follows. Two runs of one scenario see
// the same arrivals, service times and start-up times whatever the policy
// does (common random numbers).
type Scenario struct {
	Name string
	// Load is the rate of requests over time; it ends with it.
	Load workload.Shape
	// Warmup is how much of the load is played before anything is scored.
	Warmup time.Duration
	// Gaps are the parts of the load that were not recorded. Nothing is scored there.
	Gaps []workload.Span

	Service   queueing.Service
	Objective scale.Objective
	Replicas  Replicas
	Client    Client
	Metrics   Metrics
	Faults    Faults
	// Sync is the time between two decisions.
	Sync time.Duration
	// Step is the length of a step of [Fluid]; 0: a second.
	Step time.Duration
	// Timeline is the time between two moments of the timeline; 0: none is kept.
	Timeline time.Duration
	// Start is the calendar time at which the load begins, for policies that
	// know days of the week.
	Start time.Time
	Seed  uint64
}

// Replicas is how many there may be and what becomes of one.
//
//	created ─► pending ─► starting ─► ready ─► draining ─► gone
//	           (schedule,  (start)       │
//	            pull)                    └─ crash ─► starting
type Replicas struct {
	Min, Max int
	// Initial is the count ready at the beginning.
	Initial int
	// Pending is how long a replica waits for a place and its image.
	Pending time.Duration
	// Startup is how long it then takes until it is ready.
	Startup time.Duration
	// StartupCV is the coefficient of variation of Startup (lognormal).
	StartupCV float64
	// Drain is how long the requests in progress on a replica that is to go may
	// take; then they are lost.
	Drain time.Duration
}

// Client is how patient those are who send the requests.
type Client struct {
	// Timeout is when a client gives up; 0: never.
	Timeout time.Duration
	// Retries is how often it tries again after a failure.
	Retries int
	// Backoff is how long it waits before the first retry; it doubles each time.
	Backoff time.Duration
}

// Metrics is what is measured when. The clocks of measurements and decisions
// are not synchronised: each has a random phase.
type Metrics struct {
	// Scrape is the time between two measurements of the replicas' usage, and
	// Window what one averages over.
	Scrape, Window time.Duration
	// BalancerInterval and BalancerWindow are the same for what the balancer
	// counts: requests, latencies, requests in progress.
	BalancerInterval, BalancerWindow time.Duration
	// BalancerOff says that the balancer tells nothing of what it counts, as
	// where it is somebody else's: the replicas' usage is all that is known.
	BalancerOff bool
	// Delay is how long a measurement is on its way.
	Delay time.Duration
	// CPULimit is the most CPU a replica may use, as a share of what it
	// requests; 0 = 1. With all slots busy it uses CPUFull of it; 0 = 1.
	CPULimit, CPUFull float64
}

// Faults is what goes wrong.
type Faults struct {
	// MetricLoss is the share of measurements that never arrive.
	MetricLoss float64
	// Outages are the times without any measurement.
	Outages []workload.Span
	// CrashEvery is the mean time between two crashes of one replica
	// (exponential); 0: never.
	CrashEvery time.Duration
}

// Default is the scenario of the evaluation: a lognormal service of 80 ms, four
// at a time, so that one replica carries 50 requests per second.
func Default() Scenario {
	return Scenario{
		Service:   queueing.Service{Law: queueing.Lognormal(0.080, 0.5), Slots: 4},
		Objective: scale.Objective{Threshold: scale.Duration(500 * time.Millisecond), Target: 0.999, Window: scale.Duration(time.Hour)},
		Replicas:  Replicas{Min: 1, Max: 1000, Startup: 30 * time.Second, Drain: 30 * time.Second},
		Metrics: Metrics{
			Scrape: 15 * time.Second, Window: 30 * time.Second,
			BalancerInterval: time.Second, BalancerWindow: 10 * time.Second,
		},
		Sync:  15 * time.Second,
		Start: time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC), // a Monday
		Seed:  1,
	}
}

// Length is how long the scenario plays.
func (s *Scenario) Length() time.Duration { return s.Load.Duration() }

// Scored is how much of the scenario is scored.
func (s *Scenario) Scored() time.Duration {
	return s.scoredWithin(0, s.Length())
}

// scoredWithin is how much of the time from one instant to another is scored.
func (s *Scenario) scoredWithin(from, to time.Duration) time.Duration {
	from = max(from, s.Warmup)
	scored := max(0, to-from)
	for _, gap := range s.Gaps {
		scored -= max(0, min(gap.To, to)-max(gap.From, from))
	}
	return scored
}

// Validate reports every fault. A scenario whose service alone breaks its
// objective is refused with [queueing.ErrInfeasible].
func (s *Scenario) Validate() error {
	if err := s.Playable(); err != nil {
		return err
	}
	return s.Feasible()
}

// Playable reports every fault with which a scenario cannot be played.
func (s *Scenario) Playable() error {
	var errs []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	if s.Load == nil {
		errs = append(errs, errors.New("load: missing"))
	} else {
		fault(s.Length() <= 0, "load: must end")
		fault(s.Warmup < 0 || s.Warmup >= s.Length() && s.Length() > 0, "warmup: must lie within the load of %v, got %v", s.Length(), s.Warmup)
	}
	if err := s.Service.Validate(); err != nil {
		errs = append(errs, err)
	}
	r := s.Replicas
	fault(r.Min < 0, "replicas.min: must be at least 0, got %d", r.Min)
	fault(r.Max < 1 || r.Max < r.Min, "replicas.max: must be at least 1 and the minimum of %d, got %d", r.Min, r.Max)
	fault(r.Initial < 0, "replicas.initial: must be at least 0, got %d", r.Initial)
	fault(r.Pending < 0 || r.Startup < 0 || r.Drain < 0, "replicas: times must not be negative")
	fault(!(r.StartupCV >= 0), "replicas.startupCV: must be at least 0, got %v", r.StartupCV)
	fault(s.Step < 0, "step: must not be negative, got %v", s.Step)
	fault(s.Sync <= 0, "sync: must be above 0, got %v", s.Sync)
	m := s.Metrics
	fault(m.Scrape <= 0 || m.Window <= 0, "metrics: scrape and window must be above 0, got %v and %v", m.Scrape, m.Window)
	fault(m.BalancerInterval <= 0 || m.BalancerWindow <= 0, "metrics: interval and window of the balancer must be above 0, got %v and %v", m.BalancerInterval, m.BalancerWindow)
	fault(m.Delay < 0, "metrics.delay: must not be negative, got %v", m.Delay)
	fault(!(s.Faults.MetricLoss >= 0 && s.Faults.MetricLoss <= 1), "faults.metricLoss: must be between 0 and 1, got %v", s.Faults.MetricLoss)
	fault(s.Client.Timeout < 0 || s.Client.Retries < 0 || s.Client.Backoff < 0, "client: must not be negative")
	if err := s.Objective.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("objective: %w", err))
	}
	return errors.Join(errs...)
}

// Feasible returns [queueing.ErrInfeasible] when the service alone breaks the
// objective of a scenario that can be played: then no policy can keep it.
func (s *Scenario) Feasible() error {
	threshold := s.Objective.Threshold.Std().Seconds()
	if alone, may := 1-s.Service.Law.CDF(threshold), 1-s.Objective.Target; alone > may {
		return fmt.Errorf("objective: %.3g %% of the services alone take longer than %v s, %.3g %% of the requests may: %w", alone*100, threshold, may*100, queueing.ErrInfeasible)
	}
	return nil
}

// scored reports whether what happens at t counts.
func (s *Scenario) scored(t time.Duration) bool {
	if t < s.Warmup {
		return false
	}
	for _, gap := range s.Gaps {
		if t >= gap.From && t < gap.To {
			return false
		}
	}
	return true
}
