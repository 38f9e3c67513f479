package kubernetes

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscaling "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	discoveryfake "k8s.io/client-go/discovery/fake"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// What is taken over is, handed back, what it was; what somebody else has changed
// meanwhile is theirs.
func TestTakenOverAndHandedBack(t *testing.T) {
	least, disabled := int32(3), autoscaling.DisabledPolicySelect
	window := int32(60)
	for name, behavior := range map[string]*autoscaling.HorizontalPodAutoscalerBehavior{
		"none":          nil,
		"of its own":    {ScaleDown: &autoscaling.HPAScalingRules{StabilizationWindowSeconds: &window}},
		"down disabled": {ScaleDown: &autoscaling.HPAScalingRules{SelectPolicy: &disabled}},
	} {
		h := &autoscaling.HorizontalPodAutoscaler{}
		h.Spec.MinReplicas, h.Spec.MaxReplicas, h.Spec.Behavior = &least, 5, behavior
		before := h.DeepCopy()
		suspend(h, "web")
		if m, found := remembered(h); !rests(h) || !found || m.By != "web" {
			t.Fatalf("%s: it does not rest: %+v", name, h)
		}
		suspend(h, "shop.web") // another controller goes on
		if m, _ := remembered(h); m.By != "shop.web" || m.MaxReplicas != 5 {
			t.Errorf("%s: what was before is forgotten: %+v", name, m)
		}
		resume(h)
		if diff := cmp.Diff(before.Spec, h.Spec); diff != "" || len(h.Annotations) != 0 {
			t.Errorf("%s: %v (-before +after):\n%s", name, h.Annotations, diff)
		}
		suspend(h, "web")
		h.Spec.MaxReplicas = 9 // by somebody else
		resume(h)
		if h.Spec.MaxReplicas != 9 || *h.Spec.MinReplicas != 3 || rests(h) {
			t.Errorf("%s: somebody else set 9, and it is %d to %d, want 3 to 9", name, *h.Spec.MinReplicas, h.Spec.MaxReplicas)
		}
	}
}

// A manifest that states the bounds alone, applied again while it rests, leaves
// our behavior in place: that is not what the HPA was before.
func TestAppliedAgainWhileItRests(t *testing.T) {
	window, least := int32(60), int32(3)
	for name, behavior := range map[string]*autoscaling.HorizontalPodAutoscalerBehavior{
		"none":       nil,
		"of its own": {ScaleDown: &autoscaling.HPAScalingRules{StabilizationWindowSeconds: &window}},
	} {
		h := &autoscaling.HorizontalPodAutoscaler{}
		h.Spec.MinReplicas, h.Spec.MaxReplicas, h.Spec.Behavior = &least, 5, behavior
		want := h.DeepCopy()
		want.Spec.MaxReplicas = 9
		suspend(h, "web")
		h.Spec.MinReplicas, h.Spec.MaxReplicas = new(int32(3)), 9
		suspend(h, "web")
		if !rests(h) {
			t.Errorf("%s: it does not rest again: %+v", name, h.Spec)
		}
		resume(h)
		if diff := cmp.Diff(want.Spec, h.Spec); diff != "" {
			t.Errorf("%s: handed back (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatKEDACallsPaused(t *testing.T) {
	for name, tc := range map[string]struct {
		annotations map[string]string
		want        bool
	}{
		"not":     {nil, false},
		"yes":     {map[string]string{kedaPaused: "true"}, true},
		"no":      {map[string]string{kedaPaused: "False"}, false},
		"a word":  {map[string]string{kedaPaused: "please"}, true},
		"a count": {map[string]string{kedaCount: "3"}, true},
	} {
		o := &unstructured.Unstructured{Object: map[string]any{}}
		o.SetAnnotations(tc.annotations)
		if got := paused(o); got != tc.want {
			t.Errorf("%s: got %v", name, got)
		}
		pause(o, "web")
		if !paused(o) {
			t.Errorf("%s: does not rest", name)
		}
		unpause(o)
		if got := paused(o); got != tc.want {
			t.Errorf("%s: handed back it is %v", name, got)
		}
	}
}

// A ScaledObject that rests for another document rests for the next one; one that
// its user has paused is nobody's.
func TestScaledObjectThatAnotherDocumentHasPaused(t *testing.T) {
	for by, want := range map[string]string{"before": "web", "": ""} {
		o := &unstructured.Unstructured{Object: map[string]any{}}
		if by == "" {
			o.SetAnnotations(map[string]string{kedaPaused: "true"})
		} else {
			pause(o, by)
		}
		pause(o, "web")
		if m, _ := remembered(o); m.By != want || !paused(o) {
			t.Errorf("paused by %q: rests for %q, want %q: %v", by, m.By, want, o.GetAnnotations())
		}
		unpause(o)
		if paused(o) != (by == "") {
			t.Errorf("paused by %q: handed back: %v", by, o.GetAnnotations())
		}
	}
}

// Where KEDA is not installed it is looked for once a minute, for to look is to
// ask for all the kinds there are; sooner where an HPA says that it made it.
func TestKEDAThatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		c := inMemory(t, client, map[schema.GroupVersionResource]string{scaledObjects: "ScaledObject"},
			"{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {namespace: shop, name: web}, spec: {scaleTargetRef: {name: web}}}")
		kinds := client.Discovery().(*discoveryfake.FakeDiscovery)
		later := kinds.Resources
		kinds.Resources = later[:1]
		rivals := func() []Rival {
			t.Helper()
			all, err := c.Rivals(t.Context(), Ref{"apps/v1", "Deployment", "shop", "web"})
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		asked := func() (n int) {
			for _, a := range client.Actions() {
				if a.GetResource().Resource == "group" {
					n++
				}
			}
			return n
		}
		for range 60 {
			rivals()
			time.Sleep(10 * time.Second)
		}
		if n := asked(); n < 9 || n > 12 {
			t.Errorf("all kinds were asked for %d times in 10 minutes, want about 10", n)
		}
		kinds.Resources = later
		yes := true
		if _, err := client.AutoscalingV2().HorizontalPodAutoscalers("shop").Create(t.Context(), &autoscaling.HorizontalPodAutoscaler{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "keda-hpa-web", OwnerReferences: []metav1.OwnerReference{{Kind: "ScaledObject", Name: "web", Controller: &yes}}},
			Spec:       autoscaling.HorizontalPodAutoscalerSpec{ScaleTargetRef: autoscaling.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}},
		}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		rivals() // at most 10 s after the last look
		time.Sleep(lookUpAgain)
		if all := rivals(); len(all) != 1 || all[0].Kind != ScaledObject {
			t.Errorf("got %v, want the ScaledObject", all)
		}
	})
}

// Where ScaledObjects may not be seen the HPAs are, those of KEDA among them; and
// the other way round. Which right is lacking is said.
func TestRivalsOfWhichOneKindMayNotBeSeen(t *testing.T) {
	yes := true
	plain, made := hpaOf("shop", "plain", nil), hpaOf("shop", "keda-hpa-web", nil)
	plain.Spec.ScaleTargetRef.Name, made.Spec.ScaleTargetRef.Name = "web", "web"
	made.OwnerReferences = []metav1.OwnerReference{{Kind: "ScaledObject", Name: "web", Controller: &yes}}
	for resource, want := range map[string][]Rival{
		"scaledobjects":            {{Kind: HPA, Namespace: "shop", Name: "plain"}, {Kind: KEDAHPA, Namespace: "shop", Name: "keda-hpa-web"}},
		"horizontalpodautoscalers": {{Kind: ScaledObject, Namespace: "shop", Name: "web"}},
	} {
		client := fake.NewClientset(plain.DeepCopy(), made.DeepCopy())
		c := inMemory(t, client, map[schema.GroupVersionResource]string{scaledObjects: "ScaledObject"},
			"{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {namespace: shop, name: web}, spec: {scaleTargetRef: {name: web}}}")
		refuse := func(a clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(a.GetResource().GroupResource(), "", nil)
		}
		client.PrependReactor("list", resource, refuse)
		c.dynamic.(*dynamicfake.FakeDynamicClient).PrependReactor("list", resource, refuse)
		got, err := c.Rivals(t.Context(), Ref{"apps/v1", "Deployment", "shop", "web"})
		if !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), "the right to list "+resource+" of ") || !strings.Contains(err.Error(), "in namespace shop") {
			t.Errorf("without %s: got %v", resource, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("without %s (-want +got):\n%s", resource, diff)
		}
	}
	if err := (&Cluster{}).Suspend(t.Context(), Rival{Kind: KEDAHPA, Namespace: "shop", Name: "keda-hpa-web"}, "web"); !errors.Is(err, ErrForbidden) {
		t.Errorf("KEDA would undo it: got %v", err)
	}
}

func TestWhomARivalScales(t *testing.T) {
	ref := Ref{"apps/v1", "Deployment", "shop", "web"}
	for words, want := range map[[3]string]bool{
		{"apps/v1", "Deployment", "web"}:            true,
		{"apps/v1beta2", "Deployment", "web"}:       true,
		{"apps/v1", "StatefulSet", "web"}:           false,
		{"apps/v1", "Deployment", "api"}:            false,
		{"extensions.test/v1", "Deployment", "web"}: false,
	} {
		if got := ref.is(words[0], words[1], words[2]); got != want {
			t.Errorf("%v: got %v", words, got)
		}
	}
}
