package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
)

// A document that is read alone is the one of a file, and is wrong for the
// same reasons.
func TestReaderReadsOneDocument(t *testing.T) {
	r, err := v1alpha1.NewReader(builtin.New())
	if err != nil {
		t.Fatal(err)
	}
	const head = `{"apiVersion":"flyball.io/v1alpha1","kind":"Autoscaler","metadata":{"name":"web","namespace":"shop"},"spec":{"target":{"process":{"command":["./web"]}},`
	d, err := r.Read("shop/web", []byte(head+`"replicas":{"max":3},"sync":"${SYNC:-20s}"}}`))
	if err != nil || d.Spec.Replicas.Max != 3 || d.Spec.Sync.String() != "20s" || d.Spec.Policy.Kind != "predictive" {
		t.Errorf("got %+v, %v; want max 3, sync 20s, policy predictive", d.Spec, err)
	}
	for text, want := range map[string]string{
		head + `"replicas":{"max":3,"mx":1}}}`:                        "spec.replicas.mx: unknown field",
		head + `"replicas":{"max":0}}}`:                               "spec.replicas.max: must be at least 1",
		head + `"replicas":{"max":3},"policy":{"hpa":{"cpu":"80"}}}}`: "spec.policy.hpa.cpu",
		"{": "not valid YAML",
		"":  "must be one document",
	} {
		if _, err := r.Read("shop/web", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to say %q", text, err, want)
		}
	}
}
