package swarm_test

import (
	"context"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/targettest"
)

func TestOnlyReplicatedServicesAreScaled(t *testing.T) {
	daemon := newSwarm(t)
	one := uint64(1)
	for _, tc := range []struct {
		mode  string
		set   swarm.ServiceMode
		wants string
	}{
		{"global", swarm.ServiceMode{Global: &swarm.GlobalService{}}, "one task on every node"},
		{"replicated-job", swarm.ServiceMode{ReplicatedJob: &swarm.ReplicatedJob{MaxConcurrent: &one}}, "end by themselves"},
	} {
		t.Run(tc.mode, func(t *testing.T) {
			w := newWorld(t, daemon, 1, func(s *swarm.ServiceSpec) {
				s.Mode, s.EndpointSpec = tc.set, nil
				if tc.set.ReplicatedJob != nil {
					s.TaskTemplate.RestartPolicy.Condition = swarm.RestartPolicyConditionNone
				}
			})
			err := w.Target.SetReplicas(t.Context(), 3)
			if err == nil || !strings.Contains(err.Error(), tc.wants) || !strings.Contains(err.Error(), tc.mode) {
				t.Errorf("SetReplicas: %v, want it refused because of its mode", err)
			}
			err = webConfig(daemon, w.service).Check()
			if err == nil || !strings.HasPrefix(err.Error(), "service: ") || !strings.Contains(err.Error(), tc.wants) {
				t.Errorf("Check: %v, want a fault at service", err)
			}
		})
	}
	if err := webConfig(daemon, "nothing").Check(); err == nil || !strings.HasPrefix(err.Error(), `service: there is no service "nothing"`) {
		t.Errorf("Check of a service that is not there: %v", err)
	}
	w := newWorld(t, daemon, 1, nil)
	cfg := webConfig(daemon, w.service)
	cfg.Network = "nosuch"
	if err := cfg.Check(); err == nil || !strings.HasPrefix(err.Error(), `network: there is no network "nosuch"`) {
		t.Errorf("Check of a network that is not there: %v", err)
	}
	if found := cfg.Examine(t.Context()); !slices.ContainsFunc(found, func(f target.Finding) bool { return f.Fix != "" && strings.Contains(f.Message, `no network "nosuch"`) }) {
		t.Errorf("Examine says %+v, nothing of the network", found)
	}
	cfg.Network = bridge
	if err := cfg.Check(); err != nil {
		t.Errorf("Check of a network that is there: %v", err)
	}
}

// The version of a service is that of the log of the swarm, and an engine that
// is hurried gives the same to two changes: one of them is lost now and then.
// What is lost is put back.
func TestCountIsSetWhileSomebodyElseChangesTheService(t *testing.T) {
	w := newWorld(t, newSwarm(t), 1, nil)
	w.Run()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changed := make(chan int, 1)
	go func() {
		n := 0
		for ctx.Err() == nil {
			if w.changed(ctx, func(s *swarm.ServiceSpec) { s.Labels = map[string]string{"round": strconv.Itoa(n)} }) == nil {
				n++
			}
		}
		changed <- n
	}()
	for n := range 30 {
		w.Set(n % 4)
		w.Until("the service has the count", func(s target.Status) bool { return s.SpecReplicas == n%4 })
	}
	cancel()
	if n := <-changed; n < 10 {
		t.Errorf("the service was changed %d times only: nobody was in the way", n)
	}
}

func TestTooManyForTheNodesAreAConditionAndNoLoop(t *testing.T) {
	w := newWorld(t, newSwarm(t), 1, func(s *swarm.ServiceSpec) { s.TaskTemplate.Placement = &swarm.Placement{MaxReplicas: 3} })
	w.Run()
	w.Set(7)
	const words = "4 of 7 replicas cannot be placed, 3 fit: "
	s := w.Until("it is told that there is no room", targettest.Says(scale.CannotPlace, words))
	c := targettest.Condition(s, scale.CannotPlace)
	before := w.inspect().Version
	for range 30 {
		if again := targettest.Condition(w.Status(), scale.CannotPlace); again.Limit != 3 || !again.Since.Equal(c.Since) {
			t.Fatalf("told %+v, after %+v", again, c)
		}
		w.Set(7) // what a decision says each time
		time.Sleep(time.Second)
	}
	if after := w.inspect().Version; after != before {
		t.Errorf("the service was updated in 30 s: version %d, then %d", before.Index, after.Index)
	}
	w.Set(3)
	w.Until("3 are ready", targettest.Ready(3))
	if c := targettest.Condition(w.Status(), scale.CannotPlace); c.Limit != 3 {
		t.Errorf("the room was forgotten at once: %+v", c)
	}
	w.change(func(s *swarm.ServiceSpec) { s.TaskTemplate.Placement.MaxReplicas = 5 })
	w.Until("the room may have changed", func(s target.Status) bool { return !targettest.Told(scale.CannotPlace)(s) })
	w.Set(5)
	w.Until("5 are ready", targettest.Ready(5))
}

func TestAReservationThatGoesMakesRoom(t *testing.T) {
	daemon := newSwarm(t)
	reserve := func(s *swarm.ServiceSpec) {
		s.TaskTemplate.Resources = &swarm.ResourceRequirements{Reservations: &swarm.Resources{NanoCPUs: 9e8}}
	}
	other := newWorld(t, daemon, 1, reserve)
	other.Until("the other one has its room", targettest.Ready(1))
	w := newWorld(t, daemon, 1, reserve)
	w.Set(2)
	w.Run()
	c := targettest.Condition(w.Until("there is no room", targettest.Told(scale.CannotPlace)), scale.CannotPlace)
	t.Log(c.Message)
	if c.Limit != 1 {
		t.Errorf("told %+v", c)
	}
	other.Set(0)
	w.Until("both are placed", targettest.Ready(2))
	if c := targettest.Condition(w.Status(), scale.CannotPlace); c.Type != "" {
		t.Errorf("still told: %+v", c)
	}
}

func TestARolloutIsTold(t *testing.T) {
	w := newWorld(t, newSwarm(t), 3, func(s *swarm.ServiceSpec) {
		s.UpdateConfig = &swarm.UpdateConfig{Parallelism: 1, Delay: time.Second, FailureAction: swarm.UpdateFailureActionPause, Monitor: 2 * time.Second}
	})
	w.Until("3 are ready", targettest.Ready(3))
	w.change(func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.Env = []string{"A=b"} })
	s := w.Until("the rollout is told", targettest.Told(scale.RolloutInProgress))
	if c := targettest.Condition(s, scale.RolloutInProgress); c.Since.After(s.At) || s.At.Sub(c.Since) > time.Minute {
		t.Errorf("told at %v: %+v", s.At, c)
	}
	w.Until("it is over", func(s target.Status) bool {
		return !targettest.Told(scale.RolloutInProgress)(s) && targettest.Ready(3)(s)
	})
	w.change(func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.Args = []string{"fail"} })
	s = w.Until("the rollout has stopped", targettest.Told(scale.RolloutPaused))
	if !targettest.Told(scale.RolloutInProgress)(s) {
		t.Errorf("a paused rollout holds nothing: %+v", s.Conditions)
	}
	if c := targettest.Condition(s, scale.RolloutPaused); !strings.Contains(c.Message, "docker service rollback") {
		t.Errorf("told %+v", c)
	}
}

func TestTasksThatFailAreACrashLoop(t *testing.T) {
	w := newWorld(t, newSwarm(t), 2, func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.Args = []string{"fail"} })
	s := w.Until("the loop is told", targettest.Told(scale.CrashLoop))
	if c := targettest.Condition(s, scale.CrashLoop); !strings.Contains(c.Message, "non-zero exit (3)") {
		t.Errorf("told %+v", c)
	}
	w.change(func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.Args = nil })
	w.Until("it is over", func(s target.Status) bool { return !targettest.Told(scale.CrashLoop)(s) && targettest.Ready(2)(s) })
}

func TestWhatGoesIsToldBeforeItEnds(t *testing.T) {
	w := newWorld(t, newSwarm(t), 3, nil)
	w.Until("3 are ready", targettest.Ready(3))
	w.Run()
	began := time.Now()
	w.Set(1)
	s := w.Until("two are on their way out", func(s target.Status) bool { return targettest.ReadyCount(s) == 1 })
	took := time.Since(began)
	t.Logf("told %v after the order", took)
	leaving := 0
	for _, r := range s.Replicas {
		if !r.DeletedAt.IsZero() && r.Address != "" {
			leaving++
		}
	}
	if leaving != 2 || took > time.Second {
		t.Errorf("after %v %d of 2 are told to go: %+v", took, leaving, s.Replicas)
	}
	w.Until("one is left", targettest.Ready(1))
}

func TestPublishedPorts(t *testing.T) {
	daemon := newSwarm(t)
	w := newWorld(t, daemon, 2, publishAt(0))
	cfg := webConfig(daemon, w.service)
	cfg.Address = "published"
	w.Target = open(t, cfg)
	for _, r := range w.Until("2 are ready", targettest.Ready(2)).Replicas {
		if !strings.HasPrefix(r.Address, "127.0.0.1:") {
			t.Errorf("%s is reached at %q", r.ID, r.Address)
		}
		get(t, r.Address)
	}
}

func TestTasksAreReachedAtTheirAddresses(t *testing.T) {
	w := newWorld(t, newSwarm(t), 2, nil)
	for _, r := range w.Until("2 are ready", targettest.Ready(2)).Replicas {
		get(t, r.Address)
	}
}

const stack = `
version: "3.8"
services:
  web:
    image: web:1
    networks: [near]
    deploy:
      endpoint_mode: dnsrr
      labels:
        flyball.enable: "true"
networks:
  near: {external: true}
`

func TestCountThatAStackDeployHasResetIsPutBack(t *testing.T) {
	daemon := newSwarm(t)
	deploy := func() {
		cmd := exec.Command("docker", "--host", daemon.Endpoint, "stack", "deploy", "--resolve-image", "never", "-c", "-", "shop")
		cmd.Stdin = strings.NewReader(stack)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	deploy()
	t.Cleanup(func() {
		if _, err := daemon.API.ServiceRemove(context.Background(), "shop_web", client.ServiceRemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
	w := &world{daemon: daemon, service: "shop_web"}
	w.T = t
	w.Target = open(t, webConfig(daemon, w.service))
	w.Run()
	w.Set(4)
	w.Until("4 are ready", targettest.Ready(4))
	began := time.Now()
	deploy()
	s := w.Until("it is put back", func(s target.Status) bool { return s.SpecReplicas == 4 && targettest.Told(scale.CountReset)(s) })
	t.Logf("put back %v after the beginning of the deployment", time.Since(began))
	if c := targettest.Condition(s, scale.CountReset); !strings.Contains(c.Message, "somebody else set 1 replica; put back") {
		t.Errorf("told %+v", c)
	}
	w.Until("4 are ready again", targettest.Ready(4))
	if err := w.Target.Keep(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	deploy()
	time.Sleep(3 * time.Second)
	if s := w.Status(); s.SpecReplicas != 1 || targettest.Told(scale.CountReset)(s) {
		t.Errorf("put back although it was not to be kept: %+v", s)
	}
}
