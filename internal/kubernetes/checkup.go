package kubernetes

import (
	"context"
	"fmt"
	"slices"

	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
)

// Version is that of the API server: "v1.36.3".
func (c *Cluster) Version(ctx context.Context) (string, error) {
	server := discovery.ToServerVersionInterfaceWithContext(c.typed.Discovery())
	info, err := ask(ctx, func(ctx context.Context) (*version.Info, error) { return server.ServerVersionWithContext(ctx) })
	if err != nil {
		return "", err
	}
	return info.GitVersion, nil
}

// Right is something that one may do to objects of a namespace.
type Right struct{ Verb, Group, Resource, Subresource string }

// String is "update deployments/scale of apps".
func (r Right) String() string {
	what := r.Resource
	if r.Subresource != "" {
		what += "/" + r.Subresource
	}
	if r.Group != "" {
		what += " of " + r.Group
	}
	return r.Verb + " " + what
}

// Changes reports whether it is a right to change something.
func (r Right) Changes() bool { return r.Verb == "update" || r.Verb == "patch" }

// Lacking are those of the rights that we have not got in a namespace, in their
// order.
func (c *Cluster) Lacking(ctx context.Context, namespace string, rights []Right) ([]Right, error) {
	var lacking []Right
	for _, r := range rights {
		review := &authorization.SelfSubjectAccessReview{Spec: authorization.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorization.ResourceAttributes{Namespace: namespace, Verb: r.Verb, Group: r.Group, Resource: r.Resource, Subresource: r.Subresource},
		}}
		answer, err := ask(ctx, func(ctx context.Context) (*authorization.SelfSubjectAccessReview, error) {
			return c.typed.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		})
		if err != nil {
			return nil, fmt.Errorf("whether one may %s in namespace %s: %w", r, namespace, err)
		}
		if !answer.Status.Allowed {
			lacking = append(lacking, r)
		}
	}
	return lacking, nil
}

// User is who the API server takes us for; "" where it does not say.
func (c *Cluster) User(ctx context.Context) string {
	answer, err := ask(ctx, func(ctx context.Context) (*authentication.SelfSubjectReview, error) {
		return c.typed.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authentication.SelfSubjectReview{}, metav1.CreateOptions{})
	})
	if err != nil {
		return ""
	}
	return answer.Status.UserInfo.Username
}

// Of VerticalPodAutoscalers.
const (
	vpaVersion = "autoscaling.k8s.io/v1"
	vpaKind    = "VerticalPodAutoscaler"
)

// Sizer is a VerticalPodAutoscaler.
type Sizer struct {
	Namespace, Name string
	// Mode is its updateMode: Off, where it only recommends, Initial, Recreate,
	// InPlaceOrRecreate or Auto.
	Mode string
	// Resources are those that it sizes of some container.
	Resources []string
}

func (s Sizer) String() string { return vpaKind + " " + s.Namespace + "/" + s.Name }

// Acts reports whether it changes what pods request.
func (s Sizer) Acts() bool { return s.Mode != "Off" }

// Sizers are those who size the pods of an object, or [ErrNoKind] where none can
// be installed.
func (c *Cluster) Sizers(ctx context.Context, ref Ref) ([]Sizer, error) {
	resource, err := c.Resource(ctx, vpaVersion, vpaKind)
	if err != nil {
		return nil, err
	}
	list, err := ask(ctx, func(ctx context.Context) (*unstructured.UnstructuredList, error) {
		return c.dynamic.Resource(resource).Namespace(ref.Namespace).List(ctx, metav1.ListOptions{})
	})
	if err != nil {
		return nil, fmt.Errorf("who sizes the pods of %s: %ss: %w", ref, vpaKind, err)
	}
	var all []Sizer
	for i := range list.Items {
		spec := fields{list.Items[i].Object}.under("spec")
		if to := spec.under("targetRef"); ref.is(to.text("apiVersion"), to.text("kind"), to.text("name")) {
			all = append(all, sizerOf(&list.Items[i], spec))
		}
	}
	return all, nil
}

func sizerOf(o *unstructured.Unstructured, spec fields) Sizer {
	s := Sizer{Namespace: o.GetNamespace(), Name: o.GetName(), Mode: spec.under("updatePolicy").text("updateMode")}
	if s.Mode == "" {
		s.Mode = "Auto" // what it is where nothing is said
	}
	policies, _ := spec.under("resourcePolicy").values["containerPolicies"].([]any)
	for _, item := range policies {
		values, _ := item.(map[string]any)
		policy := fields{values}
		if policy.text("mode") != "Off" {
			s.Resources = append(s.Resources, controlled(policy)...)
		}
	}
	if len(policies) == 0 {
		s.Resources = []string{CPU, Memory}
	}
	slices.Sort(s.Resources)
	s.Resources = slices.Compact(s.Resources)
	return s
}

// controlled are the resources that a policy of a container is of: both where it
// does not say.
func controlled(policy fields) []string {
	stated, _ := policy.values["controlledResources"].([]any)
	if stated == nil {
		return []string{CPU, Memory}
	}
	var all []string
	for _, item := range stated {
		if name, ok := item.(string); ok {
			all = append(all, name)
		}
	}
	return all
}
