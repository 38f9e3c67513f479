package kubernetes

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	autoscaling "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func hpaOf(namespace, name string, least *int32) *autoscaling.HorizontalPodAutoscaler {
	return &autoscaling.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: autoscaling.HorizontalPodAutoscalerSpec{MinReplicas: least, MaxReplicas: 9,
			ScaleTargetRef: autoscaling.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name}},
	}
}

// What rests on behalf of whomever is found without knowing their documents, and
// what nobody has taken over is not.
func TestWhatIsTakenOverIsFound(t *testing.T) {
	two := int32(2)
	web, api, broken, own := hpaOf("shop", "web", &two), hpaOf("bank", "api", nil), hpaOf("shop", "broken", nil), hpaOf("shop", "own", nil)
	suspend(web, "web")
	suspend(api, "bank.api")
	suspend(broken, "web")
	broken.Annotations[TakenOverAnnotation] = "{"
	client := fake.NewClientset(web, api, broken, own)
	c := inMemory(t, client, map[schema.GroupVersionResource]string{scaledObjects: "ScaledObject"}, `
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {namespace: shop, name: mail, annotations: {flyball.io/taken-over: '{"by":"mail"}', autoscaling.keda.sh/paused: "true"}}
spec: {scaleTargetRef: {kind: StatefulSet, name: mailer}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {namespace: shop, name: own, annotations: {autoscaling.keda.sh/paused: "true"}}
spec: {scaleTargetRef: {name: own}}
`)
	deployment := func(namespace, name string) Ref {
		return Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: namespace, Name: name}
	}
	ofBank := TakenOver{Rival: Rival{HPA, "bank", "api", true, "bank.api"}, Of: deployment("bank", "api"), Min: 1, Max: 9}
	ofShop := []TakenOver{
		{Rival: Rival{HPA, "shop", "broken", true, ""}, Of: deployment("shop", "broken"), Min: 1, Damaged: true},
		{Rival: Rival{HPA, "shop", "web", true, "web"}, Of: deployment("shop", "web"), Min: 2, Max: 9},
	}
	mail := []TakenOver{{Rival: Rival{ScaledObject, "shop", "mail", true, "mail"}, Of: Ref{"apps/v1", "StatefulSet", "shop", "mailer"}}}
	for _, tc := range []struct {
		kind      RivalKind
		namespace string
		want      []TakenOver
	}{
		{HPA, "", append([]TakenOver{ofBank}, ofShop...)}, {HPA, "shop", ofShop}, {HPA, "none", nil},
		{ScaledObject, "", mail}, {ScaledObject, "shop", mail}, {ScaledObject, "bank", nil},
	} {
		got, err := c.AllTakenOver(t.Context(), tc.kind, tc.namespace)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s in namespace %q (-want +got):\n%s", tc.kind, tc.namespace, diff)
		}
	}
}

// Who may not list a kind is told which right is lacking.
func TestARightThatIsLackingToSeeWhatIsTakenOverIsNamed(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("list", "horizontalpodautoscalers", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Group: "autoscaling", Resource: "horizontalpodautoscalers"}, "", errors.New("nobody said so"))
	})
	c := inMemory(t, client, nil, "")
	for namespace, where := range map[string]string{"": "in all namespaces", "shop": "in namespace shop"} {
		_, err := c.AllTakenOver(t.Context(), HPA, namespace)
		if want := "the right to list horizontalpodautoscalers of autoscaling " + where + " is lacking"; !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
