package docker_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/docker"
	"github.com/flyball-io/flyball/target/targettest"
)

// counter looks every 50 ms which containers of a target have neither ended
// nor been told to: one more than asked for has been started twice, and so has
// a name that two containers had. One that is told to end may take its time;
// another is started in its place meanwhile.
type counter struct {
	w      *world
	stop   chan struct{}
	done   sync.WaitGroup
	most   []string          // names, when there were most
	ids    map[string]string // by name
	reused []string
}

func (w *world) count() *counter {
	c := &counter{w: w, stop: make(chan struct{}), ids: map[string]string{}}
	c.done.Go(func() {
		for {
			select {
			case <-c.stop:
				return
			case <-time.After(50 * time.Millisecond):
				c.look()
			}
		}
	})
	return c
}

func (c *counter) look() {
	var working []string
	before := recorded(c.w.dir)
	listed := owned(c.w.T, c.w.daemon, c.w.dir)
	after := recorded(c.w.dir)
	for _, found := range listed {
		name := strings.TrimPrefix(found.Names[0], "/")
		if id := c.ids[name]; id != "" && id != found.ID {
			c.reused = append(c.reused, name)
		}
		c.ids[name] = found.ID
		was, known := before.replica(name, found.ID)
		is, knownStill := after.replica(name, found.ID)
		ending := !was.DeletedAt.IsZero() || !is.DeletedAt.IsZero() || (known && !knownStill)
		if lives(found) && !ending {
			working = append(working, name)
		}
	}
	if len(working) > len(c.most) {
		c.most = working
	}
}

// atMost ends the counting.
func (c *counter) atMost(n int) {
	c.w.T.Helper()
	close(c.stop)
	c.done.Wait()
	if len(c.most) > n {
		c.w.T.Errorf("there were %d containers at a time, want at most %d: %v", len(c.most), n, c.most)
	}
	if len(c.reused) > 0 {
		c.w.T.Errorf("made a second time: %v", c.reused)
	}
}

func lives(c container.Summary) bool {
	return c.State == container.StateRunning || c.State == container.StateCreated
}

func alive(all []container.Summary) int {
	n := 0
	for _, c := range all {
		if lives(c) {
			n++
		}
	}
	return n
}

// exactly fails unless n containers exist and all of them run.
func (w *world) exactly(n int) {
	w.T.Helper()
	all := owned(w.T, w.daemon, w.dir)
	for patience := 300; patience > 0 && (len(all) != n || alive(all) != n); patience-- {
		time.Sleep(100 * time.Millisecond) // an engine that is back ends what it finds, and then says so
		all = owned(w.T, w.daemon, w.dir)
	}
	if len(all) != n || alive(all) != n {
		w.T.Errorf("%d containers, %d of them alive, want %d: %+v", len(all), alive(all), n, all)
	}
}

func TestEngineThatGoesAwayIsWaitedFor(t *testing.T) {
	for _, how := range []string{"SIGTERM", "SIGKILL"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t, soon)
			w.Run()
			w.Set(3)
			before := w.Until("3 are ready", targettest.Ready(3))
			counted := w.count()
			if how == "SIGTERM" {
				w.daemon.Stop(t)
			} else {
				w.daemon.Kill(t)
			}
			w.Until("it is told", targettest.Told(docker.EngineUnreachable))
			w.Set(4)
			if got := w.Status().SpecReplicas; got != 4 {
				t.Errorf("%d are asked for while the engine is away, want 4", got)
			}
			w.daemon.Start(t)
			began := time.Now()
			s := w.Until("4 are ready", back(4))
			t.Logf("right %v after the engine was back", time.Since(began))
			w.exactly(4)
			counted.atMost(4)
			for _, r := range before.Replicas {
				if targettest.Has(s, r.ID) {
					t.Errorf("%s is another start than before and has the same ID", r.ID)
				}
			}
			if len(s.Conditions) > 0 {
				t.Errorf("still told: %+v", s.Conditions)
			}
		})
	}
}

// With live restore replicas outlive the engine: they stay, and are probed
// meanwhile.
func TestReplicasThatOutliveTheEngineStay(t *testing.T) {
	w := newWorld(t, soon)
	w.daemon.Stop(t)
	w.daemon.Start(t, "--live-restore")
	t.Cleanup(func() { w.daemon.Stop(t) })
	t.Cleanup(func() { removeOwned(t, w.daemon, w.dir) })
	w.Run()
	w.Set(2)
	before := w.Until("2 are ready", targettest.Ready(2))
	w.daemon.Kill(t)
	away := w.Until("it is told", targettest.Told(docker.EngineUnreachable))
	if !targettest.Ready(2)(away) {
		t.Errorf("while the engine is away: %+v", away.Replicas)
	}
	w.daemon.Start(t, "--live-restore")
	after := w.Until("the engine is back", func(s target.Status) bool { return len(s.Conditions) == 0 })
	if !targettest.Ready(2)(after) || !slices.Equal(ids(before), ids(after)) {
		t.Errorf("before %v, after %+v", ids(before), after.Replicas)
	}
	w.exactly(2)
}

func TestEngineThatHangsIsFoundOut(t *testing.T) {
	testenv.Long(t)
	w := newWorld(t, soon)
	w.Run()
	w.Set(2)
	before := w.Until("2 are ready", targettest.Ready(2))
	goOn := w.daemon.Hang(t)
	began := time.Now()
	s := w.Until("it is told", targettest.Told(docker.EngineUnreachable))
	t.Logf("told after %v: %s", time.Since(began), targettest.Condition(s, docker.EngineUnreachable).Message)
	w.Set(3)
	goOn()
	s = w.Until("3 are ready", targettest.Ready(3))
	if !targettest.Has(s, before.Replicas[0].ID) || !targettest.Has(s, before.Replicas[1].ID) {
		t.Errorf("before %v, after %v", ids(before), ids(s))
	}
	w.exactly(3)
}

// An engine that is killed between making a container's process and starting
// it forgets the process, which keeps its address. The next one that gets this
// address is not reached by it, and is replaced when its time is over.
func impatient(cfg *docker.Config) {
	soon(cfg)
	cfg.StartTimeout = scale.Duration(5 * time.Second)
}

func TestEngineKilledWhileReplicasStart(t *testing.T) {
	for _, after := range []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			if after != 300*time.Millisecond {
				testenv.Long(t)
			}
			w := newWorld(t, impatient)
			w.Run()
			counted := w.count()
			w.Set(4)
			time.Sleep(after)
			w.daemon.Kill(t)
			w.Until("it is told", targettest.Told(docker.EngineUnreachable))
			w.daemon.Start(t)
			w.Until("4 are ready", back(4))
			w.exactly(4)
			counted.atMost(4)
		})
	}
}

func TestEngineKilledWhileReplicasEnd(t *testing.T) {
	w := newWorld(t, soon)
	w.Run()
	w.Set(4)
	w.Until("4 are ready", targettest.Ready(4))
	w.Set(1)
	time.Sleep(20 * time.Millisecond)
	w.daemon.Kill(t)
	w.Until("it is told", targettest.Told(docker.EngineUnreachable))
	w.daemon.Start(t)
	w.Until("1 is left", back(1))
	w.exactly(1)
}

// A controller that is killed at any moment of a start is followed by one
// that finds what there is.
func TestKilledControllerIsFollowed(t *testing.T) {
	for _, after := range []time.Duration{0, 200 * time.Millisecond, 600 * time.Millisecond, 3 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			if after < time.Second && after > 0 {
				testenv.Long(t)
			}
			w := newWorld(t, soon)
			counted := w.count()
			killController(t, w, 3, after)
			found := alive(owned(t, w.daemon, w.dir))
			w.Run()
			s := w.Until("3 are ready", targettest.Ready(3))
			if s.SpecReplicas != 3 {
				t.Errorf("%d are asked for, want 3", s.SpecReplicas)
			}
			t.Logf("%d containers were there", found)
			w.exactly(3)
			counted.atMost(3)
		})
	}
}

// killController runs a controller until some time after it has begun to make
// containers, and kills it.
func killController(t *testing.T, w *world, replicas int, after time.Duration) {
	t.Helper()
	orders, err := json.Marshal(controllerOrders{Config: webConfig(w.daemon), StateDir: w.dir, Replicas: replicas})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "TEST_ROLE=controller", "CONTROLLER="+string(orders))
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	testenv.EndWithTest(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); len(recorded(w.dir).Replicas) == 0; {
		if time.Now().After(deadline) {
			t.Fatalf("the controller made nothing: %s", out.String())
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

func TestChangedConfigurationIsRolledOut(t *testing.T) {
	w := newWorld(t, nil)
	w.Run()
	w.Set(2)
	before := w.Until("2 are ready", targettest.Ready(2))
	counted := w.count()
	cfg := webConfig(w.daemon)
	cfg.Env = map[string]string{"COLOUR": "red"}
	if err := w.Target.Update(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	rolling := false
	w.Until("2 others are ready", func(s target.Status) bool {
		rolling = rolling || targettest.Condition(s, scale.RolloutInProgress).Type != ""
		able := 0
		for i := range s.Replicas {
			if s.Replicas[i].TakesWork() {
				able++
			}
		}
		if able < 2 {
			t.Errorf("%d replicas take work during the rollout: %+v", able, s.Replicas)
		}
		return targettest.Ready(2)(s) && !targettest.Has(s, before.Replicas[0].ID) && !targettest.Has(s, before.Replicas[1].ID)
	})
	if !rolling {
		t.Error("no rollout was told")
	}
	counted.atMost(3) // one more than 2
}

// A controller that is asked to end while the engine is away waits for it, but
// not when it is asked again: then it says what it leaves.
func TestStopWhileTheEngineIsAwayEndsAtOnceWhenHurried(t *testing.T) {
	w := newWorld(t, soon)
	w.Run()
	w.Set(2)
	before := w.Until("2 are ready", targettest.Ready(2))
	w.daemon.Kill(t)
	defer w.daemon.Start(t)
	w.Until("it is told", targettest.Told(docker.EngineUnreachable))
	hurry, rush := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Target.Stop(hurry) }()
	select {
	case err := <-ended:
		t.Errorf("the engine is not waited for: %v", err)
	case <-time.After(2 * time.Second):
	}
	rush()
	began := time.Now()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), before.Replicas[0].ID+", "+before.Replicas[1].ID) || errors.Is(err, context.Canceled) {
			t.Errorf("what is left is not named: %v", err)
		}
		t.Logf("ended %v after nobody had patience any more: %v", time.Since(began), err)
	case <-time.After(5 * time.Second):
		t.Error("still waiting 5s after nobody had patience any more")
	}
}
