package workload

import (
	"fmt"
	"math"
	"sort"
	"time"
)

// Peak returns the highest rate of s in requests per second.
func Peak(s Shape) float64 { return Quantile(s, 1) }

// Quantile returns the rate that s does not exceed for the share q (0..1) of
// its time, in requests per second. Traces are judged bin by bin, leaving out
// gaps, and recorded requests second by second; other shapes in 10,000 slots,
// endless ones by their first day.
func Quantile(s Shape, q float64) float64 {
	switch s := s.(type) {
	case *Trace:
		return quantile(s.bins, q)
	case *Requests:
		if s.length <= maxRows*time.Second {
			return quantile(s.Binned(time.Second).bins, q)
		}
	}
	length := s.Duration()
	if length == 0 {
		length = 24 * time.Hour
	}
	const slots = 10_000
	bins := make([]Bin, slots)
	for i := range bins {
		from := time.Duration(float64(length) * float64(i) / slots)
		to := time.Duration(float64(length) * float64(i+1) / slots)
		width := to - from
		rate := s.Rate(from)
		if q < 1 && width > 0 {
			rate = (s.Expected(to) - s.Expected(from)) / width.Seconds()
		}
		bins[i] = Bin{Width: max(1, width), RPS: rate}
	}
	return quantile(bins, q)
}

// quantile returns the smallest rate that holds at least q of the bins' time
// at or below it.
func quantile(bins []Bin, q float64) float64 {
	sorted := append([]Bin(nil), bins...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].RPS < sorted[j].RPS })
	total := 0.0
	for _, b := range sorted {
		total += b.Width.Seconds()
	}
	seen := 0.0
	for _, b := range sorted {
		seen += b.Width.Seconds()
		if seen >= q*total*(1-1e-12) {
			return b.RPS
		}
	}
	return 0
}

// Factor returns what to multiply s by so that its q-quantile of the rate
// becomes rps. It fails when that quantile is 0, as of a trace that is mostly
// silent.
func Factor(s Shape, q, rps float64) (float64, error) {
	if rps < 0 || math.IsNaN(rps) || math.IsInf(rps, 0) {
		return 0, fmt.Errorf("scale to %v requests/s: must be 0 or more", rps)
	}
	have := Quantile(s, q)
	if have <= 0 {
		return 0, fmt.Errorf("scale to %v requests/s: the rate is 0 at least %v %% of the time", rps, 100*q)
	}
	return rps / have, nil
}
