package operator

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// board keeps what is told of each Autoscaler in its status. It hears of
// everything on the bus, as the dashboard does, so that no stage knows of it.
type board struct {
	clock clock.Clock
	// scaled is told of each change of a count, with its reason where that is
	// known.
	scaled func(o *unstructured.Unstructured, a record.Applied, why string)

	mu      sync.Mutex // guards what follows
	entries map[string]*entry
}

// entry is what is known of one.
type entry struct {
	object  *unstructured.Unstructured
	spec    *app.Spec // newest without a fault; nil: there was none
	verdict verdict
	known   bool      // the verdict was told
	toldAt  time.Time // when it was something new
	target  string    // what is scaled, in words

	decided *record.Decided
	report  facts
	changed *record.Applied // last
	// explained says that the reason of that is told.
	explained bool
	status    v1alpha1.Status // as composed last, or as the cluster had it

	written   v1alpha1.Status
	writtenAt time.Time // zero: never by this process
	dirty     bool
}

// facts are what reports tell and decisions do not.
type facts struct {
	faults     map[string]string // by what could not be read
	conditions []scale.Condition
}

// tells is what a condition of a type says; "" where there is none.
func (f *facts) tells(kind string) string {
	for _, c := range f.conditions {
		if c.Type == kind {
			return c.Message
		}
	}
	return ""
}

func newBoard(clk clock.Clock) *board { return &board{clock: clk, entries: map[string]*entry{}} }

const (
	// soonest is the least time between two writes of one status, and rarest that
	// where only numbers in texts, wishes and forecasts are others.
	soonest = 5 * time.Second
	rarest  = time.Minute
	// told is how many decisions a status holds.
	told = 5
)

// know takes a document, before anything is told of it.
func (b *board) know(doc *document) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[doc.name()]
	if e == nil || e.object.GetUID() != doc.object.GetUID() {
		e = &entry{status: statusOf(doc.object)}
		e.written = e.status
		b.entries[doc.name()] = e
	}
	e.object, e.spec = doc.object, doc.sound
}

// verdict takes what became of a document.
func (b *board) verdict(doc *document, v verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[doc.name()]
	if e == nil {
		return
	}
	if e.verdict != v {
		e.toldAt = b.clock.Now()
	}
	e.verdict, e.known, e.dirty = v, true, true
	if doc.sound != nil {
		e.target = targetOf(doc.sound.Target.Facts().Description, doc.object)
		e.status.Policy, e.status.Mode = doc.sound.Policy.Description(), doc.sound.Mode
	}
	if !v.Runs {
		e.decided, e.report = nil, facts{}
	}
}

// forget takes the end of an object.
func (b *board) forget(key types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.entries, Name(key))
}

// object returns that of a document, nil where there is none.
func (b *board) object(name string) *unstructured.Unstructured {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[name]; e != nil {
		return e.object
	}
	return nil
}

// spec returns what a document says that runs or is about to; nil: it never did.
func (b *board) spec(name string) *app.Spec {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[name]; e != nil {
		return e.spec
	}
	return nil
}

// changes are those that the status of a document tells, oldest first.
func (b *board) changes(name string) []record.Applied {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[name]
	if e == nil {
		return nil
	}
	var all []record.Applied
	for _, d := range slices.Backward(e.status.Decisions) {
		all = append(all, record.Applied{Target: name, At: d.Time, From: d.From, To: d.To, Error: d.Error})
	}
	return all
}

// Run listens until ctx is done; listening is called once nothing is missed.
func (b *board) Run(ctx context.Context, on bus.Bus, listening func()) error {
	decisions, err := control.Decisions(on, control.All).Subscribe(ctx)
	if err != nil {
		return err
	}
	changes, err := control.Changes(on, control.All).Subscribe(ctx)
	if err != nil {
		return err
	}
	reports, err := control.Reports(on, control.All).Subscribe(ctx)
	if err != nil {
		return err
	}
	listening()
	for {
		select {
		case <-ctx.Done():
			return nil
		case d, open := <-decisions:
			if !open {
				return nil
			}
			b.decided(d)
		case a, open := <-changes:
			if !open {
				return nil
			}
			b.applied(a)
		case r, open := <-reports:
			if !open {
				return nil
			}
			b.reported(r)
		}
	}
}

func (b *board) decided(d record.Decided) {
	b.with(d.Decision.Target, func(e *entry) bool {
		e.decided = &d
		return true
	})
	b.explain(d.Decision.Target)
}

func (b *board) applied(a record.Applied) {
	b.with(a.Target, func(e *entry) bool {
		e.changed, e.explained = &a, false
		one := v1alpha1.StatusDecision{Time: micro(a.At), From: a.From, To: a.To, Error: a.Error}
		if a.Error == "" {
			e.status.LastScaleTime = new(one.Time)
		} else if n := len(e.status.Decisions); n > 0 && e.status.Decisions[0].Error != "" && e.status.Decisions[0].To == a.To {
			e.status.Decisions = e.status.Decisions[1:] // the same once more
		}
		e.status.Decisions = append([]v1alpha1.StatusDecision{one}, e.status.Decisions[:min(len(e.status.Decisions), told-1)]...)
		return true
	})
	b.explain(a.Target)
}

// explain says why a count was changed, once both are known: the change and
// the decision behind it come in any order.
func (b *board) explain(name string) {
	var why string
	b.mu.Lock()
	e := b.entries[name]
	if e == nil || e.changed == nil || e.explained || e.decided == nil || e.decided.Decision.At.Before(e.changed.At) {
		b.mu.Unlock()
		return
	}
	object, a := e.object, *e.changed
	e.explained = true
	if d := &e.decided.Decision; d.At.Equal(a.At) && len(e.status.Decisions) > 0 {
		why = d.Reason.String()
		e.status.Decisions = slices.Clone(e.status.Decisions) // a writer may have them
		e.status.Decisions[0].SetBy, e.status.Decisions[0].Reason = d.SetBy, why
	}
	b.mu.Unlock()
	b.scaled(object, a, why)
}

// reported takes what lasts: most reports tell nothing new.
func (b *board) reported(r control.Report) {
	b.with(r.Target, func(e *entry) bool {
		now := facts{faults: map[string]string{}, conditions: e.report.conditions}
		if !r.Measured { // the sources were not asked
			for from, fault := range e.report.faults {
				if from != "target" {
					now.faults[from] = fault
				}
			}
		}
		for _, f := range r.Faults {
			now.faults[f.From] = f.Error
		}
		if r.Status != nil {
			now.conditions = r.Status.Conditions
		}
		if reflect.DeepEqual(now, e.report) {
			return false
		}
		e.report = now
		return true
	})
}

func (b *board) with(name string, change func(e *entry) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[name]; e != nil && change(e) {
		e.dirty = true
	}
}
