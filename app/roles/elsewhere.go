package roles

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

var (
	_ target.Managed        = (*Target)(nil)
	_ target.Stopper        = (*Target)(nil)
	_ balancer.Plane        = Plane{}
	_ balancer.Reconfigurer = Plane{}
)

// oldestStatus is how long a status is one.
const oldestStatus = 30 * time.Second

var (
	errElsewhere = errors.New("another role of the controller does that")
	errUnheard   = errors.New("the executor has not said lately what exists")
)

// Target is one that the executor of another process scales: what exists is
// what that reports.
type Target struct {
	Reports bus.Topic[control.Report]
	Clock   clock.Clock
	Measure []string // signals that it measures there

	mu     sync.Mutex // guards what follows
	status *target.Status
	at     time.Time
}

// Run listens until ctx is done.
func (t *Target) Run(ctx context.Context) error {
	reports, err := t.Reports.SubscribeLatest(ctx, func(r control.Report) bool { return r.Status != nil })
	if err != nil {
		return err
	}
	for r := range reports {
		t.mu.Lock()
		t.status, t.at = r.Status, t.Clock.Now()
		t.mu.Unlock()
	}
	return nil
}

// Status is what was reported last.
func (t *Target) Status(context.Context) (target.Status, error) {
	now := t.Clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.status == nil || now.Sub(t.at) > oldestStatus {
		return target.Status{}, fmt.Errorf("read target: %w", errUnheard)
	}
	return *t.status, nil
}

// SetReplicas is for the executor.
func (t *Target) SetReplicas(context.Context, int) error { return errElsewhere }

// Changes tells nothing.
func (t *Target) Changes() <-chan struct{} { return nil }

// Signals are those that the executor's process measures.
func (t *Target) Signals() []string { return t.Measure }

// Collect measures nothing here.
func (t *Target) Collect(context.Context) ([]scale.Sample, error) { return nil, nil }

// Update is for the executor.
func (t *Target) Update(context.Context, target.Config) error { return nil }

// Stop is for the executor.
func (t *Target) Stop(context.Context) error { return nil }

// Plane is a balancer that another process runs.
type Plane struct{ Measure []string }

// SetBackends is for the balancer role.
func (Plane) SetBackends(context.Context, []balancer.Backend) error { return nil }

// Leave is for the balancer role.
func (Plane) Leave(context.Context, string) error { return errElsewhere }

// Drain is for the balancer role.
func (Plane) Drain(context.Context, string) error { return errElsewhere }

// Backends are known elsewhere.
func (Plane) Backends(context.Context) ([]balancer.BackendStatus, error) { return nil, nil }

// Load is known elsewhere.
func (Plane) Load(string) (int, bool) { return 0, false }

// Signals are those that the balancer's process measures.
func (p Plane) Signals() []string { return p.Measure }

// Collect measures nothing here.
func (Plane) Collect(context.Context) ([]scale.Sample, error) { return nil, nil }

// Run has nothing to do.
func (Plane) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Reconfigure is for the balancer role.
func (Plane) Reconfigure(context.Context, balancer.Config) error { return nil }

// Dry is a target that is watched and told nothing.
type Dry struct{ target.Managed }

var errDry = errors.New("dry run: nothing was changed")

// SetReplicas changes nothing, and says so.
func (Dry) SetReplicas(context.Context, int) error { return errDry }
