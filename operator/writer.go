package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/internal/clock"
)

// fieldOwner is who owns the status of Autoscalers.
const fieldOwner = client.FieldOwner("flyball")

// writer writes statuses.
type writer struct {
	board *board
	apply func(ctx context.Context, d due) error
	clock clock.Clock
	log   *slog.Logger

	failing bool
}

const (
	// writeLook is the time between two looks at what is to be written.
	writeLook = time.Second
	// atOnce is how many requests are under way at the same time: one after the
	// other a thousand would take as many round trips.
	atOnce = 8
	// callTimeout is how long one may take.
	callTimeout = 10 * time.Second
)

// Run writes until ctx is done.
func (w *writer) Run(ctx context.Context) error {
	ticker := w.clock.NewTicker(writeLook)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			w.write(ctx)
		}
	}
}

// write writes what is due. What cannot be written is due again the next time.
func (w *writer) write(ctx context.Context) {
	err := each(ctx, w.board.due(), func(ctx context.Context, d due) error {
		err := w.apply(ctx, d)
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			err = nil // it is gone, or another one of its name is there
		}
		if err == nil {
			w.board.wrote(d)
		}
		return err
	})
	switch failed := err != nil && ctx.Err() == nil; {
	case failed && !w.failing:
		w.log.Warn("cannot write the status: scaling goes on", slog.Any("error", err))
	case !failed && w.failing:
		w.log.Info("the status can be written again")
	}
	w.failing = err != nil
}

// each does something with all, some at a time, and returns one of the errors.
func each[T any](ctx context.Context, all []T, do func(context.Context, T) error) error {
	var mu sync.Mutex // guards first
	var first error
	var working sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for _, one := range all {
		free <- struct{}{}
		working.Go(func() {
			defer func() { <-free }()
			call, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			if err := do(call, one); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
				}
			}
		})
	}
	working.Wait()
	return first
}

// applyStatus returns what writes a status by server-side apply: what is no
// longer told goes, and fields of others stay.
func applyStatus(c client.Client) func(context.Context, due) error {
	return func(ctx context.Context, d due) error {
		status, err := fields(d.status)
		if err != nil {
			return err
		}
		u := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": v1alpha1.APIVersion, "kind": v1alpha1.Kind,
			"metadata": map[string]any{"name": d.object.GetName(), "namespace": d.object.GetNamespace(), "uid": string(d.object.GetUID())},
			"status":   status,
		}}
		if err := c.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(u), fieldOwner, client.ForceOwnership); err != nil {
			return fmt.Errorf("status of %s: %w", d.name, err)
		}
		return nil
	}
}

// fields is a value as objects hold it.
func fields(v any) (map[string]any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	return m, json.Unmarshal(raw, &m)
}
