package operator

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/clock"
)

// Name is what an Autoscaler is called by everything but the cluster: on the
// bus, by metrics, the API and the commands. A namespace has no dot, so that
// no two Autoscalers have one name.
func Name(key types.NamespacedName) string { return key.Namespace + "." + key.Name }

// version tells one content of an Autoscaler from another: what does not change
// it, such as a written status, costs nothing.
type version struct {
	uid        types.UID
	generation int64
	paused     string // what annotations say, or make of the mode
}

func versionOf(o *unstructured.Unstructured) version {
	annotations := o.GetAnnotations()
	return version{o.GetUID(), o.GetGeneration(), annotations[PausedAnnotation] + "|" + annotations[PausedUntilAnnotation]}
}

// document is what is known of an Autoscaler.
type document struct {
	key     types.NamespacedName
	object  *unstructured.Unstructured // as seen last
	created time.Time
	read    version   // that was decoded last
	fault   *fault    // why that is not taken; nil: it is sound
	content           // of the newest version without a fault
	ran     content   // that the controller took last
	again   time.Time // when it is decoded anew although nothing changed; zero: never
	retry   retry
}

// content is what a document said in one of its versions.
type content struct {
	sound *app.Spec // with what annotations make of its mode; nil: there was none
	of    version   // that sound was decoded from
	said  pausing   // by the document alone
}

// annotate takes over what annotations say now, also where the document has
// become wrong since: who pauses it wants the count left alone, whatever it says.
func (d *document) annotate(now time.Time) {
	spec, held := *d.sound, d.said
	d.again = held.under(d.object.GetAnnotations(), now)
	spec.Mode, spec.PausedUntil = held.mode, held.until
	d.sound, d.of.paused = &spec, fmt.Sprint(held.mode, held.until)
}

func (d *document) name() string { return Name(d.key) }

// fault is why a document is not taken.
type fault struct{ Reason, Message string }

func (f *fault) Error() string { return f.Reason + ": " + f.Message }

// decoder makes a spec of an Autoscaler.
type decoder struct {
	reader  *v1alpha1.Reader
	plugins *builtin.Registry
	rules   Rules
	clock   clock.Clock
}

func newDecoder(plugins *builtin.Registry, rules Rules, clk clock.Clock) (*decoder, error) {
	reader, err := v1alpha1.NewReader(plugins)
	if err != nil {
		return nil, err
	}
	return &decoder{reader: reader, plugins: plugins, rules: rules, clock: clk}, nil
}

// written is an Autoscaler as a document: without what the cluster adds to it.
type written struct {
	APIVersion any         `json:"apiVersion"`
	Kind       any         `json:"kind"`
	Metadata   writtenName `json:"metadata"`
	Spec       any         `json:"spec,omitempty"`
}

type writtenName struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

// document reads the document of an object, and nothing else of it.
func (d *decoder) document(o map[string]any, name, namespace string) (v1alpha1.Document, error) {
	raw, err := json.Marshal(written{o["apiVersion"], o["kind"], writtenName{name, namespace}, o["spec"]})
	if err != nil {
		return v1alpha1.Document{}, &fault{InvalidDocument, err.Error()}
	}
	doc, err := d.reader.Read(name, raw)
	if err == nil {
		err = d.rules.check(&doc)
	}
	return doc, asFault(err)
}

// spec decodes an object, without what annotations say.
func (d *decoder) spec(o *unstructured.Unstructured) (*app.Spec, error) {
	doc, err := d.document(o.Object, o.GetName(), o.GetNamespace())
	if err != nil {
		return nil, err
	}
	specs, err := app.NewSpecs([]v1alpha1.Document{doc}, d.plugins)
	if err != nil {
		return nil, asFault(err)
	}
	if err := specs[0].Check(); err != nil {
		return nil, &fault{Refused, inWords(err)} // what is missing may come
	}
	specs[0].Name = Name(keyOf(o))
	return &specs[0], nil
}

// decode takes over what a document says now. What it said before goes on to
// hold while that is wrong; annotations hold in any case.
func (d *decoder) decode(doc *document) {
	spec, err := d.spec(doc.object)
	doc.read, doc.again, doc.fault = versionOf(doc.object), time.Time{}, nil
	switch {
	case err == nil:
		doc.content = content{sound: spec, of: doc.read, said: pausing{spec.Mode, spec.PausedUntil}}
	case errors.As(err, &doc.fault) && doc.fault.Reason == Refused:
		doc.fail(doc.fault, d.clock.Now())
	}
	if doc.sound != nil {
		doc.annotate(d.clock.Now())
	}
}

// replace takes a newer object, and reports whether it says something else.
func (d *document) replace(o *unstructured.Unstructured) bool {
	d.object, d.created = o, o.GetCreationTimestamp().Time
	if d.read == versionOf(o) {
		return false
	}
	d.retry = retry{}
	return true
}

// fail notes why the document does not run, or not as it says, and will later.
func (d *document) fail(why *fault, now time.Time) {
	d.fault = why
	d.retry.failed(now)
}

// due reports whether the document is to be looked at although nothing changed.
func (d *document) due(now time.Time) bool {
	return !d.again.IsZero() && !now.Before(d.again) || d.retry.failures > 0 && d.retry.due(now)
}

// asFault says that a document is wrong, unless it is known what is.
func asFault(err error) error {
	var ours *fault
	if err == nil || errors.As(err, &ours) {
		return err
	}
	return &fault{InvalidDocument, inWords(err)}
}

// inWords tells faults to one who has no file and no lines before him.
func inWords(err error) string {
	var faults v1alpha1.Faults
	if !errors.As(err, &faults) {
		return err.Error()
	}
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = strings.TrimPrefix(f.Path+": "+f.Message, ": ")
	}
	return strings.Join(lines, "\n")
}

func keyOf(o meta.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}

// older orders documents: who was there first keeps the target.
func older(a, b *document) int {
	return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.key.Namespace, b.key.Namespace), cmp.Compare(a.key.Name, b.key.Name))
}

// retry is when something that failed is tried again: later each time.
type retry struct {
	failures int
	at       time.Time
}

const (
	firstRetry = 5 * time.Second
	lastRetry  = 5 * time.Minute
)

func (r *retry) failed(now time.Time) {
	r.at = now.Add(min(firstRetry<<min(r.failures, 10), lastRetry))
	r.failures++
}

func (r *retry) due(now time.Time) bool { return r.failures == 0 || !now.Before(r.at) }

// String is for logs.
func (d *document) String() string {
	return fmt.Sprintf("%s generation %d", d.name(), d.read.generation)
}

// judge returns what is wrong with an object that is about to be written.
func (d *decoder) judge(raw []byte) error {
	var o unstructured.Unstructured
	if err := o.UnmarshalJSON(raw); err != nil {
		return err
	}
	doc, err := d.document(o.Object, o.GetName(), o.GetNamespace())
	if err == nil {
		_, err = app.NewSpecs([]v1alpha1.Document{doc}, d.plugins)
		err = asFault(err)
	}
	var wrong *fault
	if errors.As(err, &wrong) {
		return errors.New(wrong.Message)
	}
	return err
}
