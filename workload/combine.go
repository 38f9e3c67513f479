package workload

import "time"

// Sum lays shapes over each other. It ends with the longest, and never when
// one of them never does.
func Sum(shapes ...Shape) Shape { return sum(shapes) }

type sum []Shape

func (s sum) Rate(t time.Duration) float64 {
	total := 0.0
	for _, shape := range s {
		total += shape.Rate(t)
	}
	return total
}

func (s sum) Expected(t time.Duration) float64 {
	total := 0.0
	for _, shape := range s {
		total += shape.Expected(t)
	}
	return total
}

func (s sum) Duration() time.Duration {
	longest := time.Duration(0)
	for _, shape := range s {
		d := shape.Duration()
		if d == 0 {
			return 0
		}
		longest = max(longest, d)
	}
	return longest
}

// Scale multiplies every rate by factor, which must not be negative.
func Scale(s Shape, factor float64) Shape {
	if trace, ok := s.(*Trace); ok {
		return trace.Scaled(factor)
	}
	return scaled{s, factor}
}

type scaled struct {
	Shape
	factor float64
}

func (s scaled) Rate(t time.Duration) float64     { return s.factor * s.Shape.Rate(t) }
func (s scaled) Expected(t time.Duration) float64 { return s.factor * s.Shape.Expected(t) }

// Speed plays s factor times as fast: with 60 an hour passes in a minute. The
// rates stay what they are, so that the same replicas are needed; hence only
// one request in factor is sent. Multiply by [Scale] with the same factor to
// send every one. The factor must be above 0.
func Speed(s Shape, factor float64) Shape { return fast{s, factor} }

type fast struct {
	shape  Shape
	factor float64
}

func (f fast) Rate(t time.Duration) float64 { return f.shape.Rate(f.original(t)) }
func (f fast) Expected(t time.Duration) float64 {
	return f.shape.Expected(f.original(t)) / f.factor
}

func (f fast) Duration() time.Duration {
	return fromSeconds(f.shape.Duration().Seconds() / f.factor)
}

// original returns the instant of the shape that is played at t.
func (f fast) original(t time.Duration) time.Duration {
	return fromSeconds(t.Seconds() * f.factor)
}

// Clip cuts s to the part from the instant from up to the instant to, which
// then begins at 0. A to of 0 means up to the end. Beyond the end of s
// nothing arrives.
func Clip(s Shape, from, to time.Duration) Shape {
	if end := s.Duration(); end > 0 && (to == 0 || to > end) {
		to = max(end, from)
	}
	switch s := s.(type) {
	case *Trace:
		if cut, err := s.Window(from, to); err == nil && !s.interpolated {
			return cut
		}
	case *Requests:
		if cut, ok := s.window(from, to); ok {
			return cut
		}
		return Constant{For: to - from}
	}
	return clipped{shape: s, from: from, to: to, before: s.Expected(from)}
}

type clipped struct {
	shape    Shape
	from, to time.Duration
	before   float64
}

func (c clipped) Rate(t time.Duration) float64 {
	if !within(t, c.Duration()) {
		return 0
	}
	return c.shape.Rate(c.from + t)
}

func (c clipped) Expected(t time.Duration) float64 {
	return c.shape.Expected(c.from+clamp(t, c.Duration())) - c.before
}

func (c clipped) Duration() time.Duration {
	if c.to == 0 {
		return 0
	}
	return c.to - c.from
}

// Repeat plays s again and again, without end. A shape that never ends stays
// what it is.
func Repeat(s Shape) Shape {
	if s.Duration() == 0 {
		return s
	}
	return repeated{s}
}

type repeated struct{ shape Shape }

func (r repeated) Rate(t time.Duration) float64 {
	if t < 0 {
		return 0
	}
	return r.shape.Rate(t % r.shape.Duration())
}

func (r repeated) Expected(t time.Duration) float64 {
	t = max(0, t)
	length := r.shape.Duration()
	return float64(t/length)*r.shape.Expected(length) + r.shape.Expected(t%length)
}

func (r repeated) Duration() time.Duration { return 0 }
