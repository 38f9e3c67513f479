package compose_test

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/targettest"
)

// A project whose service was stopped is where a target starts empty.
func TestConformance(t *testing.T) {
	type home struct {
		project *project
		dir     string
	}
	homes := map[target.Target]home{}
	reopen := func(t *testing.T, h home, traffic target.Traffic) target.Target {
		tgt := open(t, h.project.config(), h.dir, traffic)
		homes[tgt] = h
		return tgt
	}
	targettest.Run(t, targettest.Harness{
		New: func(t *testing.T, traffic target.Traffic) target.Target {
			p := newProject(t, v5, file)
			p.compose("up", "-d", "web")
			p.compose("stop", "--timeout", "0")
			return reopen(t, home{p, t.TempDir()}, traffic)
		},
		Reopen: func(t *testing.T, predecessor target.Target) target.Target {
			return reopen(t, homes[predecessor], target.NoTraffic{})
		},
		Patience: time.Minute,
	})
}
