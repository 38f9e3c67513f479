package predictive

import (
	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/scale"
)

// sight is what is known by one signal: requests per second, or CPU. Neither says
// anything of what was learned by the other.
type sight struct {
	signal  string
	signals [1]string // the same, as Signals lends it
	learner *capacity.Learner
	load    *load // nil: nothing was measured yet
	staffed int   // by the forecast, last
	needs   needs
}

// behold begins to look at a signal. What the rules learn of the service is shared
// where it is just what would be learned here.
func (p *Policy) behold(signal string) *sight {
	s := &sight{signal: signal, signals: [1]string{signal}}
	if signal == scale.RequestRate && p.env.Service != nil && p.cfg.Service == (capacity.Config{}) {
		s.learner = p.env.Service
		return s
	}
	s.learner = p.alone(signal)
	return s
}

// alone is a learner that nobody shares.
func (p *Policy) alone(signal string) *capacity.Learner {
	service, objective := p.cfg.Service, scale.Objective{}
	if p.env.Objective != nil {
		objective = *p.env.Objective
	}
	if signal == scale.CPUUtilization {
		service, objective = assumed(p.cfg.Service, objective)
	}
	return capacity.NewLearner(service, objective, p.env.Topology, 2*p.env.Max, p.env.Curves)
}

// follow goes over to another signal. What is known by the one before is put
// aside until that is measured again.
func (p *Policy) follow(signal string) {
	if p.aside == nil {
		p.aside = p.behold(signal)
	}
	p.sight, p.aside = p.aside, p.sight
}
