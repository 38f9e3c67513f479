package predictive

import "github.com/flyball-io/flyball/scale"

// wishes are the counts that each rule asks for.
type wishes struct {
	forecast int
	drain    int
	backlog  float64
	held     int // what comes of all of them
}

// The rules that can set the number, as proposals.
const (
	byForecast = iota
	byBacklog
	byRelease
	proposals
)

// words says which rule set the number.
func (p *Policy) words(obs *scale.Observation, w wishes) scale.Recommendation {
	rec := scale.Recommendation{Replicas: w.held, Confidence: 1}
	horizon := (p.learner.Startup() + p.env.Sync).Seconds()
	high := p.load.peak[len(p.load.peak)-2]
	p.proposals[byForecast] = scale.Proposal{Signal: "forecast", Replicas: w.forecast,
		Reason: p.expects(horizon, high, w.forecast)}
	p.proposals[byBacklog] = scale.Proposal{Signal: "backlog", Replicas: w.drain, Missing: w.backlog == 0,
		Reason: scale.Because("Backlog", "{0} requests wait beyond the usual: {1} answer them and {2}/s within {3s}",
			w.backlog, float64(w.drain), p.load.newest, p.cfg.Drain.Std().Seconds())}
	p.proposals[byRelease] = scale.Proposal{Signal: "release", Replicas: w.held, Missing: w.held <= max(w.forecast, w.drain),
		Reason: scale.Because("Lazy", "stay at {0}: {1} would do, but a replica is let go only when it was not needed for {2s}, what its next start would cost",
			float64(w.held), float64(max(w.forecast, w.drain)), (p.learner.Startup() + p.cfg.RestartCost.Std()).Seconds())}
	set := byForecast
	switch {
	case w.held > max(w.forecast, w.drain):
		set = byRelease
	case w.drain > w.forecast:
		set = byBacklog
	}
	rec.Reason = p.proposals[set].Reason
	if w.held == 0 {
		rec.Reason = scale.Because("Idle", "nothing has arrived for {0s}", p.cfg.IdleToZero.Std().Seconds())
	}
	rec.Proposals = p.proposals[:proposals]
	return rec
}

func (p *Policy) expects(horizon, high float64, replicas int) scale.Reason {
	if p.signal == scale.CPUUtilization {
		return scale.Because("Forecast", "CPU of {0} replicas used, at most {1} expected within {2s}: {3}", p.load.newest, high, horizon, float64(replicas))
	}
	return scale.Because("Forecast", "{0}/s now, at most {1}/s expected within {2s}: {3} of {4}/s each keep misses at {5%}",
		p.load.newest, high, horizon, float64(replicas), p.learner.PerReplica(), p.share())
}
