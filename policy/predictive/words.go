package predictive

import "github.com/flyball-io/flyball/scale"

// wishes are the counts that each rule asks for.
type wishes struct {
	forecast int
	drain    int // of a backlog
	backlog  float64
	relieve  int // from saturation
	need     int // the highest of them; 0 when idle
	held     int // the need, or what it would be dearer to let go
}

// The rules that can set the number, as proposals.
const (
	byForecast = iota
	byBacklog
	bySaturation
	byRelease
	proposals
)

// silent is what rules say that want nothing.
var silent = [proposals]scale.Reason{
	byBacklog:    scale.Because("NoBacklog", "no requests wait beyond the usual"),
	bySaturation: scale.Because("Unsaturated", "the load can be seen"),
	byRelease:    scale.Because("NothingToRelease", "none stays that is not needed"),
}

// words says which rule set the number, and what every rule wanted.
func (p *Policy) words(w wishes) scale.Recommendation {
	p.proposals = [proposals]scale.Proposal{
		byForecast: {Signal: "forecast", Replicas: w.forecast, Reason: p.expects(w.forecast)},
		byBacklog: {Signal: "backlog", Replicas: w.drain, Missing: w.drain == 0, Reason: scale.Because("Backlog",
			"{0 request} will be waiting: {1 replica} to answer within {2s}", w.backlog, float64(w.drain), p.cfg.Drain.Std().Seconds())},
		bySaturation: {Signal: "saturation", Replicas: w.relieve, Missing: w.relieve == 0, Reason: scale.Because("Saturated",
			"all CPU of {0 replica} is used, so the load cannot be seen: twice as many", float64(w.relieve/2))},
		byRelease: {Signal: "release", Replicas: w.held, Missing: w.held == w.need, Reason: scale.Because("Lazy",
			"{0} needed; {1} stay until no more were for {2s}, what a start costs", float64(w.need), float64(w.held), p.breakEven().Seconds())},
	}
	for i, quiet := range silent {
		if p.proposals[i].Missing {
			p.proposals[i].Reason = quiet
		}
	}
	set := byForecast
	switch {
	case w.held > w.need:
		set = byRelease
	case w.need == 0:
		return p.say(w, scale.Because("Idle", "no request for {0s}", p.cfg.IdleToZero.Std().Seconds()))
	case w.relieve == w.need && w.relieve > w.forecast:
		set = bySaturation
	case w.drain == w.need && w.drain > w.forecast:
		set = byBacklog
	}
	return p.say(w, p.proposals[set].Reason)
}

func (p *Policy) say(w wishes, because scale.Reason) scale.Recommendation {
	return scale.Recommendation{Replicas: w.held, Confidence: 1, Reason: because, Proposals: p.proposals[:]}
}

// expects puts the forecast into words: what there is, its highest quantile, and
// what that takes.
func (p *Policy) expects(replicas int) scale.Reason {
	horizon := (p.startup() + p.env.Sync).Seconds()
	high := p.load.peak[len(p.load.levels)-1]
	if p.signal == scale.CPUUtilization {
		return scale.Because("Forecast", "CPU of {0 replica} used now, up to {1} within {2s}: {3 replica}", p.load.newest, high, horizon, float64(replicas))
	}
	return scale.Because("Forecast", "{0}/s now, up to {1}/s within {2s}: {3 replica} of {4}/s", p.load.newest, high, horizon, float64(replicas), p.learner.PerReplica())
}
