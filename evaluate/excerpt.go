package evaluate

import (
	"time"

	"github.com/flyball-io/flyball/workload"
)

// Excerpt is a part of a trace that asks something special of a policy.
type Excerpt string

// The excerpts: around the highest rate, the least loaded, and around the
// steepest rise over ten minutes.
const (
	Peak   Excerpt = "peak"
	Trough Excerpt = "trough"
	Rise   Excerpt = "rise"
)

// Excerpts lists all of them.
func Excerpts() []Excerpt { return []Excerpt{Peak, Trough, Rise} }

// excerptStep is how finely excerpts are placed.
const excerptStep = time.Minute

// Cut returns the excerpts of a case that are so long, to be played request by
// request, each with up to warmup of the load before it. One that is not much
// longer than an excerpt is played whole, once. The rates are those of the whole.
func Cut(c Case, which []Excerpt, length, warmup time.Duration) []Case {
	s := &c.Scenario
	scored := s.Length() - s.Warmup
	if scored <= length+length/2 {
		whole := c
		whole.Trace, whole.Fluid = c.Trace+"/whole", false
		return []Case{whole}
	}
	minutes := rates(s.Load, excerptStep)
	var all []Case
	for _, e := range which {
		at := e.place(minutes, int(s.Warmup/excerptStep), int(length/excerptStep))
		all = append(all, cut(c, string(e), time.Duration(at)*excerptStep, length, warmup))
	}
	return all
}

// place is the minute at which an excerpt of n minutes begins, from first on.
func (e Excerpt) place(minutes []float64, first, n int) int {
	within := func(begin int) int { return min(max(begin, first), len(minutes)-n) }
	best, at := 0.0, first
	switch e {
	case Trough:
		for i := first; i+n <= len(minutes); i++ {
			if sum := total(minutes[i : i+n]); i == first || sum < best {
				best, at = sum, i
			}
		}
		return at
	case Rise:
		const over = 10
		for i := first; i+over < len(minutes); i++ {
			if rise := minutes[i+over] - minutes[i]; i == first || rise > best {
				best, at = rise, i
			}
		}
		return within(at + over/2 - n/2)
	default:
		for i := first; i < len(minutes); i++ {
			if minutes[i] > best {
				best, at = minutes[i], i
			}
		}
		return within(at - n/2)
	}
}

func total(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum
}

// cut is a case from an instant on.
func cut(c Case, name string, from, length, warmup time.Duration) Case {
	begin := max(0, from-warmup)
	part := c
	part.Trace, part.Fluid = c.Trace+"/"+name, false
	s := &part.Scenario
	s.Name = part.Trace
	s.Load = workload.Clip(c.Scenario.Load, begin, from+length)
	s.Warmup = from - begin
	s.Gaps = nil
	for _, gap := range c.Scenario.Gaps {
		moved := workload.Span{From: max(0, gap.From-begin), To: min(gap.To, from+length) - begin}
		if moved.To > moved.From {
			s.Gaps = append(s.Gaps, moved)
		}
	}
	s.Start = c.Scenario.Start.Add(begin)
	return part
}
