package kubernetes

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// seen is what the API server said of the object at one instant.
type seen struct {
	at       time.Time
	workload kubernetes.Workload
	pods     []kubernetes.Pod // those that have not ended, by name
	rivals   []kubernetes.Rival
	// unknown is why there may be others who scale than these; nil: there are none.
	unknown error
}

// look asks the cluster and says what exists. Where it does not answer it is
// what was seen last.
func (v *view) look(ctx context.Context, now time.Time) (target.Status, error) {
	s, err := v.ask(ctx, now)
	switch {
	case err == nil:
		v.away = scale.Condition{}
		v.status, v.pods, v.matched, v.seen = v.statusOf(s), s.pods, s.workload, true
		return v.status, nil
	case v.seen && ctx.Err() == nil && kubernetes.Away(err):
		return v.remembered(now, err), nil
	case ctx.Err() == nil:
		if wrong := judge(v.ref, kubernetes.Workload{}, err); wrong != nil {
			return target.Status{}, faulty{*wrong, err}
		}
		fallthrough
	default:
		return target.Status{}, err
	}
}

// faulty is a fault of the configuration, in one line with what to do.
type faulty struct {
	fault
	cause error
}

func (f faulty) Error() string { return f.field + ": " + f.err.Error() + "; " + f.fix }
func (f faulty) Unwrap() error { return f.cause }

// ask asks for everything that matters.
func (v *view) ask(ctx context.Context, now time.Time) (*seen, error) {
	s := &seen{at: now}
	var err error
	if s.workload, err = v.api.Workload(ctx, v.ref); err != nil {
		return nil, err
	}
	if s.pods, err = v.api.Pods(ctx, s.workload); err != nil {
		return nil, err
	}
	s.pods = slices.DeleteFunc(s.pods, ended)
	if s.rivals, err = v.api.Rivals(ctx, v.ref); err != nil {
		if !errors.Is(err, kubernetes.ErrForbidden) {
			return nil, err
		}
		s.unknown = err
	}
	return s, nil
}

// ended tells pods from the history of pods: one that was evicted, or whose
// node has shut down, stays until somebody deletes it, and its controller has
// made another in its place long since.
func ended(p kubernetes.Pod) bool { return p.Phase == scale.Failed || p.Phase == scale.Succeeded }

// remembered is what was seen last, with the reason why there is nothing newer.
func (v *view) remembered(now time.Time, why error) target.Status {
	if v.away.Type == "" {
		v.away = scale.Condition{Type: scale.EngineUnreachable, Since: now}
	}
	v.away.Message = why.Error()
	status := v.status
	status.At = now
	status.Replicas = slices.Clone(status.Replicas)
	status.Conditions = append(slices.Clone(status.Conditions), v.away)
	return status
}

// statusOf is what was seen in the words of targets. The count is the one that
// is asked for, whatever a rollout has beside it for a while.
func (v *view) statusOf(s *seen) target.Status {
	v.rivals.see(s)
	v.count.see(s.at, s.workload, v.rivals.governs())
	status := target.Status{At: s.at, SpecReplicas: s.workload.Replicas, Replicas: make([]scale.Replica, 0, len(s.pods))}
	for i := range s.pods {
		status.Replicas = append(status.Replicas, v.replica(s, &s.pods[i]))
	}
	status.Conditions = v.conditions(s, status.Replicas)
	return status
}

// replica is a pod in the words of targets. A pod's name is its ID: metrics know
// no other.
func (v *view) replica(s *seen, p *kubernetes.Pod) scale.Replica {
	r := scale.Replica{ID: p.Name, Phase: p.Phase, Readiness: p.Readiness, StartedAt: notAfter(p.StartedAt, s.at),
		DeletedAt: notAfter(p.DeletedAt, s.at), Restarts: p.Restarts, Containers: p.Containers}
	r.Readiness.Since = notAfter(r.Readiness.Since, s.at)
	if p.IP != "" && v.cfg.Port != 0 {
		r.Address = net.JoinHostPort(p.IP, strconv.Itoa(v.cfg.Port))
	}
	return r
}

// notAfter is t, or the latest that it can be: clocks of two machines differ.
func notAfter(t, latest time.Time) time.Time {
	if t.After(latest) {
		return latest
	}
	return t
}
