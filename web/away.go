package web

import (
	"time"

	"github.com/flyball-io/flyball/record"
)

// BusFault is the source of the fault of a bus that cannot be reached. While it
// lasts everything shown is of before.
const BusFault = "bus"

// BusAway shows that the bus cannot be reached since when and why, as a fault of
// every target, or with a nil error that it is back. It may be
// called again and again.
func (s *Server) BusAway(since time.Time, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.order {
		view, changed := s.targets[name].busAway(since, why)
		if changed {
			s.events.add(eventFault, name, view)
		}
	}
}

func (h *history) busAway(since time.Time, why error) (view FaultView, changed bool) {
	if why == nil {
		return h.clearFault(BusFault)
	}
	return h.raiseFault(BusFault, why.Error(), since)
}

// Happened shows an event before the bus tells of it, which it does as soon as
// it is back: the two are one.
func (s *Server) Happened(e record.Event) { s.happened(e) }
