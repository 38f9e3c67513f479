package operator

import (
	"log/slog"
	"testing"
	"time"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/flyball-io/flyball/operator/operatortest"
)

func worldRules() Rules {
	return Rules{Targets: []string{operatortest.Target}, Balancers: []string{operatortest.Balancer}}
}

// rate is the spec of a service of 10 requests/s for each replica.
const rateSpec = `
  target: {fake: {name: %s}}
  replicas: {min: 1, max: 9}
  balancer: {nobody: {}}
  sync: 5s
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
  policy: {hpa: {metrics: [{signal: requestRate, averageValue: 10}]}}
`

// applied is an object as the cluster hands it out.
func applied(t *testing.T, namespace, name, spec string, change ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte("apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nspec:" + spec))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(raw, &u.Object); err != nil {
		t.Fatal(err)
	}
	u.SetNamespace(namespace)
	u.SetName(name)
	u.SetUID(types.UID(namespace + "/" + name))
	u.SetGeneration(1)
	u.SetCreationTimestamp(meta.NewTime(time.Unix(1_700_000_000, 0)))
	for _, c := range change {
		c(u)
	}
	return u
}

func generation(n int64) func(*unstructured.Unstructured) {
	return func(u *unstructured.Unstructured) { u.SetGeneration(n) }
}

func createdAt(seconds int64) func(*unstructured.Unstructured) {
	return func(u *unstructured.Unstructured) { u.SetCreationTimestamp(meta.NewTime(time.Unix(seconds, 0))) }
}

func annotated(key, value string) func(*unstructured.Unstructured) {
	return func(u *unstructured.Unstructured) {
		all := u.GetAnnotations()
		if all == nil {
			all = map[string]string{}
		}
		all[key] = value
		u.SetAnnotations(all)
	}
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

func key(namespace, name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}
