package kubernetes

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

var (
	roles       = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
)

const anOperator = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: operator, namespace: system, uid: role}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: operator, namespace: system, uid: first}
`

// deletion takes an operator away whose Deployment goes as lingers says,
// which returns what is found of it some time after it was told to go. The
// answers are what was told, and how long it took.
func deletion(t *testing.T, lingers func(after time.Duration) (*unstructured.Unstructured, error)) (said []string, took time.Duration, err error) {
	t.Helper()
	c := inMemory(t, fake.NewClientset(), map[schema.GroupVersionResource]string{roles: "Role", deployments: "Deployment"}, anOperator)
	all, err := Objects([]byte(anOperator))
	if err != nil {
		t.Fatal(err)
	}
	var told time.Time // to go
	cluster := c.dynamic.(*dynamicfake.FakeDynamicClient)
	cluster.PrependReactor("delete", "deployments", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if p := a.(clienttesting.DeleteActionImpl).DeleteOptions.PropagationPolicy; p == nil || *p != metav1.DeletePropagationForeground {
			t.Errorf("deleted with %v: it would be gone before its pods", p)
		}
		told = time.Now()
		return true, nil, nil
	})
	cluster.PrependReactor("get", "deployments", func(clienttesting.Action) (bool, runtime.Object, error) {
		if told.IsZero() {
			return true, lingering("first"), nil
		}
		o, err := lingers(time.Since(told))
		return true, o, err
	})
	began := time.Now()
	err = c.Delete(t.Context(), all, func(o *unstructured.Unstructured, what string) { said = append(said, o.GetKind()+" "+what) })
	return said, time.Since(began), err
}

// lingering is a Deployment as the cluster has it while its pods end.
func lingering(uid types.UID) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment",
		"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"terminationGracePeriodSeconds": int64(45)}}}}}
	o.SetNamespace("system")
	o.SetName("operator")
	o.SetUID(uid)
	return o
}

// An operator that ends needs its rights and its ServiceAccount to the last: to
// hand back what it has taken over, and to write down what it knows.
func TestRightsOutliveThePodsThatHaveThem(t *testing.T) {
	gone := apierrors.NewNotFound(deployments.GroupResource(), "operator")
	const waits = "Deployment waits for its pods to end, 1m45s at most"
	for _, tc := range []struct {
		name    string
		lingers func(after time.Duration) (*unstructured.Unstructured, error)
		said    []string
		took    time.Duration
	}{
		{"it is gone at once", func(time.Duration) (*unstructured.Unstructured, error) { return nil, gone }, []string{"Deployment deleted", "Role deleted"}, 0},
		{"its pods take a while", func(after time.Duration) (*unstructured.Unstructured, error) {
			if after < 20*time.Second {
				return lingering("first"), nil
			}
			return nil, gone
		}, []string{waits, "Deployment deleted", "Role deleted"}, 20 * time.Second},
		{"the server does not answer for a while", func(after time.Duration) (*unstructured.Unstructured, error) {
			if after < 5*time.Second {
				return nil, apierrors.NewServiceUnavailable("starts")
			}
			return nil, gone
		}, []string{waits, "Deployment deleted", "Role deleted"}, 5 * time.Second},
		{"somebody makes it anew", func(after time.Duration) (*unstructured.Unstructured, error) {
			if after < 3*time.Second {
				return lingering("first"), nil
			}
			return lingering("another"), nil
		}, []string{waits, "Deployment deleted", "Role deleted"}, 3 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				said, took, err := deletion(t, tc.lingers)
				if err != nil || !slices.Equal(said, tc.said) || took != tc.took {
					t.Errorf("got %q after %v, %v; want %q after %v", said, took, err, tc.said, tc.took)
				}
			})
		})
	}
}

// Pods that do not end keep what they need, and are not waited for without end.
func TestPodsThatDoNotEndKeepTheirRights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said, took, err := deletion(t, func(time.Duration) (*unstructured.Unstructured, error) { return lingering("first"), nil })
		if err == nil || !strings.Contains(err.Error(), "Deployment system/operator: its pods have not ended within 1m45s") || took != 105*time.Second {
			t.Errorf("after %v: got %v", took, err)
		}
		if len(said) != 1 || strings.Contains(said[0], "deleted") {
			t.Errorf("said %q, want nothing but that it waits", said)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		refused := apierrors.NewForbidden(deployments.GroupResource(), "operator", errors.New("not yours"))
		said, _, err := deletion(t, func(time.Duration) (*unstructured.Unstructured, error) { return nil, refused })
		if !errors.Is(err, ErrForbidden) || len(said) != 0 {
			t.Errorf("said %q, got %v; want %v", said, err, ErrForbidden)
		}
	})
}
