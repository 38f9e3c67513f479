package web

import (
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/scale"
)

// The phases as the page shows them: what a replica is to the service.
const (
	phaseReady       = "ready"
	phaseStarting    = "starting"
	phaseUnready     = "unready" // ran before, takes no work now
	phaseTerminating = "terminating"
	phaseEnded       = "ended"
)

// ReplicaView is one line of the table of backends. Times are Unix seconds, 0
// when not known.
type ReplicaView struct {
	ID      string  `json:"id"`
	Address string  `json:"address,omitempty"`
	Phase   string  `json:"phase"` // ready, starting, unready, terminating, ended
	Since   float64 `json:"since"` // when the phase began
	Started float64 `json:"started"`
	// Restarts counts how often it was started again.
	Restarts int    `json:"restarts"`
	InFlight Number `json:"inFlight"` // requests in progress
	Rate     Number `json:"rate"`     // requests per second
	P95      Number `json:"p95"`      // seconds
	Errors   Number `json:"errors"`   // per second
}

// phaseOf folds phase, readiness and deletion into one word. A replica whose
// readiness changed after it started was ready before.
func phaseOf(r *scale.Replica) string {
	switch {
	case r.Phase == scale.Succeeded || r.Phase == scale.Failed:
		return phaseEnded
	case !r.DeletedAt.IsZero():
		return phaseTerminating
	case r.TakesWork():
		return phaseReady
	case r.Phase == scale.Running && r.Readiness.Known && r.Readiness.Since.After(r.StartedAt) && !r.StartedAt.IsZero():
		return phaseUnready
	default:
		return phaseStarting
	}
}

// viewReplicas describes each replica with the newest samples that are its
// own. A report of the target alone leaves the measurements as they were.
func viewReplicas(r control.Report, before []ReplicaView) []ReplicaView {
	views := make([]ReplicaView, len(r.Status.Replicas))
	byID := make(map[string]*ReplicaView, len(views))
	for i := range r.Status.Replicas {
		replica := &r.Status.Replicas[i]
		u := Unknown()
		views[i] = ReplicaView{
			ID: replica.ID, Address: replica.Address, Phase: phaseOf(replica), Restarts: replica.Restarts,
			Started: unix(replica.StartedAt), Since: unix(phaseSince(replica)), InFlight: u, Rate: u, P95: u, Errors: u,
		}
		byID[replica.ID] = &views[i]
		for j := range replica.Samples {
			views[i].sample(&replica.Samples[j])
		}
	}
	for i := range r.Samples {
		if v := byID[r.Samples[i].Replica]; v != nil {
			v.sample(&r.Samples[i])
		}
	}
	if len(r.Samples) == 0 {
		keepMeasurements(byID, before)
	}
	return views
}

func keepMeasurements(views map[string]*ReplicaView, before []ReplicaView) {
	for _, old := range before {
		if v := views[old.ID]; v != nil {
			v.InFlight, v.Rate, v.P95, v.Errors = old.InFlight, old.Rate, old.P95, old.Errors
		}
	}
}

func phaseSince(r *scale.Replica) time.Time {
	switch phaseOf(r) {
	case phaseTerminating:
		return r.DeletedAt
	case phaseReady, phaseUnready:
		return r.Readiness.Since
	default:
		return r.StartedAt
	}
}

func (v *ReplicaView) sample(s *scale.Sample) {
	switch n := Number(s.Value); s.Signal {
	case scale.Concurrency:
		v.InFlight = n
	case scale.RequestRate:
		v.Rate = n
	case scale.Latency:
		v.P95 = n
	case scale.ErrorRate:
		v.Errors = n
	}
}

// unix returns t in seconds, 0 for the zero time.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
