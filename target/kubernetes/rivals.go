package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/internal/replicas"
)

// ErrScaledByOther is returned where an HPA or KEDA scales the object, which is
// left alone.
var ErrScaledByOther = errors.New("scaled by somebody else")

// rivals are those who scale the object beside us, and what became of them.
//
//	                     takeOver                     Keep(false), Run ends
//	scales ── we apply ───────────► rests, ours ────────────────────────► scales
//	                └── left alone, and said
type rivals struct {
	all   []kubernetes.Rival
	since time.Time       // when one was first seen to scale
	held  map[string]bool // rest on our behalf
	// trouble is why they could not be taken over.
	trouble error
	// contest is with somebody who has one scale again, a manifest that is applied
	// anew; or who takes it over from us, another Flyball. It is not fought with.
	contest replicas.Contest
	from    []string // the documents that it was last taken over from
}

// see takes over what was seen of them.
func (r *rivals) see(s *seen) {
	r.all = s.rivals
	switch governs := r.governs(); {
	case governs && r.since.IsZero():
		r.since = s.at
	case !governs:
		r.since = time.Time{}
	}
}

// governs reports whether one of them scales now.
func (r *rivals) governs() bool { return len(r.active()) > 0 }

func (r *rivals) active() []kubernetes.Rival {
	var all []kubernetes.Rival
	for _, one := range r.all {
		if !one.Resting {
			all = append(all, one)
		}
	}
	return all
}

// ours are those that rest on behalf of a document.
func (r *rivals) ours(name string) []kubernetes.Rival {
	var all []kubernetes.Rival
	for _, one := range r.all {
		if one.SuspendedBy == name {
			all = append(all, one)
		}
	}
	return all
}

// hold notes that one rests on our behalf.
func (r *rivals) hold(one kubernetes.Rival) {
	if r.held == nil {
		r.held = map[string]bool{}
	}
	r.held[one.String()] = true
}

// strangers rest on behalf of other documents. Whoever took them over may be gone,
// and then nobody but us hands them back.
func (r *rivals) strangers(name string) []kubernetes.Rival {
	var all []kubernetes.Rival
	for _, one := range r.all {
		if one.Resting && one.SuspendedBy != "" && one.SuspendedBy != name {
			all = append(all, one)
		}
	}
	return all
}

// foreign are those that are to rest on behalf of a document, and do not.
func (r *rivals) foreign(name string) []kubernetes.Rival {
	return append(r.active(), r.strangers(name)...)
}

// alone makes sure that nobody else scales, or returns who does.
func (v *view) alone(ctx context.Context, now time.Time) error {
	// Of those who may not be seen nobody can tell; who sets the count beside us
	// is seen all the same.
	all, err := v.api.Rivals(ctx, v.ref)
	if err != nil && !errors.Is(err, kubernetes.ErrForbidden) {
		return err
	}
	v.rivals.all = all
	active := v.rivals.active()
	switch {
	case len(active) == 0:
		return nil
	case !v.cfg.TakeOver:
		return fmt.Errorf("%w: %s; takeOver: true lets it rest while Flyball scales", ErrScaledByOther, names(active))
	case !v.count.keeping: // an order by a bound alone, before there is anything to decide on
		return fmt.Errorf("%w: %s; it is taken over with the first decision that has data", ErrScaledByOther, names(active))
	default:
		return v.takeOver(ctx, now)
	}
}

// govern takes over, or hands back, what is to be now. It is called whenever
// that may have changed. What another controller may have taken over since is
// left to that one.
func (v *view) govern(ctx context.Context, now time.Time) error {
	switch {
	case !v.count.asked || v.count.others:
		return nil // whoever was before may have scaled, and who comes may too
	case !v.count.keeping || !v.cfg.TakeOver:
		return v.handBack(ctx)
	case v.seen && len(v.rivals.foreign(v.name)) > 0 && !now.Before(v.rivals.contest.Next()):
		return v.takeOver(ctx, now)
	default:
		return nil
	}
}

// takeOver lets those who scale rest, and those that rest for somebody else rest
// for us. Their count is kept: nothing is changed of the object itself.
func (v *view) takeOver(ctx context.Context, now time.Time) error {
	foreign := v.rivals.foreign(v.name)
	v.rivals.contest.Disturb(now)
	if now.Before(v.rivals.contest.Next()) {
		return fmt.Errorf("%w: %s scales again although it was taken over; it is taken over again at %s", ErrScaledByOther, names(foreign), v.rivals.contest.Next().UTC().Format(time.TimeOnly))
	}
	v.rivals.from = nil
	for _, one := range foreign {
		if v.rivals.trouble = v.api.Suspend(ctx, one, v.name); v.rivals.trouble != nil {
			return v.rivals.trouble
		}
		v.rivals.hold(one)
		if one.Resting {
			v.rivals.from = append(v.rivals.from, one.SuspendedBy)
		}
	}
	v.rivals.contest.Restore(now)
	v.log.Info("taken over: who scaled the object rests", slog.String("rivals", names(foreign)))
	return nil
}

// handBack makes those who rest on our behalf what they were.
func (v *view) handBack(ctx context.Context) error {
	if len(v.rivals.held) == 0 && len(v.rivals.ours(v.name)) == 0 {
		return nil
	}
	all, unseen := v.api.Rivals(ctx, v.ref)
	if unseen != nil && !errors.Is(unseen, kubernetes.ErrForbidden) {
		return unseen
	}
	v.rivals.all = all
	for _, one := range v.rivals.ours(v.name) {
		if err := v.api.Resume(ctx, one); err != nil {
			return err
		}
		delete(v.rivals.held, one.String())
		v.log.Info("handed back", slog.String("rival", one.String()))
	}
	if len(v.rivals.held) > 0 && unseen != nil {
		return unseen
	}
	v.rivals.held = nil // what is not there any more is not ours either
	return nil
}
