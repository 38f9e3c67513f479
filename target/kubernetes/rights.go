package kubernetes

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flyball-io/flyball/internal/kubernetes"
)

// Place is the object, and how its cluster is reached, without asking it.
func (c Config) Place() (kubernetes.Access, kubernetes.Ref, error) {
	ref, err := c.ref()
	return c.access(), ref, err
}

// Rights are those that scaling takes of an object of a resource, each as it is
// asked for: what docs/kubernetes.md lists. Of KEDA's where that is installed.
func (c Config) Rights(object schema.GroupResource, keda bool) []kubernetes.Right {
	var all []kubernetes.Right
	to := func(group, resource, subresource string, verbs ...string) {
		for _, verb := range verbs {
			all = append(all, kubernetes.Right{Verb: verb, Group: group, Resource: resource, Subresource: subresource})
		}
	}
	to(object.Group, object.Resource, "", "get", "list", "watch")
	to(object.Group, object.Resource, "scale", "get", "update")
	to("", "pods", "", "list", "watch")
	if c.PodDeletionCost {
		to("", "pods", "", "patch")
	}
	rivals := []string{"list", "watch"}
	if c.TakeOver {
		rivals = append(rivals, "get", "update")
	}
	to("autoscaling", "horizontalpodautoscalers", "", rivals...)
	if keda {
		to("keda.sh", "scaledobjects", "", rivals...)
	}
	return all
}
