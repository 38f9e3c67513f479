package guard

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/cost"
	"github.com/flyball-io/flyball/scale"
)

// ledger keeps the credit S = (1+λ)·E − A, in replica-seconds: what the expert
// has cost with its surcharge, less what was really paid, less what was forfeited
// because it was more than may be saved.
//
// What an interval costs is known when its rate is, and that comes after it,
// sometimes late. Until then the interval waits in line, and counts with the
// least that it can bring (see [stretch.worst]). Intervals are closed in their
// order, so that what is forfeited does not depend on when a rate came in.
type ledger struct {
	Closed  float64   `json:"closed"` // credit up to the first that waits
	Waiting []stretch `json:"waiting,omitempty"`
	Spent   lastHour  `json:"spent"`
	// Own and Expert are A and E of what is closed.
	Own    float64 `json:"own"`
	Expert float64 `json:"expert"`
}

// mostWaiting is how many intervals wait for their rates. One that waits longer
// is closed at its worst.
const mostWaiting = 8

// stretch is the time from one decision to the next: step t of the ledger.
type stretch struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Own and Expert are x_t and e_t.
	Own    int `json:"own"`
	Expert int `json:"expert"`
	// Added and ExpertAdded are β(x_t − x_{t−1})⁺ and β(e_t − e_{t−1})⁺.
	Added       float64 `json:"added"`
	ExpertAdded float64 `json:"expertAdded"`
	// Beta and the prices are those at which it was decided.
	Beta       float64 `json:"beta"`
	Violation  float64 `json:"violation"`
	PerReplica float64 `json:"perReplica"`
	// Known is true when its rate is; OwnCost and ExpertCost are then f_t(x_t)
	// and f_t(e_t).
	Known      bool    `json:"known,omitempty"`
	OwnCost    float64 `json:"ownCost,omitempty"`
	ExpertCost float64 `json:"expertCost,omitempty"`
}

func (s *stretch) seconds() float64 { return s.To.Sub(s.From).Seconds() }

// brings is what it adds to the credit, (1+λ)(f(e) + β(e−e')⁺) − f(x) − β(x−x')⁺,
// at least.
func (s *stretch) brings(lambda float64) float64 {
	added := (1+lambda)*s.ExpertAdded - s.Added
	if s.Known {
		return added + (1+lambda)*s.ExpertCost - s.OwnCost
	}
	return added - s.seconds()*worst(s.Own, s.Expert, lambda, s.Violation*s.PerReplica)
}

// worst is the most that f(x) − (1+λ)·f(e) can be in a second, whatever the
// rate is: RCL's H, the upper bound for what was chosen and the lower bound for
// the expert at once. A replica costs 1. One that is missing, compared with the
// expert, lets at most the requests violate that it carries, which cost so much
// (steep): the violations of [cost.Interval] fall no faster, and where the expert
// violates too the surcharge is on our side. With e itself it is never above 0.
func worst(x, e int, lambda, steep float64) float64 {
	return float64(x) - (1+lambda)*float64(e) + steep*float64(max(0, e-x))
}

// price makes the cost of a stretch known, at a rate. Where nobody knew the service
// replicas alone count.
func (s *stretch) price(rate float64, service cost.Service, f *cost.Interval) {
	f.Set(cost.Terms{Seconds: s.seconds(), Rate: rate, Violation: s.Violation, PerReplica: s.PerReplica}, service)
	s.Known, s.OwnCost, s.ExpertCost = true, f.Of(s.Own), f.Of(s.Expert)
}

// add puts a stretch in line. When the line is full the first is closed at its
// worst.
func (l *ledger) add(s stretch, lambda float64) {
	if len(l.Waiting) == mostWaiting {
		l.close(lambda)
	}
	l.Waiting = append(l.Waiting, s)
}

// settle prices those in line whose rates have come in, and closes the first
// ones.
func (l *ledger) settle(rates *scale.Signal, service cost.Service, f *cost.Interval, lambda float64) {
	for i := range l.Waiting {
		s := &l.Waiting[i]
		if s.Known {
			continue
		}
		if rate, ok := rateIn(rates, s.From, s.To); ok {
			s.price(rate, service, f)
		}
	}
	for len(l.Waiting) > 0 && l.Waiting[0].Known {
		l.close(lambda)
	}
}

// close takes the first in line into the credit and forfeits what is more than
// may be saved.
func (l *ledger) close(lambda float64) {
	s := l.Waiting[0]
	l.Waiting = l.Waiting[:copy(l.Waiting, l.Waiting[1:])]
	expert := s.ExpertAdded + s.ExpertCost
	if !s.Known { // at least so much
		expert = s.ExpertAdded + s.seconds()*float64(s.Expert)
	}
	l.Spent.add(s.To, expert)
	l.Expert += expert
	l.Own += (1+lambda)*expert - s.brings(lambda)
	l.Closed = min(l.Closed+s.brings(lambda), l.most(&s, lambda))
}

// most is the credit that may be saved after a stretch: max(B, β(e−x)⁺), B being
// λ times what the expert has cost in the last hour.
func (l *ledger) most(s *stretch, lambda float64) float64 {
	return max(lambda*l.Spent.until(s.To), s.Beta*float64(max(0, s.Expert-s.Own)))
}

// credit is what is saved at least, those in line at their worst.
func (l *ledger) credit(lambda float64) float64 {
	credit := l.Closed
	for i := range l.Waiting {
		s := &l.Waiting[i]
		credit = min(credit+s.brings(lambda), l.most(s, lambda))
	}
	return credit
}

// rateIn is the mean rate measured in a stretch; where measurements come more
// seldom, the first one after it. It is false until there is one.
func rateIn(s *scale.Signal, from, to time.Time) (float64, bool) {
	if s == nil {
		return 0, false
	}
	sum, n, later := 0.0, 0, -1.0
	for i := len(s.Points) - 1; i >= 0 && s.Points[i].At.After(from); i-- {
		p := s.Points[i]
		switch {
		case !(p.Value >= 0) || math.IsInf(p.Value, 1):
		case p.At.After(to):
			later = p.Value
		default:
			sum, n = sum+p.Value, n+1
		}
	}
	if n > 0 {
		return sum / float64(n), true
	}
	return later, later >= 0
}

// lastHour adds up amounts by the minute in which they fell due. It forgets a
// minute as a whole, when its beginning is an hour ago: a little early, never late.
type lastHour struct {
	Minute  int64       `json:"minute"` // the newest
	Amounts [60]float64 `json:"amounts"`
}

func (h *lastHour) add(at time.Time, amount float64) {
	minute := at.Unix() / 60
	if minute-h.Minute >= 60 || minute < h.Minute { // long ago, or the clock was set back
		*h = lastHour{Minute: minute}
	}
	for ; h.Minute < minute; h.Minute++ {
		h.Amounts[(h.Minute+1)%60] = 0
	}
	h.Amounts[minute%60] += amount
}

// until is what fell due in the hour before an instant, as far as it is known.
func (h *lastHour) until(at time.Time) float64 {
	sum := 0.0
	for minute := max(h.Minute-59, at.Unix()/60-59); minute <= h.Minute; minute++ {
		sum += h.Amounts[(minute%60+60)%60]
	}
	return sum
}
