package client

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// Target is a service as the API describes it.
type Target struct {
	Name         string               `json:"name"`
	Mode         scale.Mode           `json:"mode"`
	DocumentMode scale.Mode           `json:"documentMode"`
	Override     *Override            `json:"override"` // nil: nothing was set by hand
	Policy       string               `json:"policy"`
	Shadows      []string             `json:"shadows"`
	Min          int                  `json:"min"`
	Max          int                  `json:"max"`
	Sync         float64              `json:"sync"` // seconds
	Kind         string               `json:"kind"`
	Balancer     string               `json:"balancer"`
	Objective    *web.ObjectiveStatus `json:"objective"`
	ReportAt     Time                 `json:"reportAt"`
	StaleAfter   float64              `json:"staleAfter"` // seconds
	Point        *web.Point           `json:"point"`
	Decision     *Decision            `json:"decision"`
	LastChange   *Decision            `json:"lastChange"`
	Faults       []web.FaultView      `json:"faults"`
	Conditions   []Condition          `json:"conditions"`
	Replicas     []web.ReplicaView    `json:"replicas"`
	Advice       *web.AdviceView      `json:"advice"` // nil: nobody was asked today
}

// Condition is something about a target that lasts.
type Condition struct {
	Type    string `json:"type"`
	Since   Time   `json:"since"`
	Message string `json:"message"`
}

// Override is what somebody set by hand.
type Override struct {
	Mode   scale.Mode `json:"mode"`
	Until  *Time      `json:"until"`
	By     string     `json:"by"`
	At     Time       `json:"at"`
	Reason string     `json:"reason"`
}

// Decision is a decision, or a run of decisions that differ only in numbers.
type Decision struct {
	ID             int64                `json:"id"`     // of the first of the run
	Newest         int64                `json:"newest"` // of the newest, whose words are shown
	At             Time                 `json:"at"`
	Until          Time                 `json:"until"`
	Count          int                  `json:"count"`
	Mode           scale.Mode           `json:"mode"`
	Policy         string               `json:"policy"`
	From           int                  `json:"from"`
	To             int                  `json:"to"`
	Reason         scale.Reason         `json:"reason"`
	SetBy          string               `json:"setBy"`
	NoData         bool                 `json:"noData"`
	Recommendation scale.Recommendation `json:"recommendation"`
	Steps          []scale.Step         `json:"steps"`
	Shadows        []web.ShadowView     `json:"shadows"`
	Applied        *Applied             `json:"applied"`
	// The rest is only there of a single decision.
	Seen     *Seen `json:"seen,omitempty"`
	Previous int64 `json:"previous,omitempty"` // ID of the one before; 0: none
	Next     int64 `json:"next,omitempty"`
}

// Changes reports whether the decision asks for another count than there is.
func (d *Decision) Changes() bool { return d.From != d.To }

// Held reports whether a guard allowed another count than it was given.
func (d *Decision) Held() bool {
	for _, s := range d.Steps {
		if s.From != s.To {
			return true
		}
	}
	return false
}

// Applied says what became of a decision.
type Applied struct {
	At    Time   `json:"at"`
	Error string `json:"error"`
}

// Seen is what a decision was made on.
type Seen struct {
	Ready       int         `json:"ready"`
	Starting    int         `json:"starting"`
	Terminating int         `json:"terminating"`
	Signals     []Signal    `json:"signals"`
	Conditions  []Condition `json:"conditions"`
}

// Signal is the newest value of a signal; quantiles are there for latencies.
type Signal struct {
	Name  string      `json:"name"`
	Trust scale.Trust `json:"trust"`
	Value *float64    `json:"value"`
	At    Time        `json:"at"`
	P50   *float64    `json:"p50"`
	P95   *float64    `json:"p95"`
	P99   *float64    `json:"p99"`
}

// Event is something that happened beside decisions.
type Event struct {
	ID      int64  `json:"id"`
	At      Time   `json:"at"`
	Type    string `json:"type"`
	Target  string `json:"target"`
	By      string `json:"by"`
	Message string `json:"message"`
}

// SetMode is a wish for a mode that holds until it is taken back.
type SetMode struct {
	Mode   scale.Mode `json:"mode"`
	Until  *time.Time `json:"until,omitempty"` // only of a pause
	Reason string     `json:"reason,omitempty"`
}

// Time is an instant of the API: seconds since 1970, 0 or null for none. A
// time in RFC 3339 is understood as well.
type Time struct{ time.Time }

// UnmarshalJSON reads either form.
func (t *Time) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return t.Time.UnmarshalJSON(data)
	}
	var seconds *float64
	if err := json.Unmarshal(data, &seconds); err != nil {
		return fmt.Errorf("time: %w", err)
	}
	t.Time = time.Time{}
	if seconds != nil && *seconds != 0 {
		t.Time = time.UnixMilli(int64(*seconds*1000 + 0.5))
	}
	return nil
}

// MarshalJSON writes seconds, as the API does.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("0"), nil
	}
	return json.Marshal(float64(t.UnixMilli()) / 1000)
}
