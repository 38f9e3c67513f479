package replay

import (
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/workload"
)

// Why a stretch cannot be recovered.
const (
	Missing   = "missing"   // nothing was recorded
	Saturated = "saturated" // the replicas answered as much as they could
	Dropped   = "dropped"   // requests failed, so clients went away or came again
)

// Stretch is a part of the past of which nobody knows the demand.
type Stretch struct {
	From time.Duration `json:"-"` // since the beginning
	To   time.Duration `json:"-"`
	Why  string        `json:"why"`
	Text string        `json:"text"`
}

// Rules say what counts as not recoverable. The zero value of none is usable;
// see [DefaultRules].
type Rules struct {
	// Full is the share of the slots from which on a replica answers as much as
	// it can.
	Full float64
	// Errors is the share of failures from which on requests are dropped.
	Errors float64
	// Most is the largest share of the time that may be lost.
	Most float64
	// Slower is the growth of the latency that says the same as Full, where
	// nobody measured how busy the replicas were.
	Slower float64
}

// DefaultRules leave out what nearly everybody would.
func DefaultRules() Rules { return Rules{Full: 0.95, Errors: 0.05, Most: 0.5, Slower: 3} }

// Demand is what arrived, whoever answered it.
type Demand struct {
	Start time.Time
	// Trace has no gaps: over what is lost the rate runs in a straight line
	// between what was seen on both sides, so that policies see a load that
	// could have been. Nothing is scored there.
	Trace *workload.Trace
	Lost  []Stretch
	// Length is all of the time, Known what is left of it.
	Length, Known time.Duration
}

// Gaps are the parts in which nothing is scored.
func (d *Demand) Gaps() []workload.Span {
	gaps := make([]workload.Span, len(d.Lost))
	for i, s := range d.Lost {
		gaps[i] = workload.Span{From: s.From, To: s.To}
	}
	return gaps
}

// LostShare is the share of the time that cannot be recovered.
func (d *Demand) LostShare() float64 { return 1 - d.Known.Seconds()/d.Length.Seconds() }

// lostAt reports whether an instant lies in what is lost.
func (d *Demand) lostAt(at time.Time) bool {
	t := at.Sub(d.Start)
	for _, s := range d.Lost {
		if t >= s.From && t < s.To {
			return true
		}
	}
	return t < 0 || t >= d.Length
}

// Recover is the demand behind a history. While a service keeps up, what
// arrives is what is asked of it, however many replicas there are. Where it
// does not keep up, drops requests or was not watched, nobody knows.
func Recover(h *History, s *Service, r Rules) (*Demand, error) {
	j := judge{h, s, r, h.lowLatency(s)}
	d := &Demand{Start: h.Moments[0].From}
	var bins []workload.Bin
	add := func(from, to time.Time, rate float64, why, text string) {
		b := workload.Bin{At: from.Sub(d.Start), Width: to.Sub(from), RPS: rate}
		if b.Width <= 0 {
			return
		}
		if bins = append(bins, b); why != "" {
			d.lose(Stretch{b.At, b.At + b.Width, why, text})
		}
	}
	for i := range h.Moments {
		m := &h.Moments[i]
		if i > 0 && m.From.After(h.Moments[i-1].To) {
			add(h.Moments[i-1].To, m.From, math.NaN(), Missing, "nothing was recorded")
		}
		if known(m.Rate) && m.Rate < 0 {
			return nil, fmt.Errorf("the rate of requests is %v at %s: must be 0 or more", m.Rate, stamp(m.At))
		}
		why, text := j.verdict(i)
		rate := m.Rate
		if why != "" {
			rate = math.NaN()
		}
		add(m.From, m.To, rate, why, text)
	}
	return d, d.finish(h, bins, r)
}

// lose adds a stretch, to the one before it where it goes on.
func (d *Demand) lose(s Stretch) {
	if n := len(d.Lost); n > 0 && d.Lost[n-1].To == s.From && d.Lost[n-1].Why == s.Why {
		d.Lost[n-1].To = s.To
		return
	}
	d.Lost = append(d.Lost, s)
}

// finish makes the trace of bins of which some have no rate.
func (d *Demand) finish(h *History, bins []workload.Bin, r Rules) error {
	if len(bins) == 0 {
		return fmt.Errorf("%s: %w", h.Target, errNothing)
	}
	last := bins[len(bins)-1]
	d.Length = last.At + last.Width
	d.Known = d.Length
	for _, s := range d.Lost {
		d.Known -= s.To - s.From
	}
	if share := d.LostShare(); share > r.Most {
		return fmt.Errorf("the demand of %.0f %% of the time cannot be recovered (%s): at most %.0f %% may be lost; choose another time with --from and --to, or say more with --max-lost",
			share*100, d.reasons(), r.Most*100)
	}
	var err error
	d.Trace, err = workload.NewTrace("of "+h.Target, filled(bins))
	return err
}

// reasons are the shares of the time that are lost, by why.
func (d *Demand) reasons() string {
	text := ""
	for _, why := range []string{Missing, Saturated, Dropped} {
		lost := time.Duration(0)
		for _, s := range d.Lost {
			if s.Why == why {
				lost += s.To - s.From
			}
		}
		if lost > 0 {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf("%s %.0f %%", why, 100*lost.Seconds()/d.Length.Seconds())
		}
	}
	return text
}

// filled lets the rate of bins without one run in a straight line from the bin
// before them to the bin after them; at an end the nearest rate holds.
func filled(bins []workload.Bin) []workload.Bin {
	for i := 0; i < len(bins); i++ {
		if known(bins[i].RPS) {
			continue
		}
		j := i
		for j < len(bins) && !known(bins[j].RPS) {
			j++
		}
		before, after := rateAt(bins, i-1), rateAt(bins, j)
		if !known(before) {
			before = after
		}
		if !known(after) {
			after = before
		}
		from, length := bins[i].At, bins[j-1].At+bins[j-1].Width-bins[i].At
		var parts []workload.Bin
		for k := i; k < j; k++ {
			// A long hole becomes several bins, so that it is no step.
			n := time.Duration(max(1, min(60, int(bins[k].Width/time.Minute))))
			for p := range n {
				b := workload.Bin{At: bins[k].At + bins[k].Width*p/n, Width: bins[k].Width*(p+1)/n - bins[k].Width*p/n}
				middle := (b.At + b.Width/2 - from).Seconds() / length.Seconds()
				b.RPS = before + (after-before)*middle
				parts = append(parts, b)
			}
		}
		bins = append(bins[:i:i], append(parts, bins[j:]...)...)
		i += len(parts) - 1
	}
	return bins
}

func rateAt(bins []workload.Bin, i int) float64 {
	if i < 0 || i >= len(bins) {
		return math.NaN()
	}
	return bins[i].RPS
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
