package hpadiff

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/scale"
	"github.com/go-logr/logr"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	featuretest "k8s.io/component-base/featuregate/testing"
	"k8s.io/klog/v2"
	defaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	"k8s.io/kubernetes/pkg/features"
)

const trajectories, syncs = 2_200, 50

// Each trajectory lets upstream's controller and Flyball's decider see the same
// target change for fifty syncs, and every count and condition must agree.
func TestTrajectoriesAreThoseOfTheController(t *testing.T) {
	quiet()
	seen := tally{}
	run(t, 0, fewer(trajectories), false, seen)
	seen.mustHold(t, "AbleToScale SucceededGetScale", "AbleToScale SucceededRescale", "AbleToScale ReadyForNewScale", "AbleToScale ScaleDownStabilized",
		"AbleToScale ScaleUpStabilized", "AbleToScale FailedGetScale", "AbleToScale FailedUpdateScale",
		"ScalingActive ValidMetricFound", "ScalingActive ScalingDisabled", "ScalingActive FailedGetResourceMetric", "ScalingActive FailedGetContainerResourceMetric",
		"ScalingActive FailedGetPodsMetric", "ScalingActive FailedGetObjectMetric", "ScalingActive FailedGetExternalMetric",
		"ScalingLimited DesiredWithinRange", "ScalingLimited ScaleUpLimit", "ScalingLimited ScaleDownLimit", "ScalingLimited TooManyReplicas", "ScalingLimited TooFewReplicas")
}

// The same with the feature HPAScaleToZero and no replica as the minimum.
func TestTrajectoriesThatScaleToZero(t *testing.T) {
	quiet()
	featuretest.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, features.HPAScaleToZero, true)
	seen := tally{}
	run(t, 1_000_000, fewer(trajectories/5), true, seen)
	seen.mustHold(t, "ScaledToZero ScaledToZero", "ScaledToZero NotScaledToZero", "from zero", "ScalingActive ScalingDisabled")
}

// quiet keeps upstream's logs from the output, and its pauses after errors from
// the clock.
func quiet() {
	klog.SetLogger(logr.Discard())
	utilruntime.ErrorHandlers = nil
}

// fewer is for trying something out: -short runs a tenth.
func fewer(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

type tally map[string]int

// mustHold fails unless the generator has led to everything that is named.
func (s tally) mustHold(t *testing.T, all ...string) {
	t.Helper()
	if testing.Short() {
		return
	}
	for _, what := range all {
		if s[what] < 50 {
			t.Errorf("%s: seen %d times, the generator is too narrow", what, s[what])
		}
	}
}

func run(t *testing.T, first uint64, count int, toZero bool, seen tally) {
	for seed := first; seed < first+uint64(count); seed++ {
		why := ""
		synctest.Test(t, func(t *testing.T) { why = roll(seed).trajectory(t, toZero, seen) })
		if why == "" {
			continue
		}
		if seen["differences"]++; seen["differences"] <= 5 {
			t.Errorf("trajectory %d: %s", seed, why)
		}
	}
	t.Logf("%d trajectories of %d syncs, %d differences: %v", count, syncs, seen["differences"], seen)
}

// setup is one autoscaler with its controller's flags.
type setup struct {
	flags
	min, max int32
	metrics  []metric
	toZero   bool
	behavior *autoscalingv2.HorizontalPodAutoscalerBehavior // as the user writes it
	ours     guard.BehaviorConfig
}

func (d dice) setup(toZero bool) setup {
	s := setup{toZero: toZero, flags: flags{
		sync: pick[time.Duration](d, 5, 15, 15, 30) * time.Second, window: pick[time.Duration](d, 0, 30, 60, 300) * time.Second,
		initial: pick[time.Duration](d, 0, 2, 5) * time.Minute, delay: pick[time.Duration](d, 0, 10, 30) * time.Second, tolerance: d.tolerance()}}
	s.min = pick[int32](d, 1, 1, 2, 5)
	if toZero {
		s.min = pick[int32](d, 0, 0, 0, 1)
	}
	s.max = s.min + int32(pick(d, 0, 3, 8, 20, 100))
	s.max = max(1, s.max)
	for i := range 1 + d.IntN(3) {
		s.metrics = append(s.metrics, d.metric(i))
	}
	if !d.one(3) {
		s.behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{}
		s.behavior.ScaleUp, s.ours.ScaleUp = d.rules()
		s.behavior.ScaleDown, s.ours.ScaleDown = d.rules()
	}
	return s
}

// rules draws what a user may write for a direction, for both sides.
func (d dice) rules() (*autoscalingv2.HPAScalingRules, *guard.RulesConfig) {
	if d.one(4) {
		return nil, nil
	}
	theirs, ours := &autoscalingv2.HPAScalingRules{}, &guard.RulesConfig{}
	if d.one(2) {
		window := pick(d, 0, 15, 30, 60, 300)
		theirs.StabilizationWindowSeconds, ours.StabilizationWindowSeconds = new(int32(window)), &window
	}
	if d.one(3) {
		which := pick(d, "Max", "Min", "Min", "Disabled")
		theirs.SelectPolicy, ours.SelectPolicy = new(autoscalingv2.ScalingPolicySelect(which)), &which
	}
	if d.one(3) {
		thousandths := int64(d.IntN(300))
		theirs.Tolerance, ours.Tolerance = resource.NewMilliQuantity(thousandths, resource.DecimalSI), new(float64(thousandths)/1000)
	}
	for d.one(2) {
		kind, value, period := pick(d, "Pods", "Percent"), pick(d, 1, 2, 4, 10, 25, 50, 100, 300), pick(d, 5, 15, 30, 60, 180, 600, 1800)
		theirs.Policies = append(theirs.Policies, autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.HPAScalingPolicyType(kind), Value: int32(value), PeriodSeconds: int32(period)})
		ours.Policies = append(ours.Policies, guard.RateConfig{Type: kind, Value: value, PeriodSeconds: period})
	}
	return theirs, ours
}

// object is the autoscaler as the API server keeps it, with upstream's
// defaults filled in.
func (s *setup) object() *autoscalingv2.HorizontalPodAutoscaler {
	o := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: target, Namespace: namespace}}
	o.Spec = autoscalingv2.HorizontalPodAutoscalerSpec{MinReplicas: &s.min, MaxReplicas: s.max, Behavior: s.behavior,
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: target}}
	for i := range s.metrics {
		o.Spec.Metrics = append(o.Spec.Metrics, s.metrics[i].theirs())
	}
	defaults.SetDefaults_HorizontalPodAutoscaler(o)
	return o
}

// decider is the same autoscaler of Flyball's parts, with Flyball's defaults
// filled in.
func (s *setup) decider() (*decide.Decider, guard.HPA, error) {
	cfg := hpa.Default()
	cfg.Tolerance, cfg.CPUInitializationPeriod, cfg.InitialReadinessDelay = s.tolerance, scale.Duration(s.initial), scale.Duration(s.delay)
	rules := guard.HPA{StabilizationWindow: scale.Duration(s.window), Min: int(s.min), Max: int(s.max)}
	for i := range s.metrics {
		m := &s.metrics[i]
		cfg.Metrics = append(cfg.Metrics, m.ours())
		rules.FromZero = rules.FromZero || s.toZero && (m.kind == "Object" || m.kind == "External")
	}
	var env policy.Env
	if s.behavior != nil {
		base := guard.HPADefaults()
		base.Down.StabilizationWindow = scale.Duration(s.window)
		rules.Behavior = new(s.ours.Over(base))
		env.ScaleUpTolerance, env.ScaleDownTolerance = rules.Behavior.Up.Tolerance, rules.Behavior.Down.Tolerance
	}
	p, err := hpa.New(cfg, env)
	if err != nil {
		return nil, rules, err
	}
	return decide.New("hpa", p, rules.Guards()...), rules, cfg.Validate()
}

// trajectory plays one and says where the two differ first.
func (d dice) trajectory(t *testing.T, toZero bool, seen tally) string {
	s := d.setup(toZero)
	decider, rules, err := s.decider()
	if err != nil {
		return err.Error()
	}
	c := &cluster{hpa: s.object()}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { c.start(ctx, s.flags) })

	spec, load := s.min+int32(d.IntN(4)), d.load()
	if d.one(10) {
		spec = s.max + 3
	}
	for i := range syncs {
		if d.one(4) {
			load = d.load()
		}
		if d.one(12) { // somebody sets it by hand
			spec = pick(d, 0, s.min, s.max, s.max+2, max(0, s.min-1))
		} else if spec == 0 && d.one(3) {
			spec = s.min + 1
		}
		at := time.Now().Add(s.sync)
		c.world = d.world(at, spec, s.metrics, load)
		c.unreadable, c.stuck = d.one(40), d.one(40)
		time.Sleep(s.sync)
		synctest.Wait()
		if !c.synced.Equal(at) {
			return fmt.Sprintf("sync %d: upstream looked at %v, want %v", i, c.synced, at)
		}
		if why := c.compare(decider, rules, spec, s.metrics, seen); why != "" {
			return fmt.Sprintf("sync %d, load %v, %d replicas of %d..%d, flags %+v, behavior %+v:\n%s", i, load, spec, s.min, s.max, s.flags, rules.Behavior, why)
		}
		spec = c.world.spec
	}
	return ""
}

// compare decides as upstream just has, from the same count, and carries it
// out if upstream could.
func (c *cluster) compare(decider *decide.Decider, rules guard.HPA, spec int32, metrics []metric, seen tally) string {
	for _, condition := range c.hpa.Status.Conditions {
		seen[string(condition.Type)+" "+condition.Reason]++
	}
	if c.unreadable {
		return "" // without a count there is no observation to decide on
	}
	after := c.world.spec
	c.world.spec = spec
	obs := c.world.observation(metrics)
	c.world.spec = after
	decision := decider.Decide(obs)
	if decision.DesiredReplicas != int(c.wanted) {
		return fmt.Sprintf("we decide %d, upstream %d\n%s\nupstream: %s", decision.DesiredReplicas, c.wanted, trail(&decision), c.conditions())
	}
	if decision.Changes() && !c.stuck {
		if spec == 0 {
			seen["from zero"]++
		}
		decider.Applied(obs.At, decision.CurrentReplicas, decision.DesiredReplicas)
	}
	for _, ours := range rules.Conditions(&decision) {
		if ours.Reason == "SucceededRescale" && c.stuck {
			ours.Reason, ours.True = "FailedUpdateScale", false
		}
		if theirs := c.condition(ours.Type); theirs.Reason != ours.Reason || (theirs.Status == corev1.ConditionTrue) != ours.True {
			return fmt.Sprintf("both decide %d, we say %+v\n%s\nupstream: %s", c.wanted, ours, trail(&decision), c.conditions())
		}
	}
	return ""
}

func (c *cluster) condition(kind string) autoscalingv2.HorizontalPodAutoscalerCondition {
	for _, condition := range c.hpa.Status.Conditions {
		if string(condition.Type) == kind {
			return condition
		}
	}
	return autoscalingv2.HorizontalPodAutoscalerCondition{}
}

func (c *cluster) conditions() string {
	var all []string
	for _, condition := range c.hpa.Status.Conditions {
		all = append(all, fmt.Sprintf("%s=%s %s", condition.Type, condition.Status, condition.Reason))
	}
	return strings.Join(all, ", ")
}

func trail(d *scale.Decision) string {
	lines := []string{fmt.Sprintf("policy %d: %s", d.Recommendation.Replicas, d.Recommendation.Reason)}
	for i := range d.Recommendation.Proposals {
		p := &d.Recommendation.Proposals[i]
		lines = append(lines, fmt.Sprintf("  %s %d missing %v: %s", p.Signal, p.Replicas, p.Missing, p.Reason))
	}
	for _, s := range d.Steps {
		lines = append(lines, fmt.Sprintf("%s %d→%d %s", s.Guard, s.From, s.To, s.Reason))
	}
	return strings.Join(lines, "\n")
}
