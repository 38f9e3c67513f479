package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/target"
)

// follow reloads and does what it is told until ctx is done.
func (c *Controller) follow(ctx context.Context) {
	defer close(c.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case do := <-c.commands:
			err := do.do(do.ctx)
			for _, r := range c.begun {
				c.launch(ctx, r)
			}
			c.begun = nil
			do.done <- err
		case <-c.nextPauseEnd():
			c.endPauses(ctx)
		case <-c.opts.Reloads:
			if err := c.reload(ctx); err != nil {
				c.opts.Log.Error("reload refused: everything goes on as it was", slog.Any("error", err))
				c.tell(ctx, record.Event{Type: control.ReloadRefused, Message: err.Error()})
			}
		}
	}
}

// reload brings the services in line with the documents, or changes nothing:
// what can fail comes first and is taken back.
func (c *Controller) reload(ctx context.Context) error {
	if err := c.ReloadTokens(); err != nil {
		return err
	}
	specs, err := c.opts.Reload()
	if err != nil {
		return err
	}
	fresh, late, err := c.prepareNew(ctx, specs)
	if err != nil {
		return err
	}
	if err := c.update(ctx, specs); err != nil {
		closePlanes(fresh)
		return err
	}
	ended := c.remove(specs)
	c.makeLate(ctx, late, fresh)
	for name, r := range fresh {
		c.services[name] = r
		c.launch(ctx, r)
	}
	c.show()
	c.opts.Log.Info("reloaded", slog.Int("documents", len(specs)))
	c.tell(ctx, record.Event{Type: control.Reloaded, Message: changes(len(specs), slices.Sorted(maps.Keys(fresh)), ended)})
	c.taken(ctx, specs)
	return nil
}

// taken says what of the documents was, and what could not be.
func (c *Controller) taken(ctx context.Context, specs []Spec) {
	if c.opts.Taken != nil {
		c.opts.Taken(specs)
	}
	if c.opts.LeftOut == nil {
		return
	}
	if err := c.opts.LeftOut(); err != nil {
		c.opts.Log.Error("left out until it is right: everything else goes on", slog.Any("error", err))
		c.tell(ctx, record.Event{Type: control.ReloadRefused, Message: err.Error()})
	}
}

// ReloadTokens takes over the tokens at once: a document that is wrong must not
// keep somebody in whose token was taken away. It is also for those whose
// documents are no files; any goroutine may call it.
func (c *Controller) ReloadTokens() error {
	if c.opts.ReloadTokens == nil {
		return nil
	}
	tokens, err := c.opts.ReloadTokens()
	if err != nil {
		return err
	}
	c.dashboard.SetTokens(tokens)
	return nil
}

// update gives every running service its changed document; when one refuses,
// all get their old one back.
func (c *Controller) update(ctx context.Context, specs []Spec) error {
	before := map[*running]Spec{}
	for _, spec := range specs {
		r, known := c.services[spec.Name]
		if !known {
			continue
		}
		before[r] = r.spec
		if err := patiently(ctx, r, spec); err != nil {
			err = fmt.Errorf("%s: %w", spec.Name, err)
			for r, old := range before {
				err = errors.Join(err, patiently(ctx, r, old))
			}
			return err
		}
	}
	return nil
}

// updateTimeout is how long a service may take to take over a document: longer
// than an engine is waited for, as looks in between are.
const updateTimeout = 30 * time.Second

// patiently gives a service its document, but waits no longer than that: every
// other service, and who has one paused, waits too.
func patiently(ctx context.Context, r *running, spec Spec) error {
	ctx, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	return r.Update(ctx, spec)
}

// changes says what a reload began and ended.
func changes(documents int, began, ended []string) string {
	words := counted(documents, "document")
	if len(began) > 0 {
		words += "; begun: " + strings.Join(began, ", ")
	}
	if len(ended) > 0 {
		words += "; ended with its document: " + strings.Join(ended, ", ")
	}
	return words
}

// remove ends the services whose documents are gone, all at the same time, and
// returns their names.
func (c *Controller) remove(specs []Spec) []string {
	stays := make(map[string]bool, len(specs))
	for i := range specs {
		stays[specs[i].Name] = true
	}
	var gone []*running
	var names []string
	for name, r := range c.services {
		if !stays[name] {
			c.opts.Log.Info("document gone", slog.String("target", name), slog.String("replicas", r.fate()))
			r.remove()
			r.stop()
			gone, names = append(gone, r), append(names, name+" (replicas "+r.fate()+")")
			delete(c.services, name)
		}
	}
	for _, r := range gone {
		c.serveUntil(r.done)
	}
	slices.Sort(names)
	return names
}

// fate is what becomes of the replicas when the service ends for good.
func (s *Service) fate() string {
	if _, ours := s.target.(target.Stopper); ours {
		return "drained and ended"
	}
	return "go on: they are not the controller's"
}

// serveUntil does what the controller is told until done is closed: a pause must
// not wait for the replicas of another service to be drained.
func (c *Controller) serveUntil(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case do := <-c.commands:
			do.done <- do.do(do.ctx)
		}
	}
}

// prepareNew makes the services that do not run yet and checks what those that
// do are to become. Late are those that need what a service still has whose
// document is gone, as one does that was given another name.
func (c *Controller) prepareNew(ctx context.Context, specs []Spec) (fresh map[string]*running, late []Spec, err error) {
	fresh = map[string]*running{}
	var errs []error
	for _, spec := range specs {
		if _, known := c.services[spec.Name]; known {
			errs = append(errs, spec.CheckFor(c.opts.roles()))
			continue
		}
		if other, what := c.holder(spec); other != "" {
			if !slices.ContainsFunc(specs, func(s Spec) bool { return s.Name == other }) {
				late = append(late, spec)
				errs = append(errs, spec.CheckFor(c.opts.roles()))
				continue
			}
			errs = append(errs, fmt.Errorf("%s: %s still %s: remove its document first", spec.Name, other, what))
			continue
		}
		r, err := c.make(ctx, spec)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", spec.Name, err))
			continue
		}
		fresh[spec.Name] = r
	}
	if err := errors.Join(errs...); err != nil {
		closePlanes(fresh)
		return nil, nil, err
	}
	return fresh, late, nil
}

// makeLate makes the services that had to wait for others to end. One that
// cannot be made is tried again with the next reload.
func (c *Controller) makeLate(ctx context.Context, late []Spec, fresh map[string]*running) {
	for _, spec := range late {
		r, err := c.make(ctx, spec)
		if err != nil {
			err = fmt.Errorf("%s: %w", spec.Name, err)
			c.opts.Log.Error("does not begin: reload once that is right", slog.Any("error", err))
			c.tell(ctx, record.Event{Type: control.ReloadRefused, Message: err.Error()})
			continue
		}
		fresh[spec.Name] = r
	}
}

// holder is the running service that has what the balancer of a new one needs
// for itself, or "".
func (c *Controller) holder(fresh Spec) (name, what string) {
	for name, r := range c.services {
		if what := shared(&fresh, &r.spec); what != "" {
			return name, what
		}
	}
	return "", ""
}
