package docker_test

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/targettest"
)

func TestConformance(t *testing.T) {
	daemon := dockertest.Engine(t)
	daemon.Image(t, image)
	dirs := map[target.Target]string{}
	reopen := func(t *testing.T, dir string, traffic target.Traffic) target.Target {
		tgt := open(t, webConfig(daemon), dir, traffic)
		dirs[tgt] = dir
		return tgt
	}
	targettest.Run(t, targettest.Harness{
		New: func(t *testing.T, traffic target.Traffic) target.Target {
			dir := t.TempDir()
			t.Cleanup(func() { removeOwned(t, daemon, dir) })
			return reopen(t, dir, traffic)
		},
		Reopen: func(t *testing.T, predecessor target.Target) target.Target {
			return reopen(t, dirs[predecessor], target.NoTraffic{})
		},
		Patience: time.Minute,
	})
}
