package predictive

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale/scaletest"
)

// A balancer that has just begun measures nothing and then half of what there
// is. That is no load that doubles.
func TestABeginningIsNoRise(t *testing.T) {
	l, at := newLoad(15*time.Second), scaletest.At(0)
	l.ahead(45 * time.Second)
	for i, value := range []float64{0, 0, 50, 101, 99, 100, 101, 100, 99, 100, 101, 100} {
		l.newest = value
		l.see(at.Add(time.Duration(i)*15*time.Second), value)
	}
	l.look()
	if high := l.peak[len(l.levels)-2]; high > 150 {
		t.Errorf("up to %.0f/s is expected of a load that has been 100/s since it can be measured", high)
	}
}
