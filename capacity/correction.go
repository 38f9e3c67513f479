package capacity

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/series"
)

// correction is the factor on the odds of the load, ρ/(1−ρ), with which the model
// has as many late requests as there are: what a replica carries is measured
// elsewhere, and no correction may say that it carries more. Its logarithm is
// followed as by Kalman (1960), with the count of late requests as the
// measurement:
//
//	expected = n·p(factor),   surprise = (late − expected) / (expected + 1)
//	gain = V·d / (d²·V + noise),   d = ∂ln p / ∂ln factor
//
// A light load says nothing about waits, d is then nearly 0 and so is the gain.
// What is late is what takes longer than the threshold, or than the longest
// time before it that enough requests take for the count to say something.
type correction struct {
	Log      float64 `json:"log"`
	Variance float64 `json:"variance"`
	Samples  int     `json:"samples"`
	// Early is by how many eighths of the threshold sooner a request counts as
	// late.
	Early int `json:"early"`
}

const (
	// From one line for all to lines at random is a factor of 4.
	lowestFactor, highestFactor = 0.5, 4
	// Before anything was measured the model is trusted to 30 %.
	priorVariance = 0.3 * 0.3
	// The true factor drifts by 3 % in 15 s, and is drawn to 1 over two hours.
	driftPerSecond = 0.03 * 0.03 / 15
	forgetAfter    = 2 * time.Hour
	// clusters is how many late requests come together: they are late for the
	// same reason. Laws of services are not known better than misfit.
	clusters = 5
	misfit   = 0.25
	enough   = 5 // expected late requests
)

func (c *correction) factor() float64 { return math.Exp(c.Log) }

// learn compares a steady sample with the model.
func (c *correction) learn(l *Learner, s *sample, later time.Duration) {
	rho := s.rate / (float64(s.ready) * l.model.perReplica)
	if l.uncorrected || !l.model.ready || rho > 0.97 {
		return
	}
	if c.Samples == 0 {
		c.Variance = priorVariance
	}
	c.Log *= math.Exp(-later.Seconds() / forgetAfter.Seconds())
	c.Variance = min(priorVariance, c.Variance+driftPerSecond*later.Seconds())
	const step = 0.1
	factor, early := c.factor(), float64(c.Early)/8
	expected := s.answered * l.late(s, early, factor)
	slope := math.Log(l.late(s, early, factor*(1+step))/l.late(s, early, factor*(1-step))) / (2 * step)
	c.tell(expected)
	surprise := (s.answered*s.latency.ShareAbove(l.threshold*(1-early)) - expected) / (expected + 1)
	noise := clusters/(expected+1) + misfit
	gain := c.Variance * slope / (slope*slope*c.Variance + noise)
	if next := c.Log + gain*min(3, surprise); series.Finite(next) {
		c.Log = min(math.Log(highestFactor), max(math.Log(lowestFactor), next))
		c.Variance *= 1 - gain*slope
		c.Samples++
	}
}

// tell chooses for the next sample the least by which requests count as late
// sooner, with enough of them expected.
func (c *correction) tell(expected float64) {
	switch {
	case expected < enough && c.Early < 6:
		c.Early++
	case expected > 20*enough && c.Early > 0:
		c.Early--
	}
}

// late is the share of the requests that the model expects to take longer than
// the threshold less a share of it: as with a backlog that takes that long, and
// those whose service alone breaks the threshold.
func (l *Learner) late(s *sample, early, factor float64) float64 {
	staffed := l.With(s.ready)
	backlog := early * l.threshold * staffed.replicas * l.model.perReplica
	return staffed.avoidable(s.rate, backlog, factor) + l.model.blend.Intrinsic() + 1e-9
}
