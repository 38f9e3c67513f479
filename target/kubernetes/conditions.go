package kubernetes

import (
	"fmt"
	"slices"
	"time"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
)

// Conditions of this kind of target, besides those that all targets share.
const (
	// ImageMissing: a node cannot get the image of a pod.
	ImageMissing = "ImageMissing"
	// CannotStart: a container cannot be made of its description: a ConfigMap
	// or a Secret is not there.
	CannotStart = "CannotStart"
	// ScaledByOther: an HPA or KEDA scales the object, which is left alone.
	ScaledByOther = "ScaledByOther"
	// TakenOver: who else scaled the object rests, until it is handed back.
	TakenOver = "TakenOver"
	// RivalsUnknown: somebody else may scale the object, and may not be seen.
	RivalsUnknown = "RivalsUnknown"
)

// conditions are what an operator should know.
func (v *view) conditions(s *seen, replicas []scale.Replica) []scale.Condition {
	var all []scale.Condition
	add := func(c scale.Condition, holds bool) {
		if holds {
			all = append(all, c)
		}
	}
	add(s.noRoom())
	add(s.troubled(ImageMissing, "cannot get its image", imageTrouble))
	add(s.troubled(CannotStart, "cannot be started", startTrouble))
	add(v.loop.condition(s, replicas))
	add(v.count.condition(s.at))
	add(v.rivals.condition(s, v.name, v.cfg.TakeOver))
	add(s.unseen())
	add(s.unready(replicas))
	return lasting(append(all, s.rollout()...), v.status.Conditions, s.at)
}

// lasting gives a condition that would begin now the time when it was first
// seen.
func lasting(all, before []scale.Condition, now time.Time) []scale.Condition {
	for i := range all {
		for j := range before {
			if all[i].Type == before[j].Type && all[i].Since.Equal(now) {
				all[i].Since = before[j].Since
			}
		}
	}
	return all
}

// unplaced is how long a pod has no node before it is believed that it finds
// none, where the scheduler does not say so.
const unplaced = 30 * time.Second

// silent is told of pods that wait without a word.
const silent = "the scheduler does not say why"

// noRoom says that pods find no node, or may not be made at all, and how many
// have one. Those that wait stay asked for: a cluster that can grow grows for
// them, and whoever asks for more would ask without end. It is over when none
// waits any more.
func (s *seen) noRoom() (scale.Condition, bool) {
	c := scale.Condition{Type: scale.CannotPlace}
	waiting, says := 0, ""
	for i := range s.pods {
		switch p := &s.pods[i]; {
		case !p.DeletedAt.IsZero():
		case p.Node != "":
			c.Limit++
		case p.Unplaced != "" || s.at.Sub(p.CreatedAt) > unplaced:
			waiting++
			if says == "" {
				says = p.Unplaced
			}
			if c.Since.IsZero() || p.CreatedAt.Before(c.Since) {
				c.Since = notAfter(p.CreatedAt, s.at)
			}
		}
	}
	if refused := s.workload.Refused; waiting == 0 && refused != "" {
		c.Since = s.at
		c.Message = fmt.Sprintf("only %d of %s can be made: %s", c.Limit, scale.Count(s.workload.Replicas, "replica"), refused)
		return c, c.Limit < s.workload.Replicas
	}
	if says == "" {
		says = silent
	}
	c.Message = fmt.Sprintf("%s of %d without a node, %d fit: %s", scale.Count(waiting, "pod"), len(s.pods), c.Limit, says)
	return c, waiting > 0
}

// What a container waits for, in the words of the kubelet.
func imageTrouble(reason string) bool {
	return slices.Contains([]string{"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable"}, reason)
}

func startTrouble(reason string) bool {
	return slices.Contains([]string{"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError", "PostStartHookError"}, reason)
}

func crashTrouble(reason string) bool { return reason == "CrashLoopBackOff" }

// troubles are the pods that wait for such a reason, the oldest first, with the
// words of the first.
func (s *seen) troubles(such func(reason string) bool) (pods []kubernetes.Pod, says string) {
	for _, p := range s.pods {
		if !p.DeletedAt.IsZero() {
			continue
		}
		for _, t := range p.Waiting {
			if such(t.Reason) {
				pods = append(pods, p)
				if says == "" {
					says = fmt.Sprintf("container %s: %s: %s", t.Container, t.Reason, t.Message)
				}
				break
			}
		}
	}
	slices.SortStableFunc(pods, func(a, b kubernetes.Pod) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return pods, says
}

func (s *seen) troubled(kind, what string, such func(string) bool) (scale.Condition, bool) {
	pods, says := s.troubles(such)
	if len(pods) == 0 {
		return scale.Condition{}, false
	}
	return scale.Condition{Type: kind, Since: notAfter(pods[0].CreatedAt, s.at),
		Message: fmt.Sprintf("%s %s: %s", scale.Count(len(pods), "pod"), what, says)}, true
}

// A pod that waits for its next start has crashed; a moment later it runs, until
// it crashes again. So many restarts without being ready are a loop too, and a
// loop is over when nothing has been seen of it for so long.
const (
	loopRestarts = 3
	loopOver     = time.Minute
	// startTries is how long a node tries to get an image, or to start a
	// container, before the next ones are believed to fare no better.
	startTries = 20 * time.Second
)

// loop is a row of pods that fail.
type loop struct {
	since, last time.Time
	says        string
}

// condition says that pods keep failing, while fewer are ready than are asked
// for: more of the same would fail too.
func (l *loop) condition(s *seen, replicas []scale.Replica) (scale.Condition, bool) {
	ready := 0
	for i := range replicas {
		if replicas[i].TakesWork() {
			ready++
		}
	}
	failing, says := s.failing()
	switch {
	case ready >= s.workload.Replicas, failing == 0 && s.at.Sub(l.last) > loopOver:
		*l = loop{}
	case failing > 0:
		if l.since.IsZero() {
			l.since = s.at
		}
		l.last, l.says = s.at, fmt.Sprintf("%s failing: %s", scale.Count(failing, "pod"), says)
	}
	return scale.Condition{Type: scale.CrashLoop, Since: l.since, Message: l.says}, !l.since.IsZero()
}

// failing counts the pods that do not start, and says why one does not.
func (s *seen) failing() (n int, says string) {
	crashed, says := s.troubles(crashTrouble)
	n = len(crashed)
	stuck, why := s.troubles(func(reason string) bool { return imageTrouble(reason) || startTrouble(reason) })
	for i := range stuck {
		if s.at.Sub(stuck[i].CreatedAt) > startTries {
			n++
			says = either(says, why)
		}
	}
	for i := range s.pods {
		if p := &s.pods[i]; len(p.Waiting) == 0 && p.DeletedAt.IsZero() && p.Restarts >= loopRestarts && !p.Readiness.Ready {
			n++
			says = either(says, fmt.Sprintf("%s was restarted %d times", p.Name, p.Restarts))
		}
	}
	return n, says
}

func either(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// slow is how long nobody may be ready before it is worth a word.
const slow = 10 * time.Second

// unready is what an operator should see while no pod is ready: why the one
// that is awaited for longest is not.
func (s *seen) unready(replicas []scale.Replica) (scale.Condition, bool) {
	if s.workload.Replicas == 0 || slices.ContainsFunc(replicas, func(r scale.Replica) bool { return r.TakesWork() }) {
		return scale.Condition{}, false
	}
	var oldest *kubernetes.Pod
	for i := range s.pods {
		if p := &s.pods[i]; p.DeletedAt.IsZero() && (oldest == nil || p.CreatedAt.Before(oldest.CreatedAt)) {
			oldest = p
		}
	}
	if oldest == nil || s.at.Sub(oldest.CreatedAt) < slow {
		return scale.Condition{}, false
	}
	return scale.Condition{Type: scale.NotReady, Since: oldest.CreatedAt, Message: "no pod is ready: " + state(oldest)}, true
}

// state says in words how far a pod has come.
func state(p *kubernetes.Pod) string {
	switch {
	case len(p.Waiting) > 0:
		return fmt.Sprintf("%s: container %s: %s: %s", p.Name, p.Waiting[0].Container, p.Waiting[0].Reason, p.Waiting[0].Message)
	case p.Node == "":
		return p.Name + " has no node: " + either(p.Unplaced, silent)
	case p.Phase == scale.Pending:
		return p.Name + " is being started on " + p.Node
	default:
		return p.Name + " runs, and its readiness probe is not well"
	}
}

// rollout says that pods are being replaced by others of a changed definition.
// One that is paused or stuck is one still: whatever changes the count adds pods
// of both.
func (s *seen) rollout() []scale.Condition {
	if s.workload.Rollout == kubernetes.NoRollout {
		return nil
	}
	since, says := s.rolloutSince(), s.workload.RolloutSays
	all := []scale.Condition{{Type: scale.RolloutInProgress, Since: since, Message: "pods are being replaced: " + says}}
	resource := fmt.Sprintf("%s/%s -n %s", s.workload.Ref.Kind, s.workload.Ref.Name, s.workload.Ref.Namespace)
	switch s.workload.Rollout {
	case kubernetes.RolloutPaused:
		all = append(all, scale.Condition{Type: scale.RolloutPaused, Since: since, Message: says + "; go on with kubectl rollout resume " + resource})
	case kubernetes.RolloutStuck:
		all = append(all, scale.Condition{Type: scale.RolloutPaused, Since: since, Message: says + "; go back with kubectl rollout undo " + resource})
	}
	return all
}

// rolloutSince is when the first pod of the newest definition was made: the API
// server does not say when a rollout began.
func (s *seen) rolloutSince() time.Time {
	newest, first := "", map[string]time.Time{}
	for i := range s.pods {
		p := &s.pods[i]
		if at, known := first[p.Revision]; !known || p.CreatedAt.Before(at) {
			first[p.Revision] = p.CreatedAt
		}
	}
	for i := range s.pods {
		if p := &s.pods[i]; newest == "" || first[p.Revision].After(first[newest]) {
			newest = p.Revision
		}
	}
	if len(first) < 2 {
		return s.at
	}
	return notAfter(first[newest], s.at)
}
