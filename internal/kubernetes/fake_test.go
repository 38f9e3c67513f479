package kubernetes

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery/cached/memory"
	discoveryfake "k8s.io/client-go/discovery/fake"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/restmapper"
)

// kinds of others that a cluster may know.
var (
	scaledObjects = schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledobjects"}
	sizers        = schema.GroupVersionResource{Group: "autoscaling.k8s.io", Version: "v1", Resource: "verticalpodautoscalers"}
)

// inMemory is a cluster of objects: those of its own kinds, and of kinds that
// are installed, in YAML.
func inMemory(t *testing.T, client *fake.Clientset, installed map[schema.GroupVersionResource]string, manifests string) *Cluster {
	t.Helper()
	known, lists := client.Discovery().(*discoveryfake.FakeDiscovery), map[schema.GroupVersionResource]string{}
	// What it has of its own; a cluster that knows nothing at all is asked again.
	known.Resources = append(known.Resources, &metav1.APIResourceList{GroupVersion: "v1", APIResources: []metav1.APIResource{{Name: "pods", Kind: "Pod", Namespaced: true}}})
	for resource, kind := range installed {
		lists[resource] = kind + "List"
		known.Resources = append(known.Resources, &metav1.APIResourceList{GroupVersion: resource.GroupVersion().String(),
			APIResources: []metav1.APIResource{{Name: resource.Resource, Kind: kind, Namespaced: true}}})
	}
	all, err := Objects([]byte(manifests))
	if err != nil {
		t.Fatal(err)
	}
	dynamic := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists)
	for _, o := range all {
		for resource, kind := range installed {
			if kind != o.GetKind() {
				continue
			}
			if err := dynamic.Tracker().Create(resource, o, o.GetNamespace()); err != nil {
				t.Fatal(err)
			}
		}
	}
	discovery := memory.NewMemCacheClient(known)
	return &Cluster{typed: client, dynamic: dynamic, discovery: discovery, mapper: restmapper.NewDeferredDiscoveryRESTMapper(discovery)}
}
