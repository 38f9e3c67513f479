package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
)

// WireVersion is that of question and answer. One of another is refused.
const WireVersion = 1

// Question is what is asked in the format flyball: all that a policy gets to see,
// so that any server may answer, and each of several.
type Question struct {
	Version     int               `json:"version"`
	Observation scale.Observation `json:"observation"`
	Bounds      Bounds            `json:"bounds"`
	// Objective is what the service promises; left out where nothing is stated.
	Objective *scale.Objective `json:"objective,omitempty"`
	// Sync is the time between two decisions, Topology how requests are spread.
	Sync     scale.Duration    `json:"sync"`
	Topology queueing.Topology `json:"topology"`
	// Memory is that of the last answer, unchanged; left out at first. Who answers
	// keeps nothing.
	Memory []byte `json:"memory,omitempty"`
}

// Bounds are the fewest and the most replicas.
type Bounds struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// MostReplicas is the most of them that a question may allow.
const MostReplicas = 100_000

// Validate reports what keeps a question from being answered.
func (q *Question) Validate() error {
	var errs []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(q.Version != WireVersion, "version: must be %d, got %d", WireVersion, q.Version)
	fault(q.Observation.Target == "" || len(q.Observation.Target) > 253, "observation.target: must be 1 to 253 characters, got %d", len(q.Observation.Target))
	fault(q.Observation.At.IsZero(), "observation.at: must be stated")
	fault(q.Observation.CurrentReplicas < 0 || q.Observation.CurrentReplicas > MostReplicas, "observation.currentReplicas: must be 0 to %d, got %d", MostReplicas, q.Observation.CurrentReplicas)
	fault(q.Bounds.Min < 0 || q.Bounds.Max < max(1, q.Bounds.Min) || q.Bounds.Max > MostReplicas, "bounds: must be 0 ≤ min ≤ max ≤ %d and max at least 1, got %d and %d", MostReplicas, q.Bounds.Min, q.Bounds.Max)
	fault(q.Sync <= 0, "sync: must be above 0, got %v", q.Sync)
	if q.Objective != nil {
		if err := q.Objective.Validate(); err != nil {
			fault(true, "objective: %w", err)
		}
	}
	return errors.Join(errs...)
}

// Answer is what comes back.
type Answer struct {
	Version int `json:"version"`
	// Target and SeenAt are those of the observation that is answered.
	Target string    `json:"target"`
	SeenAt time.Time `json:"seenAt"`
	// Replicas is the count that is wanted; null: no opinion, and Reason says why.
	Replicas   *int    `json:"replicas"`
	Confidence float64 `json:"confidence"` // 0..1
	Reason     string  `json:"reason"`
	Memory     []byte  `json:"memory,omitempty"`
}

// ReadAnswer reads the answer to a question. One that is not of it, or says what
// cannot be meant, is refused.
func ReadAnswer(data []byte, q *Question) (Answer, error) {
	var a Answer
	if err := json.Unmarshal(data, &a); err != nil {
		return Answer{}, fmt.Errorf("is no answer: %w", err)
	}
	switch {
	case a.Version != WireVersion:
		return Answer{}, fmt.Errorf("version: must be %d, got %d", WireVersion, a.Version)
	case a.Target != q.Observation.Target:
		return Answer{}, fmt.Errorf("target: is of another one than %q", q.Observation.Target)
	case !a.SeenAt.Equal(q.Observation.At):
		return Answer{}, fmt.Errorf("seenAt: must be that of the question (%v), got %v", q.Observation.At.Format(time.RFC3339Nano), a.SeenAt.Format(time.RFC3339Nano))
	case a.Replicas != nil && (*a.Replicas < q.Bounds.Min || *a.Replicas > q.Bounds.Max):
		return Answer{}, fmt.Errorf("replicas: must be %d to %d, got %d", q.Bounds.Min, q.Bounds.Max, *a.Replicas)
	case !(a.Confidence >= 0 && a.Confidence <= 1):
		return Answer{}, fmt.Errorf("confidence: must be 0 to 1, got %v", a.Confidence)
	}
	return a, nil
}
