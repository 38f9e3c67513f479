package experiment

import (
	"math"
	"time"
)

// Summary is what the rows of one phase come to. Times and replica-hours count
// a row until the next one; the last counts as long as the one before it.
type Summary struct {
	Mode     Mode          `json:"mode"`
	Rows     int           `json:"rows"`
	Duration time.Duration `json:"durationNanoseconds"`

	ReplicaHours float64 `json:"replicaHours"`
	MeanReplicas float64 `json:"meanReplicas"`
	MinReplicas  int     `json:"minReplicas"`
	MaxReplicas  int     `json:"maxReplicas"`
	// Changes is how often the count was another than in the row before, and
	// Reversals how often it then went the other way than last time.
	Changes   int `json:"changes"`
	Reversals int `json:"reversals"`

	MeanCPUMillicores   *float64 `json:"meanCpuMillicores,omitempty"`
	MeanMemoryMebibytes *float64 `json:"meanMemoryMebibytes,omitempty"`
	// OverTarget is the share of time in which a replica used more than its
	// target of CPU by a tenth, the tolerance of the HPA: it was too small.
	OverTarget *float64 `json:"overTarget,omitempty"`

	// Mean wishes, and how the computed HPA agrees with the live one.
	MeanHPASim     *float64 `json:"meanHpaSim,omitempty"`
	MeanHPALive    *float64 `json:"meanHpaLive,omitempty"`
	MeanAI         *float64 `json:"meanAi,omitempty"`
	MeanConfidence *float64 `json:"meanConfidence,omitempty"`
	SimEqual       *float64 `json:"simEqualsLive,omitempty"`
	SimWithinOne   *float64 `json:"simWithinOneOfLive,omitempty"`
}

// tolerance is that of the HPA.
const tolerance = 0.1

// Summarize adds up the rows of one phase, in the order of their time.
func Summarize(rows []Row) Summary {
	s := Summary{Rows: len(rows)}
	if len(rows) == 0 {
		return s
	}
	s.Mode, s.MinReplicas = rows[0].Mode, rows[0].CurrentReplicas
	weights := weigh(rows)
	for i, r := range rows {
		s.Duration += weights[i]
		s.ReplicaHours += float64(r.CurrentReplicas) * weights[i].Hours()
		s.MinReplicas, s.MaxReplicas = min(s.MinReplicas, r.CurrentReplicas), max(s.MaxReplicas, r.CurrentReplicas)
	}
	if s.Duration > 0 {
		s.MeanReplicas = s.ReplicaHours / s.Duration.Hours()
	} else {
		s.MeanReplicas = float64(rows[0].CurrentReplicas)
	}
	s.changes(rows)
	s.means(rows, weights)
	return s
}

// weigh returns how long each row counts.
func weigh(rows []Row) []time.Duration {
	weights := make([]time.Duration, len(rows))
	for i := range rows {
		switch {
		case i+1 < len(rows):
			weights[i] = max(0, rows[i+1].Timestamp.Sub(rows[i].Timestamp))
		case i > 0:
			weights[i] = weights[i-1]
		}
	}
	return weights
}

func (s *Summary) changes(rows []Row) {
	last := 0
	for i := 1; i < len(rows); i++ {
		step := rows[i].CurrentReplicas - rows[i-1].CurrentReplicas
		if step == 0 {
			continue
		}
		s.Changes++
		if last*step < 0 {
			s.Reversals++
		}
		last = step
	}
}

func (s *Summary) means(rows []Row, weights []time.Duration) {
	mean := func(of func(r *Row) *float64) *float64 { return weighted(rows, weights, of) }
	s.MeanCPUMillicores = mean(func(r *Row) *float64 { return r.CPUMillicores })
	s.MeanMemoryMebibytes = mean(func(r *Row) *float64 { return r.MemoryMebibytes })
	s.MeanConfidence = mean(func(r *Row) *float64 { return r.AIConfidence })
	s.MeanHPASim = mean(func(r *Row) *float64 { return count(r.HPASimDesired) })
	s.MeanHPALive = mean(func(r *Row) *float64 { return count(r.HPADesiredReplicas) })
	s.MeanAI = mean(func(r *Row) *float64 { return count(r.AIRecommendedReplicas) })
	s.OverTarget = mean(func(r *Row) *float64 {
		return share(r.HPASimCPURatio != nil, func() bool { return *r.HPASimCPURatio > 1+tolerance })
	})
	both := func(r *Row) bool { return r.HPASimDesired != nil && r.HPADesiredReplicas != nil }
	s.SimEqual = mean(func(r *Row) *float64 {
		return share(both(r), func() bool { return *r.HPASimDesired == *r.HPADesiredReplicas })
	})
	s.SimWithinOne = mean(func(r *Row) *float64 {
		return share(both(r), func() bool { return math.Abs(float64(*r.HPASimDesired-*r.HPADesiredReplicas)) <= 1 })
	})
}

// weighted is the mean over the time in which something was known; nil when it
// never was. Where no time passes every row counts alike.
func weighted(rows []Row, weights []time.Duration, of func(*Row) *float64) *float64 {
	var sum, weight, plain, n float64
	for i := range rows {
		if v := of(&rows[i]); v != nil {
			sum, weight = sum+*v*weights[i].Seconds(), weight+weights[i].Seconds()
			plain, n = plain+*v, n+1
		}
	}
	switch {
	case weight > 0:
		return pointer(sum / weight)
	case n > 0:
		return pointer(plain / n)
	default:
		return nil
	}
}

func count(n *int) *float64 {
	if n == nil {
		return nil
	}
	return pointer(float64(*n))
}

// share is 1 where something holds and 0 where not; nil where it is not known.
func share(known bool, holds func() bool) *float64 {
	if !known {
		return nil
	}
	if holds() {
		return pointer(1.0)
	}
	return pointer(0.0)
}
