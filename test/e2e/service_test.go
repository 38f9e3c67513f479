package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/balancer"
	proxy "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target/process"
)

// serviceMean is how long the sample app takes for a request on average.
const serviceMean = 80 * time.Millisecond

// service is an autoscaler within the test whose replicas are real processes
// of the program.
type service struct {
	t    *testing.T
	name string
	*app.Service
	plane *proxy.Local
	downs atomic.Int64 // how often it was scaled down
}

// serve runs a service until the test ends.
func (p *place) serve(name string, wanted policy.Policy, replicas int, change func(*app.Spec)) *service {
	p.t.Helper()
	spec := p.spec(name, wanted, replicas)
	if change != nil {
		change(&spec)
	}
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(slog.NewTextHandler(p.t.Output(), nil))
	b := memory.New()
	changes, err := control.Changes(b, control.All).Subscribe(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	plane, err := proxy.OpenLocal(ctx, *spec.Balancer.(*proxy.Config), clock.System, log)
	if err != nil {
		p.t.Fatal(err)
	}
	built, err := app.NewService(ctx, spec, plane, app.Deps{Bus: b, Clock: clock.System, Log: log, StateDir: p.state(), DieWithController: true})
	if err != nil {
		p.t.Fatal(err)
	}
	s := &service{t: p.t, name: name, Service: built, plane: plane}
	go s.follow(changes)
	ended := make(chan error, 1)
	go func() {
		ended <- built.Run(ctx, func() app.Ending { return app.Ending{StopReplicas: true, Hurry: context.Background()} })
	}()
	p.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Errorf("%s: %v", name, err)
		}
	})
	s.untilReady(replicas)
	return s
}

// follow counts the changes until there are no more.
func (s *service) follow(changes <-chan record.Applied) {
	for c := range changes {
		if c.Error != "" {
			s.t.Errorf("scale %d to %d: %s", c.From, c.To, c.Error)
		}
		if c.To < c.From {
			s.downs.Add(1)
		}
	}
}

// spec is a service of sample apps that decides four times a second.
func (p *place) spec(name string, wanted policy.Policy, replicas int) app.Spec {
	target := process.Default()
	target.Command = []string{p.program, "sample-app", "--service-mean", serviceMean.String()}
	target.Readiness.Path = "/healthz"
	front := proxy.Default()
	front.Listen = "127.0.0.1:0"
	front.Health.Path = "/healthz"
	return app.Spec{
		Name: name, Mode: scale.Apply, Min: replicas, Max: replicas + 1, Sync: scale.Duration(250 * time.Millisecond),
		Policy: app.CustomPolicy("scripted", guard.NoRules(), func(policy.Env) (policy.Policy, error) { return wanted, nil }),
		Target: &target, Balancer: &front,
	}
}

// replicaOf is what the replicas of a spec are.
func replicaOf(spec *app.Spec) *process.Config { return spec.Target.(*process.Config) }

// address is where the service takes requests.
func (s *service) address() string { return s.plane.Address() }

// backends are the replicas as the balancer sees them.
func (s *service) backends() []balancer.BackendStatus {
	all, err := s.plane.Backends(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// active are the replicas that get requests.
func (s *service) active() []balancer.BackendStatus {
	return slices.DeleteFunc(s.backends(), func(b balancer.BackendStatus) bool { return b.State != balancer.Active })
}

// untilReady waits until at least n replicas get requests.
func (s *service) untilReady(n int) {
	s.t.Helper()
	eventually(s.t, patience, fmt.Sprintf("%d replicas of %s get requests", n, s.name), func() bool { return len(s.active()) >= n }, sprint(s.backends))
}

// fixed wants a number of replicas, whatever happens.
type fixed int

func (f fixed) Recommend(scale.Observation) (scale.Recommendation, error) {
	return scale.Recommendation{Replicas: int(f), Confidence: 1, Reason: scale.Because("Fixed", "always {0}", float64(f))}, nil
}

func (fixed) Signals() []string { return nil }

func (fixed) Snapshot() ([]byte, error) { return nil, nil }
func (fixed) Restore([]byte) error      { return nil }

// swing wants one more replica than its number, and that number again as soon
// as the one more works.
type swing int

func (s swing) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	least, n := int(s), int(s)+1
	if obs.CurrentReplicas > least && obs.ReadyReplicas() > least {
		n = least
	}
	return scale.Recommendation{Replicas: n, Confidence: 1, Reason: scale.Because("Swing", "to {0}", float64(n))}, nil
}

func (swing) Signals() []string { return nil }

func (swing) Snapshot() ([]byte, error) { return nil, nil }
func (swing) Restore([]byte) error      { return nil }
