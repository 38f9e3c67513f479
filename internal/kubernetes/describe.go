package kubernetes

import (
	"bytes"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// describe is what an object says beside its scale. Every kind has a status of
// its own, and the words of the great ones are used by most others too.
func describe(object *unstructured.Unstructured) Workload {
	w := Workload{UID: string(object.GetUID()), CountedBy: countedBy(object)}
	if owner := metav1.GetControllerOf(object); owner != nil {
		w.Controller = owner.Kind + " " + owner.Name
	}
	status := fields{object.Object}.under("status")
	for _, c := range status.conditions() {
		if c.text("type") == "ReplicaFailure" && c.text("status") == "True" {
			w.Refused = c.text("message")
		}
	}
	switch object.GetKind() {
	case "StatefulSet":
		w.Rollout, w.RolloutSays = statefulRollout(fields{object.Object}.under("spec"), status)
	default:
		w.Rollout, w.RolloutSays = rollout(fields{object.Object}.under("spec"), status)
	}
	return w
}

// countedBy is the manager of the count who wrote last. Whoever sets another
// count takes it from all others; those who scale are not dated.
func countedBy(object metav1.Object) string {
	by, at := "", time.Time{}
	for _, m := range object.GetManagedFields() {
		switch {
		case !setsCount(m):
		case m.Time == nil:
			return m.Manager
		case !m.Time.Time.Before(at):
			by, at = m.Manager, m.Time.Time
		}
	}
	return by
}

// setsCount reports whether an entry is of somebody who manages the count asked
// for. The one of a status manages the count that was found.
func setsCount(m metav1.ManagedFieldsEntry) bool {
	return m.FieldsV1 != nil && m.Subresource != "status" && bytes.Contains(m.FieldsV1.GetRawBytes(), []byte(`"f:replicas"`))
}

// rollout is that of a Deployment, and of what speaks like one: there are pods
// that are not of the newest definition. A count that is growing is none.
//
//	5 asked for, 3 there, 3 updated      grows
//	5 asked for, 6 there, 2 updated      a rollout
//	strategy Recreate: all have gone     a rollout, until the new ones are there
func rollout(spec, status fields) (Rollout, string) {
	replicas, updated := status.number("replicas"), status.number("updatedReplicas")
	_, tells := status.values["updatedReplicas"]
	reason, message := "", ""
	for _, c := range status.conditions() {
		if c.text("type") == "Progressing" {
			reason, message = c.text("reason"), c.text("message")
		}
	}
	old := replicas - updated
	if !tells && reason == "" {
		old = 0 // a kind that does not tell
	}
	recreates := spec.under("strategy").text("type") == "Recreate" && reason == "ReplicaSetUpdated" && replicas == 0 && spec.number("replicas") > 0
	if old <= 0 && !recreates {
		return NoRollout, ""
	}
	says := fmt.Sprintf("%d of %d pods are of the new definition", updated, replicas)
	switch {
	case spec.flag("paused"):
		return RolloutPaused, says
	case reason == "ProgressDeadlineExceeded":
		return RolloutStuck, says + ": " + message
	default:
		return RollingOut, says
	}
}

// statefulRollout is that of a StatefulSet. One whose partition keeps pods back,
// or that waits for somebody to delete them (OnDelete), is in no rollout: it may
// stay so for ever.
func statefulRollout(spec, status fields) (Rollout, string) {
	current, update := status.text("currentRevision"), status.text("updateRevision")
	strategy := spec.under("updateStrategy")
	if current == update || strategy.text("type") == "OnDelete" {
		return NoRollout, ""
	}
	replicas, updated := status.number("replicas"), status.number("updatedReplicas")
	if updated >= replicas-strategy.under("rollingUpdate").number("partition") {
		return NoRollout, ""
	}
	return RollingOut, fmt.Sprintf("%d of %d pods are of the new definition", updated, replicas)
}

// fields reads an object of any kind: what is not there, or of another type, is
// nothing.
type fields struct{ values map[string]any }

func (f fields) under(name string) fields {
	values, _ := f.values[name].(map[string]any)
	return fields{values}
}

func (f fields) text(name string) string {
	s, _ := f.values[name].(string)
	return s
}

func (f fields) flag(name string) bool {
	b, _ := f.values[name].(bool)
	return b
}

func (f fields) number(name string) int {
	switch n := f.values[name].(type) {
	case int64:
		return int(n)
	case float64:
		return int(n)
	default:
		return 0
	}
}

func (f fields) conditions() []fields {
	list, _ := f.values["conditions"].([]any)
	var all []fields
	for _, item := range list {
		if values, ok := item.(map[string]any); ok {
			all = append(all, fields{values})
		}
	}
	return all
}
