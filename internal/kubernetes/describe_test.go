package kubernetes

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Who sets the count is read from what the API server keeps of who wrote what.
func TestWhoSetsTheCount(t *testing.T) {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON([]byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","managedFields":[
		{"manager":"helm","operation":"Update","apiVersion":"apps/v1","time":"2026-01-01T10:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:replicas":{}}}},
		{"manager":"kubectl","operation":"Update","apiVersion":"apps/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:replicas":{}}},"subresource":"scale"},
		{"manager":"kube-controller-manager","operation":"Update","apiVersion":"apps/v1","time":"2026-01-01T12:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:status":{"f:replicas":{}}},"subresource":"status"},
		{"manager":"argocd","operation":"Update","apiVersion":"apps/v1","time":"2026-01-01T12:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{}}}}
	]}}`)); err != nil {
		t.Fatal(err)
	}
	if got := countedBy(object); got != "kubectl" {
		t.Errorf("got %q, want kubectl", got)
	}
	trim(object)
	if got := countedBy(object); got != "kubectl" || len(object.GetManagedFields()) != 2 {
		t.Errorf("of what is kept: got %q of %d entries, want kubectl of 2", got, len(object.GetManagedFields()))
	}
}

func objectOf(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return object
}

// A count that grows is no rollout; one that is paused or stuck is one still.
func TestRolloutsAreToldFromGrowth(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want Rollout
		says string
	}{
		"at rest":           {`{"kind":"Deployment","spec":{"replicas":3},"status":{"replicas":3,"updatedReplicas":3,"conditions":[{"type":"Progressing","reason":"NewReplicaSetAvailable"}]}}`, NoRollout, ""},
		"grows":             {`{"kind":"Deployment","spec":{"replicas":9},"status":{"replicas":3,"updatedReplicas":3,"conditions":[{"type":"Progressing","reason":"NewReplicaSetAvailable"}]}}`, NoRollout, ""},
		"surge":             {`{"kind":"Deployment","spec":{"replicas":4},"status":{"replicas":6,"updatedReplicas":2,"conditions":[{"type":"Progressing","reason":"ReplicaSetUpdated"}]}}`, RollingOut, "2 of 6 pods are of the new definition"},
		"none updated yet":  {`{"kind":"Deployment","spec":{"replicas":4},"status":{"replicas":4,"conditions":[{"type":"Progressing","reason":"NewReplicaSetCreated"}]}}`, RollingOut, "0 of 4"},
		"paused half-way":   {`{"kind":"Deployment","spec":{"replicas":4,"paused":true},"status":{"replicas":5,"updatedReplicas":2,"conditions":[{"type":"Progressing","reason":"DeploymentPaused"}]}}`, RolloutPaused, "2 of 5"},
		"paused at rest":    {`{"kind":"Deployment","spec":{"replicas":4,"paused":true},"status":{"replicas":4,"updatedReplicas":4,"conditions":[{"type":"Progressing","reason":"DeploymentPaused"}]}}`, NoRollout, ""},
		"stuck":             {`{"kind":"Deployment","spec":{"replicas":4},"status":{"replicas":5,"updatedReplicas":1,"conditions":[{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded","message":"has timed out"}]}}`, RolloutStuck, "has timed out"},
		"recreate":          {`{"kind":"Deployment","spec":{"replicas":4,"strategy":{"type":"Recreate"}},"status":{"conditions":[{"type":"Progressing","reason":"ReplicaSetUpdated"}]}}`, RollingOut, ""},
		"StatefulSet":       {`{"kind":"StatefulSet","spec":{},"status":{"replicas":3,"updatedReplicas":1,"currentRevision":"a","updateRevision":"b"}}`, RollingOut, "1 of 3"},
		"partition reached": {`{"kind":"StatefulSet","spec":{"updateStrategy":{"rollingUpdate":{"partition":2}}},"status":{"replicas":3,"updatedReplicas":1,"currentRevision":"a","updateRevision":"b"}}`, NoRollout, ""},
		"OnDelete":          {`{"kind":"StatefulSet","spec":{"updateStrategy":{"type":"OnDelete"}},"status":{"replicas":3,"currentRevision":"a","updateRevision":"b"}}`, NoRollout, ""},
		"a ReplicaSet":      {`{"kind":"ReplicaSet","spec":{"replicas":3},"status":{"replicas":3}}`, NoRollout, ""},
		"a kind of another": {`{"kind":"Rollout","spec":{"replicas":3},"status":{"replicas":4,"updatedReplicas":1}}`, RollingOut, "1 of 4"},
	} {
		w := describe(objectOf(t, tc.text))
		if w.Rollout != tc.want || !strings.Contains(w.RolloutSays, tc.says) {
			t.Errorf("%s: got %q %q, want %q %q", name, w.Rollout, w.RolloutSays, tc.want, tc.says)
		}
	}
}
