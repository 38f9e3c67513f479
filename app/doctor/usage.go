package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
)

// usage sees whether what pods use is measured, whether they request that of
// which it is a share, and whether somebody changes what they request.
func (p *patient) usage(ctx context.Context) {
	for i := range p.sites {
		s := &p.sites[i]
		if s.spec == nil {
			p.answers(ctx, s)
			continue
		}
		w, err := s.cluster.Workload(ctx, s.ref)
		if err != nil {
			continue // the check of the target says so
		}
		pods, err := s.cluster.Pods(ctx, w)
		if err != nil {
			continue // likewise
		}
		p.measuredPods(ctx, s, w.Selector, pods)
		p.requested(s, pods)
		p.sized(ctx, s)
	}
}

// howToMeasure is what mends metrics.k8s.io.
const howToMeasure = "install metrics-server, or see why it is away: kubectl describe apiservice v1beta1.metrics.k8s.io"

// answers sees whether metrics.k8s.io does, for whatever is to be scaled later.
func (p *patient) answers(ctx context.Context, s *site) {
	if _, err := s.cluster.Usage(ctx, s.ref.Namespace, labels.Everything()); err != nil {
		p.note("", inOneLine(err), "for policies that decide on cpu or memory: "+howToMeasure)
		return
	}
	p.ok("", "metrics.k8s.io answers")
}

func (p *patient) measuredPods(ctx context.Context, s *site, selector labels.Selector, pods []kubernetes.Pod) {
	samples, err := s.cluster.Usage(ctx, s.ref.Namespace, selector)
	needs := strings.Join(s.needs(), ", ")
	measured := map[string]bool{}
	for _, one := range samples {
		measured[one.Replica] = true
	}
	switch {
	case errors.Is(err, kubernetes.ErrForbidden) && needs != "":
		p.fail(s.name(), fmt.Sprintf("we may not see %s, which the policy decides on", needs), "give the right to list pods of metrics.k8s.io")
	case err != nil && needs != "":
		p.fail(s.name(), fmt.Sprintf("nobody measures %s, which the policy decides on: %s", needs, inOneLine(err)), howToMeasure)
	case err != nil:
		p.note(s.name(), inOneLine(err), "nothing for this document: its policy decides on other signals")
	case len(pods) == 0:
		p.ok(s.name(), "metrics.k8s.io answers; there is no pod to measure yet")
	case len(measured) == 0:
		p.note(s.name(), fmt.Sprintf("metrics.k8s.io answers, and has measured none of %s", scale.Count(len(pods), "pod")), fmt.Sprintf("ask again when they have run for a minute: kubectl top pods -n %s", s.ref.Namespace))
	default:
		p.ok(s.name(), fmt.Sprintf("metrics.k8s.io measures %d of %s", len(measured), scale.Count(len(pods), "pod")))
	}
}

// shares are the resources of whose requests the policy decides on a share.
func (s *site) shares() []string {
	var all []string
	for signal, resource := range map[string]string{scale.CPUUtilization: kubernetes.CPU, scale.MemoryUtilization: kubernetes.Memory} {
		if slices.Contains(s.needs(), signal) {
			all = append(all, resource)
		}
	}
	slices.Sort(all)
	return all
}

// requested names the containers that do not say what they request.
func (p *patient) requested(s *site, pods []kubernetes.Pod) {
	for _, resource := range s.shares() {
		if len(pods) == 0 {
			p.note(s.name(), "there is no pod, so it is not seen what they request", fmt.Sprintf("ask again when some run: %sUtilization is a share of it", resource))
			continue
		}
		var silent []string
		for _, pod := range pods {
			for _, c := range pod.Containers {
				if c.Requests[resource] == 0 && !slices.Contains(silent, c.Name) {
					silent = append(silent, c.Name)
				}
			}
		}
		if len(silent) > 0 {
			slices.Sort(silent)
			p.fail(s.name(), fmt.Sprintf("%sUtilization is a share of what is requested, and these containers request no %s: %s", resource, resource, strings.Join(silent, ", ")),
				fmt.Sprintf("state resources.requests.%s of each in the manifest of %s", resource, s.ref))
			continue
		}
		p.ok(s.name(), "all containers request "+resource)
	}
}

// sized tells who changes what pods request.
func (p *patient) sized(ctx context.Context, s *site) {
	all, err := s.cluster.Sizers(ctx, s.ref)
	switch {
	case errors.Is(err, kubernetes.ErrNoKind):
		p.ok(s.name(), "VerticalPodAutoscalers are not installed: nobody changes what pods request")
		return
	case err != nil:
		p.note(s.name(), inOneLine(err), "allow list of verticalpodautoscalers of autoscaling.k8s.io, if you want to know; Flyball does without")
		return
	}
	acting := false
	for _, v := range all {
		if !v.Acts() {
			continue
		}
		acting = true
		both := slices.DeleteFunc(s.shares(), func(resource string) bool { return !slices.Contains(v.Resources, resource) })
		message := fmt.Sprintf("%s sizes the pods (updateMode %s): %s", v, v.Mode, or(strings.Join(v.Resources, ", "), "nothing"))
		if len(both) > 0 {
			p.fail(s.name(), fmt.Sprintf("%s; the policy decides on a share of that %s, which changes with it", message, strings.Join(both, ", ")),
				fmt.Sprintf("set its updateMode to Off, take %s out of its controlledResources, or decide on another signal", strings.Join(both, ", ")))
			continue
		}
		p.note(s.name(), message, "nothing, as long as the policy does not decide on a share of it")
	}
	if !acting {
		p.ok(s.name(), "no VerticalPodAutoscaler changes what the pods request")
	}
}
