package experiment

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	autoscaling "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

func theirs(name string, least int32) *autoscaling.HorizontalPodAutoscaler {
	return &autoscaling.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Annotations: map[string]string{"owner": "them"}},
		Spec: autoscaling.HorizontalPodAutoscalerSpec{ScaleTargetRef: autoscaling.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			MinReplicas: &least, MaxReplicas: 30},
	}
}

func on(objects ...runtime.Object) HPA {
	return HPA{Client: fake.NewClientset(objects...), Namespace: "shop", Deployment: "web", Min: 1, Max: 10, Targets: Targets{CPU: 60, Memory: 80}, ScaleDownWindow: 60}
}

func TestAnHPAIsMadeForTheExperimentAndDeletedAfter(t *testing.T) {
	h := on(theirs("other", 2))
	other, _ := h.Client.AutoscalingV2().HorizontalPodAutoscalers("shop").Get(t.Context(), "other", metav1.GetOptions{})
	other.Spec.ScaleTargetRef.Name = "api"
	if _, err := h.Client.AutoscalingV2().HorizontalPodAutoscalers("shop").Update(t.Context(), other, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if says, err := h.Install(t.Context()); err != nil || says != "HorizontalPodAutoscaler web is made" {
		t.Fatal(says, err)
	}
	if again, err := h.Install(t.Context()); err != nil || !strings.HasSuffix(again, "asks for the same") {
		t.Error(again, err)
	}
	made, err := h.Find(t.Context())
	if err != nil || made == nil || *made.Spec.Metrics[1].Resource.Target.AverageUtilization != 80 || *made.Spec.Behavior.ScaleDown.StabilizationWindowSeconds != 60 {
		t.Fatalf("%v, %v", made, err)
	}
	if says, err := h.Restore(t.Context()); err != nil || !strings.HasSuffix(says, "is deleted") {
		t.Error(says, err)
	}
	if left, err := h.Find(t.Context()); left != nil || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
	if says, err := h.Restore(t.Context()); says != "" || err != nil {
		t.Error("there is nothing to be done twice:", says, err)
	}
}

func TestAnHPAThatIsThereIsWhatItWasAfter(t *testing.T) {
	h := on(theirs("theirs", 3))
	before, _ := h.Find(t.Context())
	if says, err := h.Install(t.Context()); err != nil || says != "HorizontalPodAutoscaler theirs is changed for the experiment" {
		t.Fatal(says, err)
	}
	h.Targets.CPU = 50 // another experiment, after one that was killed
	if _, err := h.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now, _ := h.Find(t.Context()); *now.Spec.Metrics[0].Resource.Target.AverageUtilization != 50 || now.Spec.MaxReplicas != 10 {
		t.Errorf("got %v", now.Spec)
	}
	if says, err := h.Restore(t.Context()); err != nil || says != "HorizontalPodAutoscaler theirs is what it was" {
		t.Error(says, err)
	}
	after, _ := h.Find(t.Context())
	after.ResourceVersion, before.ResourceVersion, after.ManagedFields, before.ManagedFields = "", "", nil, nil
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if says, err := h.Restore(t.Context()); says != "" || err != nil {
		t.Error("what no experiment changed was touched:", says, err)
	}
}

func TestSeveralHPAsAreRefused(t *testing.T) {
	if _, err := on(theirs("a", 1), theirs("b", 1)).Install(t.Context()); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("got %v", err)
	}
}

func TestAnHPAThatHasNotLookedSaysNothing(t *testing.T) {
	h := on(theirs("theirs", 3))
	if s, err := h.Status(t.Context()); s != nil || err != nil {
		t.Errorf("got %v, %v", s, err)
	}
	object := theirs("theirs", 3)
	object.Status = autoscaling.HorizontalPodAutoscalerStatus{CurrentReplicas: 3, DesiredReplicas: 4, Conditions: []autoscaling.HorizontalPodAutoscalerCondition{{Type: autoscaling.AbleToScale}}}
	if s, err := on(object).Status(t.Context()); err != nil || *s != (HPAStatus{Current: 3, Desired: 4}) {
		t.Errorf("got %v, %v", s, err)
	}
	if s, err := on().Status(t.Context()); s != nil || err != nil {
		t.Errorf("without one: %v, %v", s, err)
	}
}
