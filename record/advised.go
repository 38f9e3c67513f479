package record

import (
	"maps"
	"slices"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Advised is one question to an advisor and what came of it.
type Advised struct {
	From     string    `json:"from"`
	Occasion string    `json:"occasion,omitempty"` // why it was asked
	SeenAt   time.Time `json:"seenAt"`             // At of the observation it was asked about
	// Took is from question to answer.
	Took time.Duration `json:"took"`
	// Error is why there is no advice; empty: there is, valid until Expires.
	Error   string    `json:"error,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	// Wanted is what the policy that asked wanted without advice; nil: not known.
	Wanted     *int        `json:"wanted,omitempty"`
	Replicas   *int        `json:"replicas,omitempty"`  // nil: no count was advised
	Direction  int         `json:"direction,omitempty"` // -1 down, +1 up, 0 none
	Thresholds []Threshold `json:"thresholds,omitempty"`
	Confidence float64     `json:"confidence,omitempty"` // 0..1
	Reason     string      `json:"reason,omitempty"`     // the advisor's words
	// In and Out are tokens read and written, Cost their price in US dollars.
	In     int     `json:"in,omitempty"`
	Out    int     `json:"out,omitempty"`
	Cost   float64 `json:"cost,omitempty"`
	Cached bool    `json:"cached,omitempty"` // an earlier answer was given again
	// Asked and Said are the words exchanged, without secrets.
	Asked string `json:"asked,omitempty"`
	Said  string `json:"said,omitempty"`
}

// Threshold is one that was advised.
type Threshold struct {
	Name  string  `json:"name"` // of the signal
	Value float64 `json:"value"`
}

// Advice is what policies got of the exchange, answered at an instant.
func (a *Advised) Advice(at time.Time) scale.Advice {
	if a.Error != "" {
		return scale.Advice{From: a.From, At: at, SeenAt: a.SeenAt, Expires: at.Add(time.Minute), Reason: a.Error, Failed: true}
	}
	advice := scale.Advice{From: a.From, At: at, SeenAt: a.SeenAt, Expires: a.Expires,
		Replicas: a.Replicas, Direction: a.Direction, Confidence: a.Confidence, Reason: a.Reason}
	for _, t := range a.Thresholds {
		if advice.Thresholds == nil {
			advice.Thresholds = map[string]float64{}
		}
		advice.Thresholds[t.Name] = t.Value
	}
	return advice
}

// Take notes what was advised.
func (a *Advised) Take(advice *scale.Advice) {
	a.Replicas, a.Direction, a.Confidence = advice.Replicas, advice.Direction, advice.Confidence
	a.Reason, a.Expires, a.Thresholds = advice.Reason, advice.Expires, nil
	for _, name := range slices.Sorted(maps.Keys(advice.Thresholds)) {
		a.Thresholds = append(a.Thresholds, Threshold{name, advice.Thresholds[name]})
	}
}

// Clone returns a copy that shares no memory with a; nil of nil.
func (a *Advised) Clone() *Advised {
	if a == nil {
		return nil
	}
	c := *a
	c.Wanted, c.Replicas, c.Thresholds = copied(a.Wanted), copied(a.Replicas), slices.Clone(a.Thresholds)
	return &c
}

func copied(n *int) *int {
	if n == nil {
		return nil
	}
	c := *n
	return &c
}
