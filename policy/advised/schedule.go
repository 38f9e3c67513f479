package advised

import "time"

// schedule is what somebody alone would have wanted. A replica serves when it was
// wanted for as long as one takes to start: of all counts wanted in that time the
// least serve.
//
//	wanted    2 2 2 8 8 8 4 4
//	serving   2 2 2 2 2 8 4 4     a start takes two steps
type schedule struct {
	Wanted int `json:"wanted"`
	// Fewer are the counts that were wanted before and are still the least of the
	// time since, growing.
	Fewer []stint `json:"fewer,omitempty"`
}

// stint is a count that was wanted until an instant.
type stint struct {
	Replicas int       `json:"replicas"`
	Until    time.Time `json:"until"`
}

const (
	// mostStints bounds what is remembered of a rise: of more steps the first are
	// taken as long past.
	mostStints = 64
	// longest is the longest start that is reckoned with.
	longest = 10 * time.Minute
)

// begin has so many there since long ago.
func (s *schedule) begin(n int) { s.Wanted, s.Fewer = n, s.Fewer[:0] }

// follow makes s what another one is.
func (s *schedule) follow(other *schedule) {
	s.Wanted, s.Fewer = other.Wanted, append(s.Fewer[:0], other.Fewer...)
}

// want changes what is wanted from an instant on.
func (s *schedule) want(at time.Time, n int) {
	if n > s.Wanted {
		s.Fewer = append(s.Fewer, stint{s.Wanted, at})
	}
	keep := len(s.Fewer)
	for keep > 0 && s.Fewer[keep-1].Replicas >= n {
		keep--
	}
	old := max(0, keep-mostStints)
	for old < keep && at.Sub(s.Fewer[old].Until) > longest {
		old++
	}
	s.Wanted, s.Fewer = n, s.Fewer[:copy(s.Fewer, s.Fewer[old:keep])]
}

// serving is how many serve at an instant.
func (s *schedule) serving(at time.Time, startup time.Duration) int {
	for i := range s.Fewer {
		if at.Sub(s.Fewer[i].Until) < startup {
			return s.Fewer[i].Replicas
		}
	}
	return s.Wanted
}
