package vpadiff

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	vpatypes "k8s.io/autoscaler/vertical-pod-autoscaler/pkg/apis/autoscaling.k8s.io/v1"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/config"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/logic"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/routines"

	"github.com/flyball-io/flyball/vertical"
	"github.com/flyball-io/flyball/vertical/verticaltest"
)

const namespace = "shop"

// theirs is the recommender of the Vertical Pod Autoscaler for one object of it:
// its model of the cluster, its estimators with the defaults of its flags, and
// its capping by policy.
type theirs struct {
	cluster model.ClusterState
	object  *vpatypes.VerticalPodAutoscaler
	logic   logic.PodResourceRecommender
	capping routines.RecommendationPostProcessor
	known   map[model.ContainerID]bool
}

func newTheirs(t *testing.T, policies vertical.Containers) *theirs {
	t.Helper()
	c := config.DefaultRecommenderConfig()
	u := &theirs{
		cluster: model.NewClusterState(time.Hour), capping: routines.NewCappingRecommendationProcessor(nil), known: map[model.ContainerID]bool{},
		object: &vpatypes.VerticalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"}},
		logic: logic.CreatePodResourceRecommender(logic.RecommendationConfig{
			SafetyMarginFraction: c.SafetyMarginFraction, PodMinCPUMillicores: c.PodMinCPUMillicores, PodMinMemoryMb: c.PodMinMemoryMb,
			TargetCPUPercentile: c.TargetCPUPercentile, LowerBoundCPUPercentile: c.LowerBoundCPUPercentile, UpperBoundCPUPercentile: c.UpperBoundCPUPercentile,
			TargetMemoryPercentile: c.TargetMemoryPercentile, LowerBoundMemoryPercentile: c.LowerBoundMemoryPercentile, UpperBoundMemoryPercentile: c.UpperBoundMemoryPercentile,
			ConfidenceIntervalCPU: c.ConfidenceIntervalCPU, ConfidenceIntervalMemory: c.ConfidenceIntervalMemory,
		}),
	}
	u.object.Spec.ResourcePolicy = resourcePolicy(policies)
	if err := u.cluster.AddOrUpdateVpa(u.object, labels.SelectorFromSet(podLabels())); err != nil {
		t.Fatal(err)
	}
	return u
}

func podLabels() labels.Set { return labels.Set{"app": "web"} }

func resourcePolicy(policies vertical.Containers) *vpatypes.PodResourcePolicy {
	all := &vpatypes.PodResourcePolicy{}
	for _, p := range policies {
		mode := vpatypes.ContainerScalingModeAuto
		if p.Off {
			mode = vpatypes.ContainerScalingModeOff
		}
		one := vpatypes.ContainerResourcePolicy{ContainerName: p.Name, Mode: &mode, MinAllowed: list(p.Min), MaxAllowed: list(p.Max)}
		if p.Controlled != nil {
			one.ControlledResources = &[]corev1.ResourceName{}
			for _, r := range p.Controlled {
				*one.ControlledResources = append(*one.ControlledResources, corev1.ResourceName(r.String()))
			}
		}
		all.ContainerPolicies = append(all.ContainerPolicies, one)
	}
	return all
}

func list(of [2]vertical.Amount) corev1.ResourceList {
	all := corev1.ResourceList{}
	if of[vertical.CPU] > 0 {
		all[corev1.ResourceCPU] = *resource.NewMilliQuantity(int64(of[vertical.CPU]), resource.DecimalSI)
	}
	if of[vertical.Memory] > 0 {
		all[corev1.ResourceMemory] = *resource.NewQuantity(int64(of[vertical.Memory]), resource.BinarySI)
	}
	return all
}

func (u *theirs) container(replica, container string) model.ContainerID {
	id := model.ContainerID{PodID: model.PodID{Namespace: namespace, PodName: replica}, ContainerName: container}
	if !u.known[id] {
		u.known[id] = true
		u.cluster.AddOrUpdatePod(id.PodID, podLabels(), corev1.PodRunning)
		if err := u.cluster.AddOrUpdateContainer(id, model.Resources{}); err != nil {
			panic(err)
		}
	}
	return id
}

func (u *theirs) add(s vertical.Usage) error {
	sample := model.ContainerUsageSample{MeasureStart: s.Start, Usage: model.ResourceAmount(s.Amount), Resource: model.ResourceName(s.Resource.String())}
	return u.cluster.AddSample(&model.ContainerUsageSampleWithKey{ContainerUsageSample: sample, Container: u.container(s.Replica, s.Container)})
}

func (u *theirs) addOOM(o vertical.OOM) error {
	return u.cluster.RecordOOM(u.container(o.Replica, o.Container), o.At, model.ResourceAmount(o.Requested))
}

func (u *theirs) recommend() []vpatypes.RecommendedContainerResources {
	vpa := u.cluster.VPAs()[model.VpaID{Namespace: namespace, VpaName: "web"}]
	resources := u.logic.GetRecommendedPodResources(routines.GetContainerNameToAggregateStateMap(vpa))
	all := logic.MapToListOfRecommendedContainerResources(resources, logic.RecommendationFormat{RoundCPUMillicores: 1, RoundMemoryBytes: 1})
	return u.capping.Process(u.object, all).ContainerRecommendations
}

// answers are the recommendations after a minute of a series.
func (u *theirs) answers(series string, minute int) []verticaltest.Answer {
	var all []verticaltest.Answer
	for _, of := range u.recommend() {
		for _, r := range vertical.Resources() {
			all = append(all, verticaltest.Answer{Series: series, Minute: minute, Resource: r,
				Target: amount(of.Target, r), Lower: amount(of.LowerBound, r), Upper: amount(of.UpperBound, r)})
		}
	}
	return all
}

func amount(of corev1.ResourceList, r vertical.Resource) vertical.Amount {
	q := of[corev1.ResourceName(r.String())]
	if r == vertical.CPU {
		return vertical.Amount(q.MilliValue())
	}
	return vertical.Amount(q.Value())
}
