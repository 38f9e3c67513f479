//go:build linux

package operator

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/operator"
)

// leaping is the machine's clock as one sees it whose wall clock is set: it shows
// another time at once, and waits go on as they were, for they are measured by the
// clock that nobody sets.
type leaping struct {
	clock.Clock
	off atomic.Int64 // nanoseconds
}

func (l *leaping) Now() time.Time { return l.Clock.Now().Add(time.Duration(l.off.Load())).Round(0) }

// The clock of the operator's machine is set an hour ahead, and then two back:
// what was measured before is not believed, or seems to come from the future, and
// no count follows from that; loads are followed again within seconds.
func TestTheClockLeaps(t *testing.T) {
	c := installWhatShips(t)
	leaps := &leaping{Clock: clock.System}
	c.operate(t, asShipped, func(o *operator.Options) { o.App.Clock = leaps })
	s := c.site(t, 45)
	s.reaches(t, 5)
	for _, leap := range []struct {
		what string
		by   time.Duration
		rate int64
		want int32
	}{{"an hour ahead", time.Hour, 65, 7}, {"two hours back", -2 * time.Hour, 25, 3}, {"ten seconds ahead", 10 * time.Second, 45, 5}} {
		before := s.last()
		leaps.off.Add(int64(leap.by))
		s.keeps(t, before, 5*time.Second)
		s.load(leap.rate)
		recovered(t, "the clock leaps "+leap.what+": a load that changes is followed", s.reaches(t, leap.want))
	}
	leaps.off.Add(int64(time.Hour))
	s.load(65) // at the very moment
	recovered(t, "the clock leaps an hour ahead as the load changes", s.reaches(t, 7))
	s.only(t, 1, 5, 7, 3, 5, 7)
}
