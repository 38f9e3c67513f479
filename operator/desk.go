package operator

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/internal/clock"
)

// Controller is what runs the documents: [app.Controller].
type Controller interface {
	Change(ctx context.Context, change app.Change) (refused map[string]error, err error)
}

// desk is where Autoscalers come in: it decides which of them are taken, and
// hands what changed to the controller.
//
//	watch ─► seen, gone ─► (calm) ─► decode what changed ─► choose ─► Change ─► verdicts
type desk struct {
	decoder    *decoder
	controller Controller
	clock      clock.Clock
	log        *slog.Logger
	// known is told of each document before it runs.
	known func(doc *document)
	// told is what becomes of each document, each time that is looked at.
	told func(doc *document, v verdict)
	// forgotten is told of those that are gone.
	forgotten func(key types.NamespacedName)

	wake chan struct{}

	mu    sync.Mutex                                          // guards what follows
	dirty map[types.NamespacedName]*unstructured.Unstructured // nil: gone
	broke map[string]error                                    // services that ended by themselves

	documents map[types.NamespacedName]*document
	taken     map[string]version // what runs, by name
}

func newDesk(d *decoder, controller Controller, clk clock.Clock, log *slog.Logger) *desk {
	return &desk{decoder: d, controller: controller, clock: clk, log: log, known: func(*document) {}, told: func(*document, verdict) {}, forgotten: func(types.NamespacedName) {},
		wake: make(chan struct{}, 1), dirty: map[types.NamespacedName]*unstructured.Unstructured{}, broke: map[string]error{},
		documents: map[types.NamespacedName]*document{}, taken: map[string]version{}}
}

// seen takes an object as it is now; objects must not be changed any more.
func (d *desk) seen(o *unstructured.Unstructured) { d.note(keyOf(o), o) }

// gone takes the end of an object.
func (d *desk) gone(key types.NamespacedName) { d.note(key, nil) }

func (d *desk) note(key types.NamespacedName, o *unstructured.Unstructured) {
	d.mu.Lock()
	d.dirty[key] = o
	d.mu.Unlock()
	d.ring()
}

// failed takes the end of a service that nobody asked for.
func (d *desk) failed(name string, err error) {
	d.mu.Lock()
	d.broke[name] = err
	d.mu.Unlock()
	d.ring()
}

func (d *desk) ring() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

const (
	// calm is how long changes are gathered: many objects are applied at once.
	calm = 200 * time.Millisecond
	// look is how long is waited at most: a clock may jump.
	look = time.Minute
	// portion is how many documents are handed over at once: others who ask the
	// controller for something come in between.
	portion = 50
)

// Run hands over changes until ctx is done.
func (d *desk) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-d.clock.After(d.next()):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.clock.After(calm):
		}
		if err := d.settle(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// next is how long nothing is to be done by itself.
func (d *desk) next() time.Duration {
	now, wait := d.clock.Now(), look
	for _, doc := range d.documents {
		for _, at := range []time.Time{doc.again, doc.retry.at} {
			if !at.IsZero() {
				wait = min(wait, max(at.Sub(now), calm))
			}
		}
	}
	return wait
}

// settle brings the controller in line with the documents.
func (d *desk) settle(ctx context.Context) error {
	looked := d.takeIn()
	wanted, holders := d.choose()
	// Once more for those that were refused and go on as they were: a pause holds
	// for them too.
	for range 2 {
		change, docs := d.change(wanted)
		if err := d.carryOut(ctx, change, docs); err != nil {
			return err
		}
		for _, doc := range docs {
			looked[doc.key] = true
		}
	}
	for _, doc := range d.documents {
		if doc.fault == nil && (wanted[doc.name()] == nil || d.taken[doc.name()] == doc.of) {
			doc.retry = retry{} // nothing is left to be tried
		}
		// A holder that went frees the target for others, which nobody touched.
		if looked[doc.key] || (doc.sound != nil && wanted[doc.name()] == nil) {
			d.tell(doc, holders)
		}
	}
	return nil
}

// carryOut hands a change over, in portions.
func (d *desk) carryOut(ctx context.Context, change app.Change, docs map[string]*document) error {
	for len(change.Gone) > 0 || len(change.Set) > 0 {
		n := min(portion, len(change.Set))
		some := app.Change{Gone: change.Gone, Set: change.Set[:n]}
		refused, err := d.controller.Change(ctx, some)
		if err != nil {
			return err
		}
		d.settled(some, docs, refused)
		change = app.Change{Set: change.Set[n:]}
	}
	return nil
}

// takeIn decodes what changed, and what is to be looked at again.
func (d *desk) takeIn() (looked map[types.NamespacedName]bool) {
	d.mu.Lock()
	dirty, broke := d.dirty, d.broke
	d.dirty, d.broke = map[types.NamespacedName]*unstructured.Unstructured{}, map[string]error{}
	d.mu.Unlock()
	looked = map[types.NamespacedName]bool{}
	for key, o := range dirty {
		// One that was made anew before its end was seen is another one.
		if known := d.documents[key]; known != nil && (o == nil || o.GetUID() != known.object.GetUID()) {
			delete(d.documents, key)
			d.forgotten(key)
		}
		if o != nil && d.document(key).replace(o) {
			looked[key] = true
		}
	}
	now := d.clock.Now()
	for key, doc := range d.documents {
		if err := broke[doc.name()]; err != nil {
			delete(d.taken, doc.name())
			doc.fail(&fault{Failed, err.Error()}, now)
			looked[key] = true
		} else if looked[key] || doc.due(now) {
			d.decoder.decode(doc)
			d.known(doc)
			looked[key] = true
		}
	}
	return looked
}

func (d *desk) document(key types.NamespacedName) *document {
	doc := d.documents[key]
	if doc == nil {
		doc = &document{key: key}
		d.documents[key] = doc
	}
	return doc
}

// choose returns the documents that are to run, by name, and who holds what
// others claim too: of two the older one.
func (d *desk) choose() (wanted map[string]*document, holders map[string]*document) {
	wanted, holders = map[string]*document{}, map[string]*document{}
	for _, doc := range slices.SortedFunc(maps.Values(d.documents), older) {
		if !d.runnable(doc) {
			continue
		}
		claims := doc.sound.Claims()
		if slices.ContainsFunc(claims, func(claim string) bool { return holders[claim] != nil }) {
			continue
		}
		for _, claim := range claims {
			holders[claim] = doc
		}
		wanted[doc.name()] = doc
	}
	return wanted, holders
}

// runnable reports whether a document has a content that may run: one that has
// become wrong only where it runs already.
func (d *desk) runnable(doc *document) bool {
	if doc.sound == nil {
		return false
	}
	_, runs := d.taken[doc.name()]
	return doc.fault == nil || runs || doc.fault.Reason == Failed || doc.fault.Reason == Refused
}

// change is what has to be done for what is wanted to run.
func (d *desk) change(wanted map[string]*document) (app.Change, map[string]*document) {
	var change app.Change
	docs := map[string]*document{}
	for _, name := range slices.Sorted(maps.Keys(d.taken)) {
		if doc := wanted[name]; doc == nil || doc.of.uid != d.taken[name].uid {
			change.Gone = append(change.Gone, name)
		}
	}
	now := d.clock.Now()
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		doc := wanted[name]
		of, runs := d.taken[name]
		older := runs && doc.fault != nil // what is wrong waits, and what annotations say of what runs does not
		if (!runs || of != doc.of) && (older || doc.retry.due(now)) {
			change.Set, docs[name] = append(change.Set, *doc.sound), doc
		}
	}
	return change, docs
}

// settled notes what the controller has taken.
func (d *desk) settled(change app.Change, docs map[string]*document, refused map[string]error) {
	for _, name := range change.Gone {
		delete(d.taken, name)
	}
	for i := range change.Set {
		name := change.Set[i].Name
		doc := docs[name]
		if err := refused[name]; err != nil {
			d.log.Warn("document refused", slog.String("target", name), slog.Any("error", err))
			d.refused(doc, err)
			continue
		}
		d.taken[name], doc.ran = doc.of, doc.content
		if doc.fault == nil {
			doc.retry = retry{}
		}
	}
}

// refused notes that the controller has not taken a document. One that ran
// already goes on as it was, paused where annotations say so: which is left to
// be said, unless that is what was refused. One that has ended for another
// target does not go on.
func (d *desk) refused(doc *document, err error) {
	now := d.clock.Now()
	doc.fail(&fault{Refused, inWords(err)}, now)
	if _, runs := d.taken[doc.name()]; !runs {
		return
	}
	if !slices.Equal(doc.sound.Claims(), doc.ran.sound.Claims()) {
		delete(d.taken, doc.name())
		return
	}
	said := doc.of.generation
	doc.content = doc.ran
	if said != doc.of.generation {
		doc.annotate(now)
	}
}
