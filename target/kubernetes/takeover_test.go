package kubernetes_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/flyball-io/flyball/internal/clustertest"
	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/target"
	targetkubernetes "github.com/flyball-io/flyball/target/kubernetes"
	"github.com/flyball-io/flyball/target/targettest"
)

const hpaSync = 2 * time.Second

func hpa(name string, least, most int) string {
	return fmt.Sprintf(`
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: %[1]s}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: %[1]s}
  minReplicas: %[2]d
  maxReplicas: %[3]d
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]
  behavior: {scaleDown: {stabilizationWindowSeconds: 60}}
`, name, least, most)
}

func (w *world) hpa() *autoscaling.HorizontalPodAutoscaler {
	w.T.Helper()
	h, err := w.cluster.Client.AutoscalingV2().HorizontalPodAutoscalers(w.namespace).Get(w.T.Context(), w.name, metav1.GetOptions{})
	if err != nil {
		w.T.Fatal(err)
	}
	return h
}

func takesOver(c *targetkubernetes.Config) { c.TakeOver = true }

// A Deployment that a real HPA scales: left alone without being told, taken over
// and handed back otherwise. No pod is lost on the way but those that somebody
// asked to have fewer of.
func TestTakeOverOfARealHPA(t *testing.T) {
	cluster := newCluster(t, clustertest.HPA(hpaSync, 10*time.Second))
	w := newWorld(t, cluster, 1, nil, "")
	cluster.Apply(t, w.namespace, hpa(w.name, 3, 5))
	cluster.Ready(t, time.Minute, w.namespace, w.name, 3) // the HPA's minimum
	w.Run()
	w.keep(true)
	if err := w.Target.SetReplicas(t.Context(), 8); !errors.Is(err, targetkubernetes.ErrScaledByOther) {
		t.Errorf("got %v, want to be refused", err)
	}
	w.Until("it is told", targettest.Says(targetkubernetes.ScaledByOther, "takeOver: true"))
	w.Leave()
	original, before := w.hpa(), w.pods()
	if len(original.Annotations[kubernetes.TakenOverAnnotation]) != 0 || *w.read().Spec.Replicas != 3 {
		t.Fatal("something was changed although it was to be left alone")
	}

	w.Target = w.open(takesOver)
	w.Run()
	w.Until("known", targettest.Ready(3))
	w.keep(true)
	w.Until("taken over", targettest.Told(targetkubernetes.TakenOver))
	w.staysFor(2*hpaSync, 3)
	w.stillThere(before, "taking over")
	w.Set(8) // more than the HPA's maximum
	w.Until("8 are ready", targettest.Ready(8))
	w.staysFor(3*hpaSync, 8)
	w.Set(2) // fewer than its minimum
	w.Until("2 are left", targettest.Ready(2))
	w.staysFor(3*hpaSync, 2)
	w.Set(4)
	w.Until("4 are ready", targettest.Ready(4))
	mine := w.pods()
	w.Leave()
	if diff := cmp.Diff(original.Spec, w.hpa().Spec); diff != "" {
		t.Errorf("the HPA is not what it was (-was +is):\n%s", diff)
	}
	if h := w.hpa(); h.Annotations[kubernetes.TakenOverAnnotation] != "" {
		t.Errorf("left on it: %v", h.Annotations)
	} else if managed := managers(h.ManagedFields); strings.Contains(managed, kubernetes.FieldManager) {
		t.Errorf("managed by %s: who applies it again has a quarrel with us", managed)
	}
	w.staysFor(3*hpaSync, 4)
	w.stillThere(mine, "handing back")
	cluster.Kubectl(t, "scale", "deployment", w.name, "--namespace", w.namespace, "--replicas=1")
	cluster.Ready(t, time.Minute, w.namespace, w.name, 3) // the HPA scales again
}

func managers(all []metav1.ManagedFieldsEntry) string {
	var names []string
	for _, m := range all {
		names = append(names, m.Manager)
	}
	return strings.Join(names, " ")
}

// staysFor fails unless the count stays for a while.
func (w *world) staysFor(d time.Duration, n int) {
	w.T.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if got := *w.read().Spec.Replicas; got != int32(n) {
			w.T.Fatalf("the count is %d, want it to stay %d", got, n)
		}
	}
}

// stillThere fails where a pod has gone.
func (w *world) stillThere(before map[string]core.Pod, what string) {
	w.T.Helper()
	now := w.pods()
	for uid, pod := range before {
		if _, there := now[uid]; !there {
			w.T.Errorf("%s lost pod %s", what, pod.Name)
		}
	}
}

// A controller that is killed leaves the HPA resting. The next one goes on, and
// whoever asks finds what to make of it.
func TestKilledControllerLeavesNothingThatCannotBeUndone(t *testing.T) {
	cluster := newCluster(t, clustertest.HPA(hpaSync, 10*time.Second))
	w := newWorld(t, cluster, 3, nil, "")
	cluster.Apply(t, w.namespace, hpa(w.name, 2, 5))
	original := w.hpa()
	killed := w.open(takesOver) // and never run: nothing is handed back
	if err := killed.Keep(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := killed.SetReplicas(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	w.staysFor(2*hpaSync, 6)
	found := w.config(nil).Examine(t.Context())
	if len(found) != 2 || !strings.Contains(found[1].Message, "taken over by the document web") {
		t.Errorf("found %+v", found)
	}
	w.Target = w.open(takesOver)
	w.Run()
	w.keep(true)
	w.Until("known", targettest.Ready(6))
	w.Set(4)
	w.Leave()
	if diff := cmp.Diff(original.Spec, w.hpa().Spec); diff != "" {
		t.Errorf("the HPA is not what it was (-was +is):\n%s", diff)
	}
}

// KEDA's object is paused in KEDA's own way, and the HPA that KEDA made of it is
// KEDA's business.
func TestTakeOverOfAScaledObject(t *testing.T) {
	cluster := newCluster(t)
	cluster.Apply(t, "default", strings.NewReplacer("flyball.test", "keda.sh", "name: v1", "name: v1alpha1").Replace(definition("ScaledObject", "scaledobjects", false)))
	w := newWorld(t, cluster, 2, takesOver, "")
	w.applies("apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: queue}\nspec: {scaleTargetRef: {name: " + w.name + "}}\n")
	uid := cluster.Kubectl(t, "get", "scaledobject.keda.sh", "queue", "--namespace", w.namespace, "--output=jsonpath={.metadata.uid}")
	w.applies(`
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: keda-hpa-queue, ownerReferences: [{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, name: queue, uid: ` + uid + `, controller: true}]}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: ` + w.name + `}, maxReplicas: 9}
`)
	annotations := func() string {
		return cluster.Kubectl(t, "get", "scaledobject.keda.sh", "queue", "--namespace", w.namespace, "--output=jsonpath={.metadata.annotations}")
	}
	w.Run()
	w.Until("it is seen", targettest.Told(targetkubernetes.ScaledByOther))
	w.keep(true)
	w.Until("it is paused", func(target.Status) bool {
		return strings.Contains(annotations(), `"autoscaling.keda.sh/paused":"true"`)
	})
	w.Set(3)
	w.Leave()
	if got := annotations(); strings.Contains(got, "paused") || strings.Contains(got, "flyball") {
		t.Errorf("left on it: %s", got)
	}
}
