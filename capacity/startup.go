package capacity

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// DefaultStartup is how long a replica is taken to need before one was seen.
const DefaultStartup = 30 * time.Second

// startups learns how long it takes from asking for a replica until it takes
// work: it was asked for at the last observation without it.
type startups struct {
	// Waiting are replicas that are on their way, spare is room for the next.
	Waiting []arrival `json:"waiting,omitempty"`
	spare   []arrival
	Mean    average `json:"mean"` // of seconds
	Square  average `json:"square"`
}

// arrival is a replica on its way; Asked is zero when nobody saw it asked for.
type arrival struct {
	ID    string    `json:"id"`
	Asked time.Time `json:"asked,omitzero"`
}

const (
	// mostWaiting bounds how many replicas are followed at once.
	mostWaiting = 32
	// unwatched is a time between two looks that no loop leaves on purpose.
	unwatched = 2 * time.Minute
	// startupMemory is how much the starts before one weigh.
	startupMemory = 0.95
)

// observe looks at the replicas; last is the time of the observation before.
func (s *startups) observe(obs *scale.Observation, last time.Time) {
	next := s.spare[:0]
	for i := range obs.Replicas {
		r := &obs.Replicas[i]
		if len(s.Waiting) == 0 && r.TakesWork() && !r.Readiness.Since.After(last) {
			continue // most: nobody waited for it
		}
		if r.Phase == scale.Succeeded || r.Phase == scale.Failed || !r.DeletedAt.IsZero() || r.Restarts > 0 {
			continue
		}
		asked := s.asked(r, last, obs.At)
		switch {
		case !r.TakesWork():
			if len(next) < mostWaiting {
				next = append(next, arrival{r.ID, asked})
			}
		case !asked.IsZero() && r.Readiness.Since.After(asked):
			s.took(r.Readiness.Since.Sub(asked))
		}
	}
	s.Waiting, s.spare = next, s.Waiting
}

// asked is when a replica was asked for; zero when it cannot be known, or was
// looked at when it became ready. After a time in which nobody looked it may have
// been asked for at any time of it, and is taken as asked for when it was started.
func (s *startups) asked(r *scale.Replica, last, now time.Time) time.Time {
	for i := range s.Waiting {
		if s.Waiting[i].ID == r.ID {
			return s.Waiting[i].Asked
		}
	}
	switch {
	case last.IsZero(), !r.StartedAt.IsZero() && r.StartedAt.Before(last):
		return time.Time{}
	case r.TakesWork() && (r.StartedAt.IsZero() || !r.Readiness.Since.After(last)):
		return time.Time{}
	case now.Sub(last) > unwatched:
		return r.StartedAt
	}
	return last
}

func (s *startups) took(d time.Duration) {
	s.Mean.add(d.Seconds(), 1, startupMemory)
	s.Square.add(d.Seconds()*d.Seconds(), 1, startupMemory)
}

// careful is a time within which nine in ten starts are over: the mean and 1.28
// standard deviations. A replica that has been on its way for longer raises it.
func (s *startups) careful(now time.Time, assumed time.Duration) time.Duration {
	d := assumed
	if s.Mean.Weight > 0 {
		mean := s.Mean.mean()
		d = seconds(mean + 1.28*math.Sqrt(max(0, s.Square.mean()-mean*mean)))
	}
	for _, w := range s.Waiting {
		if !w.Asked.IsZero() {
			d = max(d, min(now.Sub(w.Asked), longestStartup))
		}
	}
	return d
}

// longestStartup is how long a replica that never gets ready is waited for in
// thought: it may be broken.
const longestStartup = 10 * time.Minute

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
