//go:build linux

package process_test

import (
	"testing"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/process"
	"github.com/flyball-io/flyball/target/targettest"
)

func TestConformance(t *testing.T) {
	dirs := map[target.Target]string{}
	open := func(t *testing.T, dir string, traffic target.Traffic) target.Target {
		t.Helper()
		tgt, err := process.New("web", appConfig(t, nil), process.Options{
			Clock: clock.System, Log: targettest.Log(t), StateDir: dir, Traffic: traffic,
		})
		if err != nil {
			t.Fatal(err)
		}
		dirs[tgt] = dir
		return tgt
	}
	targettest.Run(t, targettest.Harness{
		New: func(t *testing.T, traffic target.Traffic) target.Target {
			dir := t.TempDir()
			t.Cleanup(func() { killOwned(t, dir+"/web") })
			return open(t, dir, traffic)
		},
		Reopen: func(t *testing.T, predecessor target.Target) target.Target {
			return open(t, dirs[predecessor], target.NoTraffic{})
		},
	})
}
