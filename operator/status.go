package operator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flyball-io/flyball/api/v1alpha1"
)

// due is a status that is to be written.
type due struct {
	object *unstructured.Unstructured
	status v1alpha1.Status
	name   string
}

// due returns what is to be written now.
func (b *board) due() []due {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []due
	now := b.clock.Now()
	for name, e := range b.entries {
		begins := e.verdict.Runs && e.decided == nil && since(now, e.toldAt) < soonest // the first decision may be told at once
		// What the next instance must know is told at once.
		changed := !reflect.DeepEqual(e.status.Decisions, e.written.Decisions)
		if !e.dirty || !e.known || begins || since(now, e.writtenAt) < soonest && !changed {
			continue
		}
		e.status = e.compose(now)
		switch {
		case reflect.DeepEqual(e.status, e.written):
			e.dirty = false
			continue
		case reflect.DeepEqual(lasting(e.status), lasting(e.written)) && since(now, e.writtenAt) < rarest:
			continue
		}
		all = append(all, due{e.object, e.status, name})
	}
	slices.SortFunc(all, func(a, b due) int { return cmp.Compare(a.name, b.name) })
	return all
}

// since is how long ago something was; a clock that was set back keeps nobody.
func since(now, then time.Time) time.Duration {
	if d := now.Sub(then); d >= 0 {
		return d
	}
	return rarest
}

// wrote takes note of a status that the cluster has.
func (b *board) wrote(d due) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[d.name]; e != nil && e.object.GetUID() == d.object.GetUID() {
		e.written, e.writtenAt = d.status, b.clock.Now()
		e.dirty = !reflect.DeepEqual(e.status, d.status) || e.dirty
	}
}

// lasting leaves out what is another with each decision.
func lasting(s v1alpha1.Status) v1alpha1.Status {
	s.Message, s.Forecast, s.Shadows = "", "", nil
	s.Conditions = slices.Clone(s.Conditions)
	for i := range s.Conditions {
		if s.Conditions[i].Type != readyType {
			s.Conditions[i].Message = ""
		}
	}
	return s
}

// statusOf is the status that an object has.
func statusOf(o *unstructured.Unstructured) v1alpha1.Status {
	var s v1alpha1.Status
	raw, err := json.Marshal(o.Object["status"])
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		return v1alpha1.Status{} // of another version: written anew
	}
	return s
}

// micro is a time as a status holds it, so that what is read is what was
// written.
func micro(at time.Time) time.Time { return at.UTC().Truncate(time.Microsecond) }

// targetOf says what is scaled, as kubectl names it where that is known.
func targetOf(description string, o *unstructured.Unstructured) string {
	kind, name := "", ""
	if body, ok, _ := unstructured.NestedMap(o.Object, "spec", "target", "kubernetes"); ok {
		kind, _ = body["kind"].(string)
		name, _ = body["name"].(string)
	}
	if name == "" {
		return description
	}
	return fmt.Sprintf("%s/%s", cmp.Or(kind, "Deployment"), name)
}
