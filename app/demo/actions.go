package demo

import (
	"context"
	"fmt"
	"sync"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/web"
)

// actions let the dashboard and the commands pause what is demonstrated.
type actions struct {
	sides []*side
	speed float64
	show  func([]web.TargetInfo)

	mu sync.Mutex // guards the overrides of the services
}

var _ web.Actions = (*actions)(nil)

func (a *actions) SetMode(ctx context.Context, target string, o record.Override) error {
	o.At = clock.System.Now()
	return a.set(ctx, target, &o)
}

func (a *actions) ClearMode(ctx context.Context, target, _ string) error {
	return a.set(ctx, target, nil)
}

func (a *actions) set(ctx context.Context, target string, o *record.Override) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.sides {
		if s.spec.Name != target {
			continue
		}
		if err := s.service.SetMode(ctx, o); err != nil {
			return err
		}
		a.show(infos(a.sides, a.speed))
		return nil
	}
	return fmt.Errorf("%s: %w", target, web.ErrUnknownTarget)
}

// infos are what the dashboard shows before anything is measured.
func infos(sides []*side, speed float64) []web.TargetInfo {
	all := make([]web.TargetInfo, len(sides))
	for i, s := range sides {
		all[i] = s.service.Info(s.plane.Address(), speed)
	}
	return all
}
