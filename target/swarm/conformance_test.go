package swarm_test

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/target"
	targetswarm "github.com/flyball-io/flyball/target/swarm"
	"github.com/flyball-io/flyball/target/targettest"
)

func TestConformance(t *testing.T) {
	daemon := newSwarm(t)
	configs := map[target.Target]targetswarm.Config{}
	reopen := func(t *testing.T, cfg targetswarm.Config) target.Target {
		tgt := open(t, cfg)
		configs[tgt] = cfg
		return tgt
	}
	targettest.Run(t, targettest.Harness{
		New: func(t *testing.T, _ target.Traffic) target.Target {
			return reopen(t, webConfig(daemon, newService(t, daemon, 0, nil)))
		},
		Reopen: func(t *testing.T, predecessor target.Target) target.Target {
			return reopen(t, configs[predecessor])
		},
		ChoosesNone: true,
		Patience:    time.Minute,
	})
}
