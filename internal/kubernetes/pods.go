package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// Pods describes the pods of an object, by name. Pods of another one that its
// selector selects too are not its own (the HPA counts them), where its kind
// lets that be told.
func (c *Cluster) Pods(ctx context.Context, w Workload) ([]Pod, error) {
	found, err := c.selected(ctx, w.Ref.Namespace, w.Selector)
	if err != nil {
		return nil, fmt.Errorf("pods of %s: %w", w.Ref, err)
	}
	all := make([]Pod, 0, len(found))
	for _, p := range found {
		if w.owns(p) {
			all = append(all, podOf(p))
		}
	}
	slices.SortFunc(all, func(a, b Pod) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// owns reports whether a pod that is selected is the object's own. The name of
// a Deployment's ReplicaSet is made of its own and of what its pods are
// labelled with; of kinds whose ways are not known every pod is their own.
func (w *Workload) owns(p *core.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(p)
	switch w.Ref.groupKind().String() {
	case "Deployment.apps":
		return owner != nil && owner.Kind == "ReplicaSet" && owner.Name == w.Ref.Name+"-"+p.Labels[templateHash]
	case "StatefulSet.apps", "ReplicaSet.apps", "ReplicationController":
		return owner != nil && string(owner.UID) == w.UID
	default:
		return true
	}
}

// selected are the pods that are selected: as they were told, or asked for.
func (c *Cluster) selected(ctx context.Context, namespace string, selector labels.Selector) ([]*core.Pod, error) {
	if told, alive := c.told(podsResource, namespace); alive {
		return pick(told, namespace, selector)
	}
	list, err := ask(ctx, func(ctx context.Context) (*core.PodList, error) {
		return c.typed.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	})
	if err != nil {
		return nil, err
	}
	all := make([]*core.Pod, len(list.Items))
	for i := range list.Items {
		all[i] = &list.Items[i]
	}
	return all, nil
}

// byLabel finds pods by one of their labels, so that a target looks at its own
// and not at all there are.
const byLabel = "label"

func labelKey(namespace, key, value string) string { return namespace + "\x00" + key + "\x00" + value }

func labelKeys(object any) ([]string, error) {
	p, ok := object.(*core.Pod)
	if !ok {
		return nil, fmt.Errorf("pods: got %T", object)
	}
	keys := make([]string, 0, len(p.Labels)+1)
	for key, value := range p.Labels {
		keys = append(keys, labelKey(p.Namespace, key, value))
	}
	return append(keys, labelKey(p.Namespace, "", "")), nil
}

// pick looks through the pods with the rarest of the labels that a selector
// requires.
func pick(told cache.Indexer, namespace string, selector labels.Selector) ([]*core.Pod, error) {
	var fewest []any
	requirements, _ := selector.Requirements()
	for _, r := range requirements {
		if r.Operator() != selection.Equals && r.Operator() != selection.DoubleEquals && r.Operator() != selection.In || r.Values().Len() != 1 {
			continue
		}
		found, err := told.ByIndex(byLabel, labelKey(namespace, r.Key(), r.Values().UnsortedList()[0]))
		if err != nil {
			return nil, err
		}
		if fewest == nil || len(found) < len(fewest) {
			fewest = append(make([]any, 0, len(found)), found...)
		}
	}
	if fewest == nil {
		found, err := told.ByIndex(byLabel, labelKey(namespace, "", ""))
		if err != nil {
			return nil, err
		}
		fewest = found
	}
	var all []*core.Pod
	for _, object := range fewest {
		if p := object.(*core.Pod); selector.Matches(labels.Set(p.Labels)) {
			all = append(all, p)
		}
	}
	return all, nil
}

// SetDeletionCost says which pod of a ReplicaSet is to go first.
func (c *Cluster) SetDeletionCost(ctx context.Context, p Pod, cost int) error {
	var value any = strconv.Itoa(cost)
	if cost == 0 {
		value = nil // takes the annotation away
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": p.UID, "annotations": map[string]any{deletionCost: value}}})
	if err != nil {
		return err
	}
	_, err = ask(ctx, func(ctx context.Context) (*core.Pod, error) {
		return c.typed.CoreV1().Pods(p.Namespace).Patch(ctx, p.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
	})
	if err != nil {
		return fmt.Errorf("set deletion cost of pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	return nil
}
