package swarm

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// seen is what a manager said of the service at one instant.
type seen struct {
	at      time.Time
	service docker.Service
	tasks   []docker.Task
	nodes   []docker.Node
}

// mark is when something was first seen, and whether it is still seen.
type mark struct {
	at    time.Time
	still bool
}

// look asks a manager and says what exists. Where none answers it is what was
// seen last.
func (v *view) look(ctx context.Context, now time.Time) (target.Status, error) {
	s, err := v.ask(ctx, now)
	switch {
	case err == nil:
		v.away = scale.Condition{}
		v.status, v.known, v.seen = v.statusOf(s), known{s.tasks, s.service.Checked, now}, true
		v.follow(ctx)
		return v.status, nil
	case v.seen && ctx.Err() == nil && (errors.Is(err, docker.ErrUnreachable) || errors.Is(err, docker.ErrNoManager)):
		return v.remembered(now, err), nil
	default:
		return target.Status{}, err
	}
}

// ask asks for everything that matters.
func (v *view) ask(ctx context.Context, now time.Time) (*seen, error) {
	s := &seen{at: now}
	var err error
	if s.service, err = v.engine.Service(ctx, v.cfg.Service); err != nil {
		return nil, err
	}
	if s.tasks, err = v.engine.Tasks(ctx, s.service.ID); err != nil {
		return nil, err
	}
	if s.nodes, err = v.engine.Nodes(ctx); err != nil {
		return nil, err
	}
	if err := v.room.learn(s, func() (string, error) { return v.terms(ctx, s) }); err != nil {
		return nil, err
	}
	v.surplus.learn(s)
	return s, v.lookInside(ctx, s)
}

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

// lookInside asks the manager's own node for the addresses of its tasks in
// networks that do not span nodes: those a manager does not know. Only of tasks
// that run: the engine says nothing of a container while it starts it, which
// takes seconds when several start at once, and nobody is sent there before.
func (v *view) lookInside(ctx context.Context, s *seen) (err error) {
	if v.cfg.Port == 0 || v.cfg.Address != AtNetwork {
		return nil
	}
	before := v.local
	v.local = map[string]docker.Container{}
	for i := range s.tasks {
		t := &s.tasks[i]
		if _, address := v.attachment(t); address != "" || t.Container == "" || !v.exists(s, t) {
			continue
		}
		if v.node == "" {
			if v.node, err = v.engine.Node(ctx); err != nil {
				return err
			}
		}
		one, known := before[t.Container]
		if t.Node == v.node && t.State == docker.TaskRunning && (!known || len(one.Addresses) == 0) {
			one, err = v.engine.Inspect(ctx, t.Container)
			if err != nil && !errors.Is(err, docker.ErrGone) {
				return err
			}
		}
		v.local[t.Container] = one
	}
	return nil
}

// statusOf is what was seen in the words of targets.
func (v *view) statusOf(s *seen) target.Status {
	v.count.see(s.at, s.service.ID, s.service.Replicas)
	status := target.Status{At: s.at, SpecReplicas: s.service.Replicas, Replicas: []scale.Replica{}}
	for i := range s.tasks {
		if t := &s.tasks[i]; v.exists(s, t) {
			status.Replicas = append(status.Replicas, v.replica(s, t))
		}
	}
	for id, m := range v.leaving {
		if !m.still {
			delete(v.leaving, id)
		} else {
			v.leaving[id] = mark{at: m.at}
		}
	}
	slices.SortFunc(status.Replicas, func(a, b scale.Replica) int { return cmp.Compare(a.ID, b.ID) })
	status.Conditions = v.conditions(s, status.Replicas)
	return status
}

// exists tells tasks from the history of tasks. What is not meant to stay
// exists until its container has ended; on a node that nobody hears of it is
// given up.
//
//	meant to stay                    exists, also when it has just failed
//	to go, container runs            exists, on its way out
//	to go, never had a container     never existed
//	to go, ended or its node down    history
func (v *view) exists(s *seen, t *docker.Task) bool {
	if t.Stays {
		return true
	}
	return (t.State == docker.TaskStarting || t.State == docker.TaskRunning) && !s.down(t.Node)
}

func (s *seen) down(node string) bool {
	return slices.ContainsFunc(s.nodes, func(n docker.Node) bool { return n.ID == node && n.Down })
}

// replica is a task in the words of targets. It runs, for a manager, once its
// health check is well where it has one: that is when it is ready.
func (v *view) replica(s *seen, t *docker.Task) scale.Replica {
	r := scale.Replica{ID: t.ID, Address: v.address(s, t), StartedAt: notAfter(t.CreatedAt, s.at), Restarts: s.restarts(t)}
	switch t.State {
	case docker.TaskStarting, docker.TaskRunning:
		r.Phase = scale.Running
	case docker.TaskFailed:
		r.Phase = scale.Failed
	case docker.TaskEnded:
		r.Phase = scale.Succeeded
	default:
		r.Phase = scale.Pending
	}
	if r.Phase != scale.Pending {
		r.Readiness = scale.Readiness{Known: true, Ready: t.State == docker.TaskRunning && !s.down(t.Node), Since: notAfter(t.Since, s.at)}
		if r.Readiness.Since.Before(r.StartedAt) { // the clocks of two machines
			r.Readiness.Since = r.StartedAt
		}
	}
	if !t.Stays {
		m, known := v.leaving[t.ID]
		if !known {
			m.at = s.at
		}
		v.leaving[t.ID] = mark{m.at, true}
		r.DeletedAt = m.at
	}
	return r
}

// restartsCount is how long a failed predecessor counts.
const restartsCount = 10 * time.Minute

// restarts counts the failed tasks whose place a task has taken lately.
func (s *seen) restarts(t *docker.Task) int {
	n := 0
	for i := range s.tasks {
		if p := &s.tasks[i]; p.Slot == t.Slot && p.State == docker.TaskFailed && p.CreatedAt.Before(t.CreatedAt) && s.at.Sub(p.Since) < restartsCount {
			n++
		}
	}
	return n
}

// address is where a task is reached; "" while it cannot be.
func (v *view) address(s *seen, t *docker.Task) string {
	if v.cfg.Port == 0 {
		return ""
	}
	port := strconv.Itoa(v.cfg.Port)
	if v.cfg.Address == AtPublished {
		i := slices.IndexFunc(s.nodes, func(n docker.Node) bool { return n.ID == t.Node })
		published := t.Published[v.cfg.Port]
		if i < 0 || published == 0 || s.nodes[i].Address == "" {
			return ""
		}
		return net.JoinHostPort(s.nodes[i].Address, strconv.Itoa(published))
	}
	network, address := v.attachment(t)
	if address != "" {
		return net.JoinHostPort(address, port)
	}
	one, local := v.local[t.Container]
	switch {
	case !local || t.Container == "":
		return ""
	case v.cfg.Network != "" && one.Addresses[v.cfg.Network] == "": // and no other will do
		return ""
	}
	return one.Address(port, network)
}

// attachment is the task's part in the network by which it is reached: the one
// that is named, else the first that does not lead to every task.
func (v *view) attachment(t *docker.Task) (network, address string) {
	for _, a := range t.Networks {
		if a.Network == v.cfg.Network || v.cfg.Network == "" && !a.Ingress {
			return a.Network, a.Address
		}
	}
	return v.cfg.Network, ""
}

func notAfter(t, latest time.Time) time.Time {
	if t.After(latest) {
		return latest
	}
	return t
}
