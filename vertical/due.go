package vertical

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// When a replica is changed: bounds of the Vertical Pod Autoscaler's updater.
const (
	// settled is the age from which a change within the bounds is worth it, and
	// leastChange how large it must be then, as a share of what is asked for.
	settled     = 12 * time.Hour
	leastChange = 0.1
	// quick is how soon after its start a container must run out of memory, and how
	// lately, for the replica to be changed at once.
	quick = 10 * time.Minute
)

// Sized is what a replica asks for now.
type Sized struct {
	StartedAt  time.Time // zero: not known
	Containers []SizedContainer
}

// SizedContainer is one container of it.
type SizedContainer struct {
	Name string
	// Requests is what it asks for, by [Resource]; below 0: nothing.
	Requests [2]Amount
	// OOMAt is when it ran out of memory last, having run since OOMStarted; zero:
	// never.
	OOMStarted, OOMAt time.Time
}

// Due says whether a replica should be given what is recommended, and why: it
// asks for what is outside the bounds, or it ran out of memory soon after its
// start, or it is old enough for a change of more than a tenth. What rests on
// nothing measured changes nothing.
func Due(recs []Recommendation, s Sized, at time.Time) (scale.Reason, bool) {
	d := difference(recs, s)
	switch {
	case d.outside != nil:
		return *d.outside, true
	case d.ranOut(s, at) && d.change > 0:
		return because("QuickOutOfMemory", "it ran out of memory within %s of its start", scale.Duration(quick)), true
	case s.StartedAt.IsZero() || at.Before(s.StartedAt.Add(settled)):
		return because("Young", "within the bounds, and younger than %s", scale.Duration(settled)), false
	case d.change < leastChange:
		return because("SmallChange", "within the bounds, and a change of %s is less than %s", percent(d.change), percent(leastChange)), false
	default:
		return because("Settled", "runs for over %s, and the change is %s", scale.Duration(settled), percent(d.change)), true
	}
}

// differences is how far what is asked for is from what is recommended.
type differences struct {
	outside *scale.Reason
	change  float64 // relative, of all containers, both resources added up
	sized   map[string]bool
}

func difference(recs []Recommendation, s Sized) differences {
	d := differences{sized: map[string]bool{}}
	var asked, wanted [2]Amount
	for i := range recs {
		c := s.container(recs[i].Container)
		if c == nil {
			continue
		}
		for _, e := range recs[i].Estimates {
			if e.Reason.Code == ByNoUsage {
				continue
			}
			d.sized[c.Name] = true
			wanted[e.Resource] += e.Target
			asked[e.Resource] += max(0, c.Requests[e.Resource])
			if why, out := e.outside(c.Requests[e.Resource]); out && d.outside == nil {
				d.outside = &why
			}
		}
	}
	for _, r := range Resources() {
		if wanted[r] > 0 {
			before := math.Max(float64(asked[r]), 1)
			d.change += math.Abs(before-float64(wanted[r])) / before
		}
	}
	return d
}

// outside says how what is asked for is outside the bounds.
func (e *Estimate) outside(request Amount) (scale.Reason, bool) {
	words := e.Resource.Words
	switch {
	case request < 0:
		return because("NoRequest", "asks for no %s", e.Resource), true
	case request < e.Lower:
		return because("BelowLower", "asks for %s %s, less than %s", words(request), e.Resource, words(e.Lower)), true
	case request > e.Upper:
		return because("AboveUpper", "asks for %s %s, more than %s", words(request), e.Resource, words(e.Upper)), true
	}
	return scale.Reason{}, false
}

func (s *Sized) container(name string) *SizedContainer {
	for i := range s.Containers {
		if s.Containers[i].Name == name {
			return &s.Containers[i]
		}
	}
	return nil
}

// ranOut reports that a container that is sized ran out of memory soon after its
// start, and lately.
func (d *differences) ranOut(s Sized, at time.Time) bool {
	for _, c := range s.Containers {
		if d.sized[c.Name] && !c.OOMAt.IsZero() && c.OOMAt.Sub(c.OOMStarted) < quick && at.Sub(c.OOMAt) < quick {
			return true
		}
	}
	return false
}
