package doctor

import (
	"context"
	"strings"

	"github.com/flyball-io/flyball/app"
	proxy "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/process"
)

// What is checked of some kinds of targets and balancers only. All others are
// asked what they found themselves ([target.Examiner]).

// processes is what replicas are where they are processes; nil otherwise.
func processes(s *app.Spec) *process.Config {
	cfg, _ := s.Target.(*process.Config)
	return cfg
}

// front is the built-in balancer where it balances; nil otherwise.
func front(s *app.Spec) *proxy.Config {
	cfg, _ := s.Balancer.(*proxy.Config)
	return cfg
}

// command looks for the program and the directory.
func (p *patient) command(context.Context) {
	for i := range p.specs {
		s := &p.specs[i]
		cfg := processes(s)
		if cfg == nil {
			continue
		}
		if err := cfg.Check(); err != nil {
			p.fail(s.Name, err.Error(), "correct command or workingDirectory in the document, or install the program")
			continue
		}
		p.ok(s.Name, cfg.Command[0]+" can be executed")
	}
}

// target asks the targets what they need and what they found of it.
func (p *patient) target(ctx context.Context) {
	for i := range p.specs {
		p.examine(ctx, &p.specs[i], p.specs[i].Target)
	}
}

// balancer asks the balancers.
func (p *patient) balancer(ctx context.Context) {
	for i := range p.specs {
		p.examine(ctx, &p.specs[i], p.specs[i].Balancer)
	}
}

func (p *patient) examine(ctx context.Context, spec *app.Spec, cfg any) {
	examiner, ok := cfg.(target.Examiner)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, found := range examiner.Examine(ctx) {
		switch message := strings.ReplaceAll(found.Message, "\n", "; "); {
		case found.Fix == "":
			p.ok(spec.Name, message)
		case found.Acting && spec.Mode == scale.Recommend:
			p.note(spec.Name, message, "nothing, while the mode is Recommend. To scale: "+found.Fix)
		default:
			p.fail(spec.Name, message, found.Fix)
		}
	}
}

// unready says how to mend replicas that run and do not take work.
func unready(s *app.Spec, stateDir string) string {
	if processes(s) == nil {
		return "have the replicas listen on the port that the document names and answer readiness.path, or give a service that starts slowly a longer startTimeout"
	}
	return "have the command listen on $PORT ({port} in an argument is replaced by it) and answer readiness.path, or give a service that starts slowly a longer startTimeout; what it says is in " + stateDir
}
