package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/redistest"
)

// A second executor knows other replicas, or none. While the first looks after
// the target it says nothing and does nothing: the count stays, and so does who
// gets requests. When the first ends it takes over.
func TestASecondExecutorWaits(t *testing.T) {
	p := newPlace(t)
	c := p.inParts(redistest.Start(t), document{name: "shop", port: freePort(t), min: 2, max: 6})
	c.settled(2)
	taken := func() (ids []string) {
		for _, b := range p.backends("shop") {
			if b.State == balancer.Active {
				ids = append(ids, b.ID)
			}
		}
		return ids
	}
	before := taken()
	decided := c.now[roles.Planner].stderr.length()
	second := p.startIn(c.environment(), c.arguments(roles.Executor, filepath.Join(p.dir, "second"))...)
	second.says(0, "waits: another executor looks after the target")
	for end := clock.System.Now().Add(5 * time.Second); clock.System.Now().Before(end); <-clock.System.After(100 * time.Millisecond) {
		if n := len(p.replicas("shop")); n != 2 || !slices.Equal(taken(), before) {
			t.Fatalf("%d replicas, %v get requests, want 2 and %v: two executors fight", n, taken(), before)
		}
	}
	if said := c.now[roles.Planner].stderr.String()[decided:]; len(said) > 0 {
		t.Errorf("the planner heard of it:\n%s", said)
	}
	// One that is killed and is back does not wait for its own lease.
	c.kill(roles.Executor)
	began := clock.System.Now()
	c.start(roles.Executor)
	c.now[roles.Executor].says(0, "looks after the target from now on")
	if took := clock.System.Now().Sub(began); took > 5*time.Second {
		t.Errorf("it took %v to look after the target again", took)
	}
	c.now[roles.Executor].ends(syscall.SIGTERM, 0)
	second.says(0, "looks after the target from now on")
	eventually(t, 2*patience, "those of the second get the requests", func() bool {
		now := taken()
		return len(now) == 2 && !slices.ContainsFunc(now, func(id string) bool { return slices.Contains(before, id) })
	}, func() string { return fmt.Sprint(taken(), " before ", before) })
}
