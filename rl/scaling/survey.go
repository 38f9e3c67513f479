package scaling

import (
	"math"

	"github.com/flyball-io/flyball/policy/learned"
)

// survey counts what observations are like: mean and variance by Welford's
// recurrence (Technometrics 1962), and the extremes.
type survey struct {
	n           float64
	mean, sum   [learned.Width]float64 // sum of squared deviations
	least, most [learned.Width]float32
}

func (s *survey) add(row []float32) {
	first := s.n == 0
	s.n++
	for i, x := range row {
		d := float64(x) - s.mean[i]
		s.mean[i] += d / s.n
		s.sum[i] += d * (float64(x) - s.mean[i])
		if first || x < s.least[i] {
			s.least[i] = x
		}
		if first || x > s.most[i] {
			s.most[i] = x
		}
	}
}

func (s *survey) features() learned.Features {
	var f learned.Features
	for i := range learned.Width {
		f.Mean = append(f.Mean, float32(s.mean[i]))
		f.Std = append(f.Std, float32(math.Sqrt(max(0, s.sum[i])/max(1, s.n))))
		f.Least, f.Most = append(f.Least, s.least[i]), append(f.Most, s.most[i])
	}
	return f
}
