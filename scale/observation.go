// Package scale holds the words of the loop: what is observed, what a policy
// recommends, what is decided and why. They are plain values without I/O,
// clock or goroutine, so that live control, simulation, replay and shadows
// speak of the same things.
package scale

import (
	"time"

	"github.com/flyball-io/flyball/series"
)

// Observation is everything known about one target at one instant. It is
// read-only: whoever receives it must not change what its slices hold.
type Observation struct {
	// Target is the name of what is scaled.
	Target string `json:"target"`
	// At is the instant of the observation: the only clock of policies and guards.
	At time.Time `json:"at"`
	// CurrentReplicas is the specified count: replicas asked for, ready or not.
	CurrentReplicas int `json:"currentReplicas"`
	// ObservedReplicas is the count the target reports as existing.
	ObservedReplicas int `json:"observedReplicas"`
	// Replicas lists each replica, sorted by ID.
	Replicas []Replica `json:"replicas,omitempty"`
	// Signals lists the target's signals, sorted by name.
	Signals []Signal `json:"signals,omitempty"`
	// Conditions lists what the target says of lasting troubles.
	Conditions []Condition `json:"conditions,omitempty"`
	// Advice lists what slow or remote thinkers have said and is still valid.
	Advice []Advice `json:"advice,omitempty"`
}

// ReadyReplicas counts the replicas that can take work.
func (o *Observation) ReadyReplicas() int {
	n := 0
	for i := range o.Replicas {
		if o.Replicas[i].TakesWork() {
			n++
		}
	}
	return n
}

// Signal returns the named signal, or nil when the target has none.
func (o *Observation) Signal(name string) *Signal {
	for i := range o.Signals {
		if o.Signals[i].Name == name {
			return &o.Signals[i]
		}
	}
	return nil
}

// Last returns the newest value of the named signal. It is false unless the
// signal is fresh: an old or doubtful value is never used by mistake.
func (o *Observation) Last(name string) (float64, bool) {
	s := o.Signal(name)
	if s == nil || s.Trust != Fresh || len(s.Points) == 0 {
		return 0, false
	}
	return s.Points[len(s.Points)-1].Value, true
}

// Idle reports that requests neither arrive nor wait nor are in progress, as
// far as anybody measures it: then there is nothing to measure of them.
func (o *Observation) Idle() bool {
	rate, known := o.Last(RequestRate)
	running, _ := o.Last(Concurrency)
	return known && rate == 0 && running == 0 && !o.Waiting()
}

// Waiting reports that requests wait for a replica.
func (o *Observation) Waiting() bool {
	queue, known := o.Last(QueueDepth)
	return known && queue > 0
}

// Standard signal names. A rate is per second, a latency in seconds, a
// utilization a share of capacity (1 = full); the others are counts.
const (
	RequestRate       = "requestRate"       // requests arriving per second
	ErrorRate         = "errorRate"         // requests per second answered with 5xx, refused or timed out
	Concurrency       = "concurrency"       // requests in progress, held ones included, averaged over the window
	QueueDepth        = "queueDepth"        // requests held because no replica is ready
	Latency           = "latency"           // p95 in seconds, with the distribution
	ViolationRatio    = "violationRatio"    // share of requests that were not good under the objective
	Utilization       = "utilization"       // requests in progress per slot of the ready replicas
	CPUUtilization    = "cpuUtilization"    // CPU used per CPU requested
	MemoryUtilization = "memoryUtilization" // memory used per memory requested

	DiskReadRate        = "diskReadRate"        // bytes read from disks per second
	DiskWriteRate       = "diskWriteRate"       // bytes written to disks per second
	NetworkReceiveRate  = "networkReceiveRate"  // bytes received per second
	NetworkTransmitRate = "networkTransmitRate" // bytes sent per second
)

// Trust says how far a signal may be believed.
type Trust uint8

// Trust states. An error is never a zero: a source that fails makes its
// signals stale, then absent.
const (
	Absent      Trust = iota // never seen, or gone for long
	Stale                    // seen, but older than its MaxAge
	Implausible              // recent but impossible: negative, NaN, infinite
	Fresh                    // recent and plausible
)

var trustNames = [...]string{"absent", "stale", "implausible", "fresh"}

func (t Trust) String() string { return nameOf(trustNames[:], t) }

// MarshalText writes the name.
func (t Trust) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads the name.
func (t *Trust) UnmarshalText(text []byte) error { return valueOf(trustNames[:], t, text) }

// Signal is one named time series of a target.
type Signal struct {
	Name  string `json:"name"`
	Trust Trust  `json:"trust"`
	// Points holds the recent values, oldest first. Rates and concurrencies
	// are means over Window before their time.
	Points []series.Point `json:"points,omitempty"`
	// Window is what one point averages over; 0 for an instant.
	Window time.Duration `json:"window,omitempty"`
	// Distribution holds the durations of the newest window; only for
	// latencies.
	Distribution *series.Histogram `json:"distribution,omitempty"`
}

// Sample is one dated measurement as a source delivers it.
type Sample struct {
	Signal string `json:"signal"`
	// Replica and Container say whose value it is; empty for the whole target.
	Replica   string        `json:"replica,omitempty"`
	Container string        `json:"container,omitempty"`
	At        time.Time     `json:"at"`
	Window    time.Duration `json:"window,omitempty"`
	Value     float64       `json:"value"`
	// Distribution holds every duration of the window; only for latencies.
	Distribution *series.Histogram `json:"distribution,omitempty"`
}

// Advice is what a slow or remote thinker said about a target.
type Advice struct {
	From       string             `json:"from"`
	At         time.Time          `json:"at"`
	Expires    time.Time          `json:"expires"`
	SeenAt     time.Time          `json:"seenAt"`               // At of the observation it was based on
	Replicas   *int               `json:"replicas,omitempty"`   // absolute wish, if any
	Direction  int                `json:"direction,omitempty"`  // -1 down, +1 up, 0 none
	Thresholds map[string]float64 `json:"thresholds,omitempty"` // by signal
	Confidence float64            `json:"confidence"`           // 0..1
	Reason     string             `json:"reason,omitempty"`
	// Failed says that they were asked and there is no advice; Reason says why.
	Failed bool `json:"failed,omitempty"`
}
