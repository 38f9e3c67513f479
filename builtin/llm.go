package builtin

import (
	"errors"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/advisor/simulated"
	"github.com/flyball-io/flyball/policy/advised"
)

// newLLMAdvisor makes who advises the policy advised.
func newLLMAdvisor(cfg advised.Advisor, env advisor.Env) (advisor.Advisor, error) {
	if cfg.Simulated != nil {
		return simulated.New(cfg, env), nil
	}
	return nil, errors.New("advisor: only a simulated one can be asked yet")
}
