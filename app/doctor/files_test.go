package doctor

import (
	"testing"

	proxy "github.com/flyball-io/flyball/balancer/builtin"
)

// Most machines allow fewer files than the default of the balancer would take
// at its most: that is no news to somebody who asked for no number.
func TestFilesThatNobodyAskedForAreNoNews(t *testing.T) {
	own := proxy.Default()
	if got := wantedFiles(&own); got > 4096 {
		t.Errorf("by default %d files are wanted: common limits are 4096 to 20000", got)
	}
	own.MaxConnections = 20_000
	if got := wantedFiles(&own); got < 40_000 {
		t.Errorf("asked for 20000 connections, %d files are wanted", got)
	}
}
