package kubernetes

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"

	"github.com/flyball-io/flyball/scale"
)

func at(second int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 1, 1, 10, 0, second, 0, time.UTC))
}

func requests(cpu string) core.ResourceList {
	return core.ResourceList{core.ResourceCPU: resource.MustParse(cpu)}
}

// pod is one of a Deployment with everything that matters.
func pod() *core.Pod {
	always, grace, end := core.ContainerRestartPolicyAlways, int64(30), at(50)
	yes := true
	return &core.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web-abc-x1", UID: "u1", CreationTimestamp: at(0),
			Labels:            map[string]string{"app": "web", "pod-template-hash": "abc"},
			Annotations:       map[string]string{core.PodDeletionCost: "-5", "big": "text"},
			DeletionTimestamp: &end, DeletionGracePeriodSeconds: &grace,
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web-abc", UID: "rs1", Controller: &yes}},
		},
		Spec: core.PodSpec{
			NodeName: "n1",
			Containers: []core.Container{
				{Name: "web", Image: "big", Resources: core.ResourceRequirements{Requests: requests("100m")}},
				{Name: "log"},
			},
			InitContainers: []core.Container{
				{Name: "setup", Resources: core.ResourceRequirements{Requests: requests("2")}},
				{Name: "mesh", RestartPolicy: &always, Resources: core.ResourceRequirements{Requests: requests("50m")}},
			},
		},
		Status: core.PodStatus{
			Phase: core.PodRunning, PodIP: "10.0.0.7", StartTime: &metav1.Time{Time: at(1).Time},
			Conditions: []core.PodCondition{{Type: core.PodReady, Status: core.ConditionTrue, LastTransitionTime: at(9)}},
			ContainerStatuses: []core.ContainerStatus{{Name: "web", RestartCount: 2, State: core.ContainerState{Waiting: &core.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off"}},
				LastTerminationState: core.ContainerState{Terminated: &core.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}}},
				{Name: "log", State: core.ContainerState{Waiting: &core.ContainerStateWaiting{Reason: "ContainerCreating"}}}},
		},
	}
}

// A pod in our words, and the same when only what is kept of it is there.
func TestWhatIsReadOfAPod(t *testing.T) {
	want := Pod{
		Namespace: "shop", Name: "web-abc-x1", UID: "u1", IP: "10.0.0.7", Node: "n1", Phase: scale.Running,
		Readiness: scale.Readiness{Known: true, Ready: true, Since: at(9).Time}, CreatedAt: at(0).Time, StartedAt: at(1).Time, DeletedAt: at(20).Time,
		Restarts: 2, Revision: "abc", DeletionCost: -5,
		Containers: []scale.Container{{Name: "web", Requests: map[string]int64{"cpu": 100}}, {Name: "log"}, {Name: "mesh", Requests: map[string]int64{"cpu": 50}}},
		Waiting:    []Trouble{{Container: "web", Reason: "CrashLoopBackOff", Message: "it ended with code 137 (OOMKilled)"}},
	}
	for name, p := range map[string]*core.Pod{"whole": pod(), "trimmed": trimPod(pod()).(*core.Pod)} {
		if diff := cmp.Diff(want, podOf(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if kept := trimPod(pod()).(*core.Pod); kept.Annotations["big"] != "" || kept.Spec.Containers[0].Image != "" {
		t.Error("what nobody reads was kept")
	}
}

// The rules of calculateRequests: what a pod requests as a whole goes before what
// its containers request, which stands in for the rest.
func TestWhatAPodRequestsAsAWhole(t *testing.T) {
	p := pod()
	p.Spec.Containers[1].Resources.Requests = core.ResourceList{core.ResourceMemory: resource.MustParse("1k")}
	p.Spec.Resources = &core.ResourceRequirements{Requests: requests("1")}
	all := podOf(p).Containers
	want := scale.Container{Requests: map[string]int64{"cpu": 1000, "memory": 1000_000}}
	if diff := cmp.Diff(want, all[len(all)-1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Readiness that nobody knows is not that it is not ready: the HPA tells them
// apart.
func TestReadinessOfAPod(t *testing.T) {
	for status, want := range map[core.ConditionStatus]scale.Readiness{
		core.ConditionTrue:    {Known: true, Ready: true, Since: at(9).Time},
		core.ConditionFalse:   {Known: true, Since: at(9).Time},
		core.ConditionUnknown: {Since: at(9).Time},
	} {
		p := pod()
		p.Status.Conditions[0].Status = status
		if got := podOf(p).Readiness; got != want {
			t.Errorf("%s: got %+v, want %+v", status, got, want)
		}
	}
	p := pod()
	p.Spec.NodeName = ""
	p.Status.Conditions = []core.PodCondition{{Type: core.PodScheduled, Status: core.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes"}}
	if got := podOf(p); got.Unplaced != "0/3 nodes" || got.Readiness != (scale.Readiness{}) {
		t.Errorf("got %+v", got)
	}
}

// Whose a pod is: the selector alone would take those of another object too.
func TestWhosePodsAre(t *testing.T) {
	for name, tc := range map[string]struct {
		w    Workload
		owns bool
	}{
		"its Deployment":                  {Workload{Ref: Ref{"apps/v1", "Deployment", "shop", "web"}}, true},
		"a Deployment of a longer name":   {Workload{Ref: Ref{"apps/v1", "Deployment", "shop", "web-abc"}}, false},
		"another Deployment":              {Workload{Ref: Ref{"apps/v1", "Deployment", "shop", "api"}}, false},
		"its ReplicaSet":                  {Workload{Ref: Ref{"apps/v1", "ReplicaSet", "shop", "web-abc"}, UID: "rs1"}, true},
		"a ReplicaSet that was made anew": {Workload{Ref: Ref{"apps/v1", "ReplicaSet", "shop", "web-abc"}, UID: "rs2"}, false},
		"a StatefulSet":                   {Workload{Ref: Ref{"apps/v1", "StatefulSet", "shop", "web"}, UID: "s1"}, false},
		"a kind whose ways nobody knows":  {Workload{Ref: Ref{"argoproj.io/v1alpha1", "Rollout", "shop", "web"}}, true},
	} {
		if got := tc.w.owns(pod()); got != tc.owns {
			t.Errorf("%s: got %v, want %v", name, got, tc.owns)
		}
	}
}

// Of ten thousand pods a target looks at its own, by any selector.
func TestPodsAreFoundByTheirLabels(t *testing.T) {
	told := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{byLabel: labelKeys})
	for _, p := range []struct{ namespace, name, app, tier string }{{"shop", "a", "web", "x"}, {"shop", "b", "web", "y"}, {"shop", "c", "api", "x"}, {"bank", "d", "web", "x"}} {
		if err := told.Add(&core.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: p.name, Labels: map[string]string{"app": p.app, "tier": p.tier}}}); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"app=web": "ab", "app=web,tier=x": "a", "tier=x": "ac", "app in (web,api)": "abc", "app!=web": "c", "app=none": "", "tier": "abc", "app=web,tier notin (x)": "b",
	} {
		selector, err := labels.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		found, err := pick(told, "shop", selector)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, p := range found {
			got[p.Name] = true
		}
		for _, name := range []string{"a", "b", "c", "d"} {
			if wanted := len(want) > 0 && containsName(want, name); got[name] != wanted {
				t.Errorf("%s: pod %s: got %v, want %v", text, name, got[name], wanted)
			}
		}
	}
}

func containsName(names, name string) bool {
	for _, n := range names {
		if string(n) == name {
			return true
		}
	}
	return false
}
