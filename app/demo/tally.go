package demo

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// tally adds up what one service did. Times are real, not compressed.
type tally struct {
	mu      sync.Mutex
	service string
	last    *control.Report
	latest  record.Decided

	seconds        float64
	replicaSeconds float64
	maxReplicas    int
	actions        int
	shadows        map[string]*wish
	rate           float64
}

// wish adds up what a shadow would have wanted, decision by decision.
type wish struct {
	sum, count, max int
}

func newTally(service string) *tally { return &tally{service: service, shadows: map[string]*wish{}} }

// report charges the time since the last report with the replicas that
// existed: each from its creation to the end of its draining.
func (t *tally) report(r control.Report) {
	if r.Target != t.service || r.Status == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last != nil {
		t.charge(r.At)
	}
	t.maxReplicas = max(t.maxReplicas, staying(r.Status.Replicas))
	t.last = &r
	for _, s := range r.Samples {
		if s.Signal == scale.RequestRate && s.Replica == "" {
			t.rate = s.Value
		}
	}
}

// charge accounts for the time since the last report; the caller holds mu.
func (t *tally) charge(until time.Time) {
	seconds := until.Sub(t.last.At).Seconds()
	t.seconds += seconds
	t.replicaSeconds += seconds * float64(len(t.last.Status.Replicas))
}

// staying counts the replicas that are not on their way out: these are bounded.
func staying(replicas []scale.Replica) int {
	n := 0
	for i := range replicas {
		if replicas[i].DeletedAt.IsZero() {
			n++
		}
	}
	return n
}

func (t *tally) decided(d record.Decided) {
	if d.Decision.Target != t.service {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.latest.Decision.At.IsZero() || d.Decision.Changes() || d.Decision.NoData {
		t.latest = d
	}
	for _, s := range d.Shadows {
		w := t.shadows[s.Policy]
		if w == nil {
			w = &wish{}
			t.shadows[s.Policy] = w
		}
		w.sum += s.DesiredReplicas
		w.count++
		w.max = max(w.max, s.DesiredReplicas)
	}
}

func (t *tally) applied(a record.Applied) {
	if a.Target != t.service || a.Error != "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.actions++
}

// counts are the ready and all specified replicas, and the last decision that
// changed something.
func (t *tally) counts() (ready, specified int, last scale.Decision) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last != nil {
		for i := range t.last.Status.Replicas {
			if t.last.Status.Replicas[i].TakesWork() {
				ready++
			}
		}
		specified = t.last.Status.SpecReplicas
	}
	return ready, specified, t.latest.Decision
}

// open starts the account at an instant: what was before does not count.
func (t *tally) open(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seconds, t.replicaSeconds, t.maxReplicas, t.actions = 0, 0, 0, 0
	clear(t.shadows)
	if t.last != nil {
		last := *t.last
		last.At = at
		t.last, t.maxReplicas = &last, len(last.Status.Replicas)
	}
}

// settle ends the account at an instant.
func (t *tally) settle(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil || at.Before(t.last.At) {
		return
	}
	t.charge(at)
	t.last = nil
}

// mean is how many replicas there were, over the time that is accounted for.
func (t *tally) mean() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seconds <= 0 {
		return 0
	}
	return t.replicaSeconds / t.seconds
}

// wishes lists what the shadows wanted, sorted by policy.
func (t *tally) wishes() []Shadow {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := []Shadow{}
	for _, name := range slices.Sorted(maps.Keys(t.shadows)) {
		w := t.shadows[name]
		all = append(all, Shadow{Policy: name, MeanReplicas: float64(w.sum) / float64(w.count), MaxReplicas: w.max})
	}
	return all
}
