package app

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
)

// Change is what came, changed and went of documents that are each somebody's
// own, as the objects of a cluster are: one that is refused changes nothing of
// the others, and a change of one costs nothing for a thousand others.
type Change struct {
	Set  []Spec   // new, changed, or to be begun again
	Gone []string // names
}

// Change carries out a change and returns why documents were refused, by name.
// One that runs already then goes on as it was. The error says that the
// controller is ending.
func (c *Controller) Change(ctx context.Context, change Change) (refused map[string]error, err error) {
	refused = map[string]error{}
	err = c.command(ctx, func(ctx context.Context) error {
		ended := c.removeNamed(change.Gone)
		var began []string
		for _, spec := range change.Set {
			fresh, err := c.set(ctx, spec)
			if err != nil {
				refused[spec.Name] = err
			} else if fresh {
				began = append(began, spec.Name)
			}
		}
		c.show()
		if len(began)+len(ended) > 0 {
			c.opts.Log.Info("documents changed", slog.Int("documents", len(c.services)), slog.Int("begun", len(began)), slog.Int("ended", len(ended)))
			c.tell(ctx, record.Event{Type: control.Reloaded, Message: changes(len(c.services), few(began), few(ended))})
		}
		return nil
	})
	return refused, err
}

// set begins a service, or gives one that runs its changed document. One whose
// document now means another target, or that has ended by itself, is begun anew.
func (c *Controller) set(ctx context.Context, spec Spec) (fresh bool, err error) {
	was, known := c.services[spec.Name]
	if known && !was.ended() && slices.Equal(was.spec.Claims(), spec.Claims()) {
		return false, patiently(ctx, was, spec)
	}
	if known {
		was.stop()
		c.serveUntil(was.done)
		delete(c.services, spec.Name)
	}
	r, err := c.make(ctx, spec)
	if err != nil {
		return false, err
	}
	c.services[spec.Name] = r
	c.begun = append(c.begun, r)
	return true, nil
}

// ended reports whether the service has ended by itself.
func (r *running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// removeNamed ends services and returns their names.
func (c *Controller) removeNamed(names []string) []string {
	gone := map[string]bool{}
	for _, name := range names {
		gone[name] = true
	}
	if len(gone) == 0 {
		return nil
	}
	stay := maps.Clone(c.services)
	maps.DeleteFunc(stay, func(name string, _ *running) bool { return gone[name] })
	specs := make([]Spec, 0, len(stay))
	for _, r := range stay {
		specs = append(specs, r.spec)
	}
	return c.remove(specs)
}

// few keeps a list short enough to be read.
func few(names []string) []string {
	const most = 10
	if len(names) <= most {
		return names
	}
	return append(slices.Clone(names[:most]), "and "+counted(len(names)-most, "other"))
}
