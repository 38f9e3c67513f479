package capacity

import (
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
)

// Facts are what is known of the service, for people.
type Facts struct {
	queueing.Traits
	// PerReplica is the requests per second one replica carries, correction
	// included, and Source where that is from. It is uncertain when nothing but
	// response times tells it: then it is what was seen to work, and a little more.
	PerReplica float64
	// Intrinsic is the share whose service alone misses the objective.
	Intrinsic float64
	Source    string
	Uncertain bool
	// MeanHinted and CVHinted tell that these were stated and not learned.
	MeanHinted, CVHinted bool
	// Correction is the factor on the load by which the model agrees with what is
	// measured; above 1 more requests are late than the service explains.
	Correction float64
	Backlog    float64
	// Work is the CPU all ready replicas use, in replicas.
	Work float64
	// Startup is what [Learner.Startup] says, of so many starts that were seen.
	Startup time.Duration
	Started float64
}

// Facts returns what is known.
func (l *Learner) Facts() Facts {
	m := &l.memory
	f := Facts{
		PerReplica: l.PerReplica(), Correction: m.Correction.factor(), Backlog: m.Backlog, Work: m.CPU.Load,
		MeanHinted: l.cfg.ServiceMean > 0, CVHinted: l.cfg.ServiceCV > 0,
		Startup: l.Startup(), Started: m.Startups.Mean.Weight,
	}
	switch {
	case l.model.ready:
		f.Traits, f.Intrinsic = l.model.traits, l.model.blend.Intrinsic()
		f.Source, f.Uncertain = l.model.source.String(), l.model.source == fromLatency
	case l.WorkOnly():
		f.Source, f.Uncertain = fromCPU.String(), true
	default:
		f.Source, f.Uncertain = unknown.String(), true
	}
	return f
}

const kind, version = "capacity", 3

// state is what a snapshot holds.
type state struct {
	memory
	Model string `json:"model"` // whose error the correction is
}

// corrected identifies the model that the correction is of.
func (l *Learner) corrected() string {
	return scale.ConfigHash([]any{l.cfg, l.threshold, l.topology})
}

// Snapshot returns the whole memory.
func (l *Learner) Snapshot() ([]byte, error) {
	return scale.Seal(kind, version, nil, state{l.memory, l.corrected()})
}

// Restore takes over what was learned, also under other hints and for another
// objective: how long replicas start and services take are facts of the service,
// and what is hinted now goes before them. Only the error of the model is that of
// one model, and what was late that of one objective.
func (l *Learner) Restore(s []byte) error {
	var was state
	if err := scale.Unseal(s, kind, version, nil, &was); err != nil {
		return err
	}
	if was.Model != l.corrected() {
		was.Correction, was.Alone = correction{}, alone{Most: was.Alone.Most}
	}
	l.memory, l.model = was.memory, model{}
	l.refresh()
	return nil
}
