package kubernetes

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorization "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// Each right is asked for by itself, and those that are lacking are named.
func TestLackingRightsAreNamed(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
		review := a.(clienttesting.CreateAction).GetObject().(*authorization.SelfSubjectAccessReview)
		asked := review.Spec.ResourceAttributes
		review.Status.Allowed = asked.Namespace == "shop" && asked.Verb == "get"
		return true, review, nil
	})
	c := &Cluster{typed: client}
	rights := []Right{{"get", "apps", "deployments", "scale"}, {"update", "apps", "deployments", "scale"}, {"list", "", "pods", ""}}
	lacking, err := c.Lacking(t.Context(), "shop", rights)
	if err != nil {
		t.Fatal(err)
	}
	if want := "[update deployments/scale of apps list pods]"; fmt.Sprint(lacking) != want {
		t.Errorf("got %v, want %s", lacking, want)
	}
	if lacking, _ := c.Lacking(t.Context(), "bank", rights); len(lacking) != 3 {
		t.Errorf("in another namespace: got %v", lacking)
	}
}

func TestWhoSizesThePods(t *testing.T) {
	ref := Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web"}
	if _, err := inMemory(t, fake.NewClientset(), nil, "").Sizers(t.Context(), ref); !errors.Is(err, ErrNoKind) {
		t.Errorf("not installed: got %v", err)
	}
	vpa := func(name, target, spec string) string {
		return fmt.Sprintf("---\napiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {namespace: shop, name: %s}\nspec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: %s}%s}\n", name, target, spec)
	}
	c := inMemory(t, fake.NewClientset(), map[schema.GroupVersionResource]string{sizers: "VerticalPodAutoscaler"}, vpa("a", "web", "")+
		vpa("b", "web", ", updatePolicy: {updateMode: 'Off'}")+
		vpa("c", "web", ", updatePolicy: {updateMode: Recreate}, resourcePolicy: {containerPolicies: [{containerName: app, controlledResources: [memory]}, {containerName: '*', mode: 'Off'}]}")+
		vpa("d", "api", ""))
	got, err := c.Sizers(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	want := []Sizer{
		{"shop", "a", "Auto", []string{"cpu", "memory"}},
		{"shop", "b", "Off", []string{"cpu", "memory"}},
		{"shop", "c", "Recreate", []string{"memory"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !got[0].Acts() || got[1].Acts() {
		t.Error("Auto acts, Off does not")
	}
}
