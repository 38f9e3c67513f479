package kubernetes

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/flyball-io/flyball/scale"
)

// Labels and annotations of pods that say what matters here.
const (
	deletionCost = core.PodDeletionCost
	templateHash = "pod-template-hash"        // of a Deployment's
	revisionHash = "controller-revision-hash" // of a StatefulSet's
)

// podOf is a pod as targets see it.
func podOf(p *core.Pod) Pod {
	pod := Pod{Namespace: p.Namespace, Name: p.Name, UID: string(p.UID), IP: p.Status.PodIP, Node: p.Spec.NodeName,
		CreatedAt: p.CreationTimestamp.Time, Containers: containersOf(p), Waiting: waiting(p)}
	pod.Revision = p.Labels[templateHash] + p.Labels[revisionHash]
	pod.DeletionCost, _ = strconv.Atoi(p.Annotations[deletionCost])
	if p.Status.StartTime != nil {
		pod.StartedAt = p.Status.StartTime.Time
	}
	if p.DeletionTimestamp != nil { // that is when it ends at the latest
		pod.DeletedAt = p.DeletionTimestamp.Add(-time.Duration(deref(p.DeletionGracePeriodSeconds)) * time.Second)
	}
	for i := range p.Status.ContainerStatuses {
		pod.Restarts += int(p.Status.ContainerStatuses[i].RestartCount)
	}
	for _, c := range p.Status.Conditions {
		switch {
		case c.Type == core.PodReady:
			pod.Readiness = scale.Readiness{Known: c.Status != core.ConditionUnknown, Ready: c.Status == core.ConditionTrue, Since: c.LastTransitionTime.Time}
		case c.Type == core.PodScheduled && c.Status == core.ConditionFalse:
			pod.Unplaced = c.Message
			if pod.Unplaced == "" {
				pod.Unplaced = c.Reason
			}
		}
	}
	pod.Phase = phaseOf(p.Status.Phase)
	return pod
}

func deref(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// phaseOf is a phase in the words of targets. One that is unknown, because
// nobody hears of its node, runs as far as anybody knows; it is not ready.
func phaseOf(p core.PodPhase) scale.Phase {
	switch p {
	case core.PodRunning, core.PodUnknown:
		return scale.Running
	case core.PodSucceeded:
		return scale.Succeeded
	case core.PodFailed:
		return scale.Failed
	default:
		return scale.Pending
	}
}

// containersOf is what a pod requests: of each container, of init containers
// that go on beside them, and where the pod as a whole says what it requests, of
// one without a name that stands for it (calculateRequests of the HPA).
func containersOf(p *core.Pod) []scale.Container {
	all := make([]scale.Container, 0, len(p.Spec.Containers)+1)
	for i := range p.Spec.Containers {
		all = append(all, scale.Container{Name: p.Spec.Containers[i].Name, Requests: amounts(p.Spec.Containers[i].Resources.Requests)})
	}
	for i := range p.Spec.InitContainers {
		if c := &p.Spec.InitContainers[i]; goesOn(c) {
			all = append(all, scale.Container{Name: c.Name, Requests: amounts(c.Resources.Requests)})
		}
	}
	if p.Spec.Resources != nil && len(p.Spec.Resources.Requests) > 0 {
		all = append(all, wholePod(p, all))
	}
	return all
}

// wholePod is what the pod requests as a whole, of each resource: what it says,
// else what its containers say.
func wholePod(p *core.Pod, containers []scale.Container) scale.Container {
	whole := scale.Container{Requests: map[string]int64{}}
	for i := range containers {
		for resource, amount := range containers[i].Requests {
			whole.Requests[resource] += amount
		}
	}
	for resource, amount := range amounts(p.Spec.Resources.Requests) {
		whole.Requests[resource] = amount
	}
	return whole
}

func goesOn(c *core.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == core.ContainerRestartPolicyAlways
}

// amounts are in thousandths of the unit.
func amounts(list core.ResourceList) map[string]int64 {
	if len(list) == 0 {
		return nil
	}
	all := make(map[string]int64, len(list))
	for resource, quantity := range list {
		all[string(resource)] = quantity.MilliValue()
	}
	return all
}

// waiting is why containers do not run, but for those that are about to.
func waiting(p *core.Pod) []Trouble {
	var all []Trouble
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		w := s.State.Waiting
		if w == nil || w.Reason == "" || w.Reason == "ContainerCreating" || w.Reason == "PodInitializing" {
			continue
		}
		t := Trouble{Container: s.Name, Reason: w.Reason, Message: w.Message}
		if end := s.LastTerminationState.Terminated; end != nil {
			t.Message = fmt.Sprintf("it ended with code %d (%s)", end.ExitCode, end.Reason)
			if end.Message != "" {
				t.Message += ": " + end.Message
			}
		}
		all = append(all, t)
	}
	return all
}

// trimPod keeps what is read of a pod: of a thousand of them, a tenth of the
// memory.
func trimPod(object any) any {
	p, ok := object.(*core.Pod)
	if !ok {
		return object
	}
	kept := &core.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: p.Namespace, Name: p.Name, UID: p.UID, ResourceVersion: p.ResourceVersion, Labels: p.Labels,
		CreationTimestamp: p.CreationTimestamp, DeletionTimestamp: p.DeletionTimestamp, DeletionGracePeriodSeconds: p.DeletionGracePeriodSeconds,
	}}
	if owner := metav1.GetControllerOfNoCopy(p); owner != nil {
		kept.OwnerReferences = []metav1.OwnerReference{*owner}
	}
	if cost, set := p.Annotations[deletionCost]; set {
		kept.Annotations = map[string]string{deletionCost: cost}
	}
	kept.Spec.NodeName, kept.Spec.Resources = p.Spec.NodeName, p.Spec.Resources
	kept.Spec.Containers, kept.Spec.InitContainers = trimContainers(p.Spec.Containers), trimContainers(p.Spec.InitContainers)
	kept.Status = core.PodStatus{Phase: p.Status.Phase, Conditions: p.Status.Conditions, PodIP: p.Status.PodIP, StartTime: p.Status.StartTime,
		ContainerStatuses: trimStatuses(p.Status.ContainerStatuses), InitContainerStatuses: trimStatuses(p.Status.InitContainerStatuses)}
	return kept
}

func trimContainers(all []core.Container) []core.Container {
	kept := make([]core.Container, len(all))
	for i := range all {
		kept[i] = core.Container{Name: all[i].Name, RestartPolicy: all[i].RestartPolicy, Resources: core.ResourceRequirements{Requests: all[i].Resources.Requests}}
	}
	return kept
}

func trimStatuses(all []core.ContainerStatus) []core.ContainerStatus {
	kept := make([]core.ContainerStatus, len(all))
	for i := range all {
		kept[i] = core.ContainerStatus{Name: all[i].Name, State: all[i].State, LastTerminationState: all[i].LastTerminationState, RestartCount: all[i].RestartCount}
	}
	return kept
}
