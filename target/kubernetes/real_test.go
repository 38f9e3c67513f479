package kubernetes_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	rbac "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	targetkubernetes "github.com/flyball-io/flyball/target/kubernetes"
	"github.com/flyball-io/flyball/target/targettest"
)

func TestConformance(t *testing.T) {
	cluster := newCluster(t)
	worlds := map[target.Target]*world{}
	targettest.Run(t, targettest.Harness{
		New: func(t *testing.T, _ target.Traffic) target.Target {
			w := newWorld(t, cluster, 0, nil, "")
			worlds[w.Target] = w
			return w.Target
		},
		Reopen: func(t *testing.T, predecessor target.Target) target.Target {
			w := worlds[predecessor]
			w.T = t
			return w.open(nil)
		},
		ChoosesNone: true,
		Patience:    time.Minute,
	})
}

// Somebody who changes the object all the time holds nothing up, and loses
// nothing.
func TestStormOfConflicts(t *testing.T) {
	w := newWorld(t, newCluster(t), 1, nil, "")
	w.Run()
	w.Until("ready", targettest.Ready(1))
	ctx, calm := context.WithCancel(t.Context())
	changes := 0
	var storm sync.WaitGroup
	storm.Go(func() {
		for ctx.Err() == nil {
			patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"storm":"%d"}}}`, changes)
			if _, err := w.cluster.Client.AppsV1().Deployments(w.namespace).Patch(ctx, w.name, types.MergePatchType, patch, metav1.PatchOptions{}); err == nil {
				changes++
			}
		}
	})
	for n := 2; n <= 20; n++ {
		w.Set(n)
		if got := w.Status().SpecReplicas; got != n {
			t.Errorf("after SetReplicas(%d) the status says %d", n, got)
		}
	}
	calm()
	storm.Wait()
	w.Until("20 are ready", targettest.Ready(20))
	if c := targettest.Condition(w.Status(), scale.CountReset); c.Type != "" {
		t.Errorf("told %+v", c)
	}
	t.Logf("%d changes by somebody else during 19 orders", changes)
}

// While the API server is away nothing that is known is lost, and nothing wrong
// is told; an order that was lost arrives when it is back, at the latest as it is
// given again.
func TestAPIServerGoesAndComesBack(t *testing.T) {
	w := newWorld(t, newCluster(t), 3, nil, "")
	w.Run()
	before := w.Until("ready", targettest.Ready(3))
	w.cluster.APIServer.Kill(t)
	w.Until("it is told", targettest.Told(scale.EngineUnreachable))
	if err := w.Target.SetReplicas(t.Context(), 5); !errors.Is(err, kubernetes.ErrUnreachable) {
		t.Errorf("an order without an API server: %v", err)
	}
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if s := w.Status(); s.SpecReplicas != 3 || len(s.Replicas) != len(before.Replicas) || targettest.ReadyCount(s) != 3 {
			t.Fatalf("told without an API server: %+v", s)
		}
	}
	w.cluster.APIServer.Start(t)
	back := time.Now()
	w.Until("it is over", func(s target.Status) bool { return targettest.Condition(s, scale.EngineUnreachable).Type == "" })
	recovered := time.Since(back)
	w.Set(5) // the next decision: where the server was away for long the order has lapsed
	w.Until("the order has arrived", targettest.Ready(5))
	t.Logf("known again %.2f s after the API server was ready, 5 ready after %.2f s", recovered.Seconds(), time.Since(back).Seconds())
	if c := targettest.Condition(w.Status(), scale.CountReset); c.Type != "" {
		t.Errorf("told %+v", c)
	}
	w.cluster.ControllerManager.Restart(t) // it gives up its work where it lost the API server
	w.Set(2)
	w.Until("2 are left", targettest.Ready(2))
}

// A real rollout with surge: more pods than are asked for, and the count stays
// what was asked for.
func TestRealRolloutWithSurge(t *testing.T) {
	w := newWorld(t, newCluster(t), 4, nil, "minReadySeconds: 2\n  strategy: {rollingUpdate: {maxSurge: 2, maxUnavailable: 0}}")
	w.Run()
	w.Until("ready", targettest.Ready(4))
	patch := []byte(`{"spec":{"template":{"metadata":{"annotations":{"version":"2"}}}}}`)
	if _, err := w.cluster.Client.AppsV1().Deployments(w.namespace).Patch(t.Context(), w.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	most, told := 0, false
	count := func(s target.Status) {
		if s.SpecReplicas != 4 {
			t.Errorf("during the rollout %d are asked for, want 4", s.SpecReplicas)
		}
		staying := 0
		for i := range s.Replicas {
			if s.Replicas[i].DeletedAt.IsZero() {
				staying++
			}
		}
		most = max(most, staying)
	}
	w.Until("it begins", func(s target.Status) bool {
		count(s)
		told = targettest.Condition(s, scale.RolloutInProgress).Type != ""
		return told
	})
	w.Until("it is over", func(s target.Status) bool {
		count(s)
		return targettest.Condition(s, scale.RolloutInProgress).Type == "" && targettest.Ready(4)(s)
	})
	if most <= 4 || most > 6 {
		t.Errorf("at most %d pods were seen, want 5 or 6", most)
	}
}

// What finds no node is told with the scheduler's words and how many fit.
func TestPodsThatFindNoNode(t *testing.T) {
	cluster := newCluster(t)
	w := newWorld(t, cluster, 1, nil, "")
	cluster.Apply(t, w.namespace, strings.Replace(deployment(w.name, 1, "", ""), "cpu: 100m", "cpu: 600", 1))
	w.Run()
	w.Until("one is ready", func(s target.Status) bool {
		return targettest.Ready(1)(s) && targettest.Condition(s, scale.RolloutInProgress).Type == ""
	})
	w.Set(5) // of which one fits on a node
	w.Until("it is told", targettest.Says(scale.CannotPlace, "Insufficient cpu"))
	s := w.Until("it is known how many fit", func(s target.Status) bool { return targettest.Condition(s, scale.CannotPlace).Limit == nodes })
	if s.SpecReplicas != 5 {
		t.Errorf("%d are asked for, want 5", s.SpecReplicas)
	}
	w.Set(2)
	w.Until("it is over", func(s target.Status) bool {
		return targettest.Condition(s, scale.CannotPlace).Type == "" && targettest.Ready(2)(s)
	})
}

// A quota that is used up is told with its words.
func TestQuotaThatIsUsedUp(t *testing.T) {
	cluster := newCluster(t)
	w := newWorld(t, cluster, 1, nil, "")
	cluster.Apply(t, w.namespace, "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: small}\nspec: {hard: {pods: \"3\"}}\n")
	w.Run()
	w.Until("ready", targettest.Ready(1))
	w.eventually("the quota is counted", func() bool {
		q, err := cluster.Client.CoreV1().ResourceQuotas(w.namespace).Get(t.Context(), "small", metav1.GetOptions{})
		return err == nil && len(q.Status.Hard) > 0
	})
	w.Set(6)
	w.Until("it is told", func(s target.Status) bool {
		c := targettest.Condition(s, scale.CannotPlace)
		return c.Limit == 3 && strings.Contains(c.Message, "exceeded quota")
	})
}

// A count set by hand is put back, and whose hand it was is told. Whoever applies
// the manifest without a count has no quarrel with it.
func TestOtherHands(t *testing.T) {
	w := newWorld(t, newCluster(t), 2, nil, "")
	w.Run()
	w.keep(true)
	w.Until("ready", targettest.Ready(2))
	w.Set(4)
	w.cluster.Kubectl(t, "scale", "deployment", w.name, "--namespace", w.namespace, "--replicas=1")
	w.Until("it is put back", func(s target.Status) bool {
		return s.SpecReplicas == 4 && strings.Contains(targettest.Condition(s, scale.CountReset).Message, "somebody else (kubectl) set 1 replica; put back")
	})
	for _, m := range w.read().ManagedFields {
		if m.Manager == kubernetes.FieldManager && (m.Subresource != "scale" || m.FieldsV1 == nil || strings.Count(m.FieldsV1.GetRawString(), "f:") != 2) {
			t.Errorf("Flyball manages %s of subresource %q, want the count by its scale alone", m.FieldsV1, m.Subresource)
		}
	}
	again := w.cluster.KubectlCommand(t.Context(), w.cluster.Kubeconfig, "apply", "--namespace", w.namespace, "--server-side", "--field-manager=argocd", "-f", "-")
	again.Stdin = strings.NewReader(strings.NewReplacer("replicas: 2", "paused: false", "metadata: {name", "metadata: {annotations: {applied: again}, name").Replace(deployment(w.name, 2, "", "")))
	if out, err := again.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if d := w.read(); *d.Spec.Replicas != 4 || d.Annotations["applied"] != "again" {
		t.Errorf("a manifest without a count left %d", *d.Spec.Replicas)
	}
}

// The rights that docs/kubernetes.md lists are enough.
func TestLeastRights(t *testing.T) {
	cluster := newCluster(t)
	w := newWorld(t, cluster, 2, nil, "")
	read := []string{"get", "list", "watch"}
	account := cluster.Account(t, w.namespace, "flyball",
		rbac.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: read},
		rbac.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"deployments/scale"}, Verbs: []string{"get", "update"}},
		rbac.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: read},
		rbac.PolicyRule{APIGroups: []string{"autoscaling"}, Resources: []string{"horizontalpodautoscalers"}, Verbs: read})
	w.Target = w.open(func(c *targetkubernetes.Config) { c.Kubeconfig = account })
	w.Run()
	w.Until("ready", targettest.Ready(2))
	w.Set(3)
	w.Until("ready", targettest.Ready(3))
	// Another namespace is not its business, and that is said.
	cfg := w.config(func(c *targetkubernetes.Config) { c.Kubeconfig, c.Namespace = account, "default" })
	if err := cfg.Check(); err == nil || !strings.HasPrefix(err.Error(), "namespace: ") || !strings.Contains(err.Error(), "kubectl auth can-i get deployment --subresource=scale -n ") {
		t.Errorf("a forbidden namespace: %v", err)
	}
	if found := cfg.Examine(t.Context()); len(found) != 1 || !strings.Contains(found[0].Fix, "grant the rights") {
		t.Errorf("a forbidden namespace: %+v", found)
	}
}

// What cannot be scaled is refused with its field and what to do.
func TestWhatCannotBeScaled(t *testing.T) {
	cluster := newCluster(t)
	w := newWorld(t, cluster, 1, nil, "")
	cluster.Apply(t, "default", definition("Plain", "plains", false))
	w.applies("apiVersion: flyball.test/v1\nkind: Plain\nmetadata: {name: one}\nspec: {replicas: 1}\n")
	owned := func() string {
		sets, err := cluster.Client.AppsV1().ReplicaSets(w.namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil || len(sets.Items) == 0 {
			return ""
		}
		return sets.Items[0].Name
	}
	w.eventually("its ReplicaSet is there", func() bool { return owned() != "" })
	for _, tc := range []struct {
		change func(*targetkubernetes.Config)
		want   string
	}{
		{func(c *targetkubernetes.Config) { c.Name = "none" }, "name: there is no Deployment " + w.namespace + "/none; correct name and namespace: kubectl get deployment -A"},
		{func(c *targetkubernetes.Config) { c.Kind, c.APIVersion = "Nothing", "flyball.test/v1" }, "kind: "},
		{func(c *targetkubernetes.Config) { c.Kind, c.APIVersion, c.Name = "Plain", "flyball.test/v1", "one" }, "objects of kind Plain have no scale subresource"},
		{func(c *targetkubernetes.Config) { c.Kind, c.Name = "ReplicaSet", owned() }, "belongs to Deployment " + w.name},
		{func(c *targetkubernetes.Config) { c.Kubeconfig = "/nowhere" }, "kubeconfig: kubeconfig /nowhere"},
	} {
		cfg := w.config(tc.change)
		w.eventually(tc.want, func() bool { // a kind that is new is found within 10 s
			err := cfg.Check()
			return err != nil && strings.Contains(err.Error(), tc.want)
		})
		if found := cfg.Examine(t.Context()); len(found) == 0 || found[0].Fix == "" {
			t.Errorf("%s: found %+v", tc.want, found)
		}
	}
	if *w.read().Spec.Replicas != 1 {
		t.Error("something was changed")
	}
}

// Any object with a scale subresource is scaled, also of a kind that came after
// Flyball did.
func TestObjectOfAKindOfSomebodyElse(t *testing.T) {
	cluster := newCluster(t)
	w := newWorld(t, cluster, 0, nil, "")
	w.Target = w.open(func(c *targetkubernetes.Config) { c.Kind, c.APIVersion, c.Name = "Widget", "flyball.test/v1", "one" })
	w.Run()
	if _, err := w.Target.Status(t.Context()); !errors.Is(err, kubernetes.ErrNoKind) {
		t.Errorf("a kind that is not there: %v", err)
	}
	cluster.Apply(t, "default", definition("Widget", "widgets", true))
	w.applies("apiVersion: flyball.test/v1\nkind: Widget\nmetadata: {name: one}\nspec: {replicas: 2}\n")
	cluster.Kubectl(t, "patch", "widget", "one", "--namespace", w.namespace, "--subresource=status", "--type=merge", "-p", `{"status":{"selector":"app=widget","replicas":2}}`)
	w.eventually("it is found", func() bool {
		s, err := w.Target.Status(t.Context())
		return err == nil && s.SpecReplicas == 2
	})
	w.Set(6)
	if got := cluster.Kubectl(t, "get", "widget", "one", "--namespace", w.namespace, "--output=jsonpath={.spec.replicas}"); got != "6" {
		t.Errorf("got %s, want 6", got)
	}
}

// counted counts what is asked, but for watches.
type counted struct {
	http.RoundTripper
	asked *atomic.Int64
}

func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Query().Get("watch") == "" {
		c.asked.Add(1)
	}
	return c.RoundTripper.RoundTrip(r)
}

// An object at rest costs no request, however often it is looked at; a change of
// the count costs a few.
func TestWhatIsAsked(t *testing.T) {
	w := newWorld(t, newCluster(t), 3, nil, "")
	var asked atomic.Int64
	config := rest.CopyConfig(w.cluster.Config)
	config.Wrap(func(inner http.RoundTripper) http.RoundTripper { return counted{inner, &asked} })
	api, err := kubernetes.New(config, w.namespace)
	if err != nil {
		t.Fatal(err)
	}
	w.Target, err = targetkubernetes.New("web", w.config(nil), targetkubernetes.Options{Clock: clock.System, Log: targettest.Log(t), API: api})
	if err != nil {
		t.Fatal(err)
	}
	w.Run()
	w.keep(true)
	w.Until("ready", targettest.Ready(3))
	atRest := func() int64 {
		w.eventually("it rests", func() bool {
			before := asked.Load()
			for range 20 {
				w.Status()
				time.Sleep(100 * time.Millisecond)
			}
			return asked.Load() == before
		})
		return asked.Load()
	}
	begin := atRest()
	w.Set(4)
	w.Until("ready", targettest.Ready(4))
	changed := atRest() - begin
	t.Logf("%d requests to begin, none at rest, %d for a change of the count until 4 are ready", begin, changed)
	if changed > 40 {
		t.Errorf("%d requests for one change", changed)
	}
}

// The shipped example is taken by a real API server, and found by its document.
func TestExample(t *testing.T) {
	cluster := newCluster(t)
	w := newWorld(t, cluster, 0, nil, "")
	manifest, err := os.ReadFile("../../examples/kubernetes/web.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cluster.Apply(t, w.namespace, string(manifest))
	cfg := w.config(func(c *targetkubernetes.Config) { c.Name = "web" })
	if err := cfg.Check(); err != nil {
		t.Error(err)
	}
	if found := cfg.Examine(t.Context()); len(found) != 1 || found[0].Fix != "" {
		t.Errorf("found %+v", found)
	}
}

// definition is that of a kind, with a scale subresource or without.
func definition(kind, plural string, scalable bool) string {
	subresources := "{status: {}}"
	if scalable {
		subresources = "{status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}}"
	}
	return fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[2]s.flyball.test}
spec:
  group: flyball.test
  scope: Namespaced
  names: {kind: %[1]s, plural: %[2]s, singular: %[3]s}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: %[4]s
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {replicas: {type: integer}}}, status: {type: object, properties: {replicas: {type: integer}, selector: {type: string}}}}}}
`, kind, plural, strings.ToLower(kind), subresources)
}
