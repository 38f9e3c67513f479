package imported

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	autoscaling "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// VPA is what is read of a VerticalPodAutoscaler (autoscaling.k8s.io/v1).
type VPA struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		TargetRef    autoscaling.CrossVersionObjectReference `json:"targetRef"`
		UpdatePolicy struct {
			UpdateMode  string `json:"updateMode"`
			MinReplicas *int32 `json:"minReplicas"`
		} `json:"updatePolicy"`
		ResourcePolicy struct {
			ContainerPolicies []containerPolicy `json:"containerPolicies"`
		} `json:"resourcePolicy"`
	} `json:"spec"`
}

// containerPolicy bounds what one container, or * for all, is given.
type containerPolicy struct {
	ContainerName       string                       `json:"containerName"`
	Mode                string                       `json:"mode"`
	MinAllowed          map[string]resource.Quantity `json:"minAllowed"`
	MaxAllowed          map[string]resource.Quantity `json:"maxAllowed"`
	ControlledResources []string                     `json:"controlledResources"`
	ControlledValues    string                       `json:"controlledValues"`
}

// OfVPA is a document for the object whose pods a VerticalPodAutoscaler sizes.
// It sizes nothing: what it would need to is in comments.
func OfVPA(v *VPA, o Options) (string, error) {
	if v.Spec.TargetRef.Name == "" {
		return "", fmt.Errorf("%s %s/%s: spec.targetRef: is missing", VPAKind, v.Namespace, v.Name)
	}
	t := &text{}
	t.remark(0, "Made of %s %s by flyball import vpa.", VPAKind, strings.TrimPrefix(v.Namespace+"/"+v.Name, "/"))
	t.remark(0, "NOT TAKEN OVER: how large pods are. Flyball sets how many there are; the VerticalPodAutoscaler goes on.")
	t.remark(0, "What it says:")
	for _, said := range v.said() {
		t.remark(0, "  %s", said)
	}
	t.remark(0, "Not both on the same resource: what makes pods larger makes their utilization smaller, and this document's")
	t.remark(0, "default decides on CPU. Name another signal below policy where the VerticalPodAutoscaler changes the CPU.")
	t.head(v.Name, v.Namespace, v.Spec.TargetRef, o)
	t.line(1, "replicas: {min: 1, max: 10} # EDIT: a VerticalPodAutoscaler knows no limits of the count")
	return t.String(), nil
}

// said is what it says, in its words.
func (v *VPA) said() []string {
	update := v.Spec.UpdatePolicy
	mode := update.UpdateMode
	if mode == "" {
		mode = "Recreate (the default)"
	}
	all := []string{"updateMode: " + mode}
	if update.MinReplicas != nil {
		all = append(all, fmt.Sprintf("minReplicas: %d (pods are left alone while there are fewer)", *update.MinReplicas))
	}
	for _, p := range v.Spec.ResourcePolicy.ContainerPolicies {
		parts := []string{}
		for _, part := range []struct{ name, value string }{
			{"mode", p.Mode}, {"minAllowed", amounts(p.MinAllowed)}, {"maxAllowed", amounts(p.MaxAllowed)},
			{"controlledResources", strings.Join(p.ControlledResources, " ")}, {"controlledValues", p.ControlledValues},
		} {
			if part.value != "" {
				parts = append(parts, part.name+" "+part.value)
			}
		}
		all = append(all, fmt.Sprintf("container %s: %s", p.ContainerName, strings.Join(parts, ", ")))
	}
	return all
}

func amounts(of map[string]resource.Quantity) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		amount := of[name]
		all = append(all, name+" "+amount.String())
	}
	return strings.Join(all, " ")
}
