//go:build linux

package process_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/process"
	"github.com/flyball-io/flyball/target/targettest"
)

// controller is a controller in a process of its own, that can be killed.
func (w *world) controller(orders controllerOrders) *exec.Cmd {
	w.T.Helper()
	orders.StateDir = w.dir
	raw, err := json.Marshal(orders)
	if err != nil {
		w.T.Fatal(err)
	}
	cmd := exec.Command(executable(w.T))
	cmd.Env = append(os.Environ(), "TEST_ROLE=controller", "CONTROLLER="+string(raw))
	cmd.Stdout, cmd.Stderr = w.T.Output(), w.T.Output()
	if err := cmd.Start(); err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { end(cmd) })
	return cmd
}

// end kills a controller; its replicas are on their own.
func end(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

// stateOnDisk is what the tests read of web.json.
type stateOnDisk struct {
	Desired  int
	Replicas []struct {
		ID        string
		PID       int
		DeletedAt time.Time
	}
	Rollout  time.Time
	Failures struct {
		InARow               int
		Last, Since, RetryAt time.Time
	}
}

func (w *world) state() stateOnDisk {
	w.T.Helper()
	var state stateOnDisk
	raw, err := os.ReadFile(filepath.Join(w.dir, "web.json"))
	if errors.Is(err, os.ErrNotExist) {
		return state
	}
	if err != nil {
		w.T.Fatal(err)
	}
	if err := json.Unmarshal(raw, &state); err != nil {
		w.T.Fatalf("%v in %s", err, raw)
	}
	return state
}

// desired is the count on disk.
func (w *world) desired() int { return w.state().Desired }

// recordedPID is the process of the only replica on disk; 0 when there is
// not just one.
func (w *world) recordedPID() int {
	if replicas := w.state().Replicas; len(replicas) == 1 {
		return replicas[0].PID
	}
	return 0
}

// Kill the controller at any moment, also while it starts, ends or drains
// replicas: the next one has the right count, none is lost and none doubled.
func TestControllerKilledAtAnyMoment(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	cfg := appConfig(t, nil)
	w := newWorld(t, cfg, nil)
	for i := range 25 {
		n := rng.IntN(5)
		orders := controllerOrders{Config: cfg, Replicas: &n}
		if rng.IntN(3) == 0 {
			orders.Replicas = nil // it goes on with what it finds
		}
		cmd := w.controller(orders)
		<-clock.System.After(time.Duration(rng.IntN(500)) * time.Millisecond)
		end(cmd)
		if i%5 == 4 {
			w.checkReturn(cfg)
		}
	}
}

// checkReturn lets a controller come back and checks that what runs is what
// should.
func (w *world) checkReturn(cfg process.Config) {
	w.T.Helper()
	want, alive := w.desired(), w.staying()
	w.open(cfg, nil)
	w.Run()
	w.Until(fmt.Sprintf("%d are ready", want), targettest.Ready(want))
	replicas := owned(w.T, w.owner())
	if len(replicas) != want {
		w.T.Errorf("%d replicas run, want %d: %v", len(replicas), want, replicas)
	}
	for id, pids := range replicas {
		if len(pids) != 1 {
			w.T.Errorf("%s runs %d times: %v", id, len(pids), pids)
		}
	}
	for _, id := range alive {
		if len(alive) <= want && replicas[id] == nil {
			w.T.Errorf("%s was replaced although %v ran where %d are desired", id, alive, want)
		}
	}
	w.Leave()
}

// staying lists the replicas that run and were not asked to end.
func (w *world) staying() []string {
	w.T.Helper()
	leaving := map[string]bool{}
	for _, r := range w.state().Replicas {
		leaving[r.ID] = !r.DeletedAt.IsZero()
	}
	var all []string
	for id := range owned(w.T, w.owner()) {
		if !leaving[id] {
			all = append(all, id)
		}
	}
	return all
}

func TestNextControllerAdoptsTheSameReplicas(t *testing.T) {
	cfg := appConfig(t, nil)
	w := newWorld(t, cfg, nil)
	n := 3
	cmd := w.controller(controllerOrders{Config: cfg, Replicas: &n})
	eventually(t, "3 run", func() bool { return len(owned(t, w.owner())) == 3 }, func() string { return "" })
	end(cmd)
	before := owned(t, w.owner())
	w.open(cfg, nil)
	w.Run()
	s := w.Until("3 are ready", targettest.Ready(3))
	if got, want := ids(s), slices.Sorted(maps.Keys(before)); !slices.Equal(got, want) {
		t.Errorf("adopted %v, want %v", got, want)
	}
	// An adopted replica is looked after like any other.
	if err := syscall.Kill(pidOf(t, w.owner(), ids(s)[0]), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.Until("the killed one is replaced", func(now target.Status) bool { return targettest.Ready(3)(now) && !targettest.Has(now, ids(s)[0]) })
	w.end()
	if left := owned(t, w.owner()); len(left) > 0 {
		t.Errorf("left after Stop: %v", left)
	}
}

func TestCountIsThatOfTheReplicasWhereNoneIsWrittenDown(t *testing.T) {
	cfg := appConfig(t, nil)
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(2)
	before := ids(w.Until("2 are ready", targettest.Ready(2)))
	w.Leave()
	if err := os.Remove(filepath.Join(w.dir, "web.json")); err != nil {
		t.Fatal(err)
	}
	w.open(cfg, nil)
	w.Run()
	s := w.Until("2 are ready", targettest.Ready(2))
	if s.SpecReplicas != 2 || !slices.Equal(ids(s), before) {
		t.Errorf("asked for %d, found %v, want %v", s.SpecReplicas, ids(s), before)
	}
}

// A program that overwrites its environment shows no mark; what was written
// down finds it all the same.
func TestReplicaWithoutMarkIsAdopted(t *testing.T) {
	cfg := shellConfig(`exec env -i /bin/sh -c "trap '' TERM; while :; do /bin/sleep 0.05; done"`)
	cfg.TerminationGracePeriod = scale.Duration(100 * time.Millisecond)
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(1)
	s := w.Until("it runs", func(s target.Status) bool { return len(s.Replicas) == 1 })
	pid := 0
	eventually(t, "it has lost its mark", func() bool {
		pid = w.recordedPID()
		return pid > 0 && len(owned(t, w.owner())) == 0
	}, func() string { return "" })
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	w.Leave()
	w.open(cfg, nil)
	w.Run()
	now := w.Until("it is known again", func(s target.Status) bool { return len(s.Replicas) == 1 })
	if !slices.Equal(ids(now), ids(s)) {
		t.Errorf("found %v, want %v", ids(now), ids(s))
	}
	w.end()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is left after Stop: %v", pid, err)
	}
}

// Whoever was asked to end goes on ending under the next controller; no other
// one goes instead.
func TestEndThatWasBegunIsFinishedByTheNextController(t *testing.T) {
	traffic := &targettest.Traffic{}
	cfg := appConfig(t, nil)
	w := newWorld(t, cfg, func(opts *process.Options) { opts.Traffic = traffic })
	w.Run()
	w.Set(3)
	all := ids(w.Until("3 are ready", targettest.Ready(3)))
	traffic.Hold()
	defer traffic.Release()
	for i, id := range all {
		traffic.SetLoad(id, []int{1, 0, 2}[i])
	}
	w.Set(2)
	w.Until("the drain has begun", func(target.Status) bool { return len(traffic.Begun()) == 1 })
	w.Leave()
	if got := len(owned(t, w.owner())); got != 3 {
		t.Fatalf("%d of 3 run while one is being drained", got)
	}
	w.open(cfg, nil)
	w.Run()
	left := w.Until("2 are left", targettest.Ready(2))
	if want := []string{all[0], all[2]}; !slices.Equal(ids(left), want) {
		t.Errorf("left are %v, want %v: %s was being drained", ids(left), want, all[1])
	}
}

func TestLeftoversOfDeadReplicasAreEnded(t *testing.T) {
	cfg := shellConfig("sleep 1000 & setsid sleep 1000 & exec sleep 1000")
	w := newWorld(t, cfg, nil)
	n := 1
	cmd := w.controller(controllerOrders{Config: cfg, Replicas: &n})
	eventually(t, "3 processes run", func() bool {
		for _, pids := range owned(t, w.owner()) {
			return len(pids) == 3
		}
		return false
	}, func() string { return fmt.Sprint(owned(t, w.owner())) })
	end(cmd)
	if err := syscall.Kill(w.recordedPID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var left string
	for id := range owned(t, w.owner()) {
		left = id
	}
	w.open(cfg, nil)
	w.Run()
	w.Until("a new one runs", func(s target.Status) bool { return len(s.Replicas) == 1 && !targettest.Has(s, left) })
	if pids := owned(t, w.owner())[left]; len(pids) > 0 {
		t.Errorf("the dead %s still has processes %v", left, pids)
	}
}

func TestReplicasDieWithTheController(t *testing.T) {
	cfg := appConfig(t, nil)
	w := newWorld(t, cfg, nil)
	n := 3
	cmd := w.controller(controllerOrders{Config: cfg, Replicas: &n, DieWithController: true})
	eventually(t, "3 run", func() bool { return len(owned(t, w.owner())) == 3 }, func() string { return "" })
	// They die with the process, not with one of its threads.
	<-clock.System.After(500 * time.Millisecond)
	if got := len(owned(t, w.owner())); got != 3 {
		t.Errorf("%d of 3 run while the controller lives", got)
	}
	end(cmd)
	eventually(t, "none is left", func() bool { return len(owned(t, w.owner())) == 0 },
		func() string { return fmt.Sprint(owned(t, w.owner())) })
}

func TestTwoControllersAreRefused(t *testing.T) {
	cfg := appConfig(t, nil)
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(1)
	w.Until("1 is ready", targettest.Ready(1))
	second, err := process.New("web", cfg, process.Options{Clock: clock.System, Log: targettest.Log(t), StateDir: w.dir})
	if err != nil {
		t.Fatal(err)
	}
	// Looking is allowed, and sees what the first one looks after.
	s, err := second.Status(t.Context())
	if err != nil || !targettest.Ready(1)(s) || s.SpecReplicas != 1 {
		t.Errorf("Status of the second: %+v, %v", s, err)
	}
	for what, err := range map[string]error{
		"Run":         second.Run(t.Context()),
		"SetReplicas": second.SetReplicas(t.Context(), 3),
		"Stop":        second.Stop(t.Context()),
	} {
		if !errors.Is(err, process.ErrInUse) || !strings.Contains(err.Error(), filepath.Join(w.dir, "web.lock")) {
			t.Errorf("%s of the second: %v, want ErrInUse that names the lock", what, err)
		}
	}
}

func TestCountCanBeSetBeforeRun(t *testing.T) {
	w := newWorld(t, appConfig(t, nil), nil)
	w.Set(2)
	if s := w.Status(); s.SpecReplicas != 2 || len(s.Replicas) != 0 {
		t.Errorf("before Run: %+v", s)
	}
	w.Run()
	w.Until("2 are ready", targettest.Ready(2))
}

func TestCountThatCannotBeWrittenIsNotTaken(t *testing.T) {
	w := newWorld(t, appConfig(t, nil), nil)
	w.Run()
	w.Set(1)
	w.Until("1 is ready", targettest.Ready(1))
	obstacle := filepath.Join(w.dir, "web.json.new")
	if err := os.Mkdir(obstacle, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := w.Target.SetReplicas(t.Context(), 2); err == nil {
		t.Error("a count that cannot be written down gave no error")
	}
	if s := w.Status(); s.SpecReplicas != 1 {
		t.Errorf("asked for %d, want 1 as before", s.SpecReplicas)
	}
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	w.Set(2)
	w.Until("2 are ready", targettest.Ready(2))
}

// A controller that is killed while a replica ends is followed by one that does
// not tell the replica again: it has the rest of its time.
func TestWhatWasToldToEndIsNotToldAgain(t *testing.T) {
	told := filepath.Join(t.TempDir(), "told")
	cfg := shellConfig(`trap 'echo told >> ` + told + `' TERM; while :; do /bin/sleep 0.05; done`)
	cfg.TerminationGracePeriod = scale.Duration(6 * time.Second)
	w := newWorld(t, cfg, nil)
	n := 1
	cmd := w.controller(controllerOrders{Config: cfg, Replicas: &n})
	eventually(t, "it runs", func() bool { return len(owned(t, w.owner())) == 1 }, func() string { return "" })
	end(cmd)
	<-clock.System.After(500 * time.Millisecond) // the shell has set its trap
	n = 0
	cmd = w.controller(controllerOrders{Config: cfg, Replicas: &n})
	asked := func() int {
		text, _ := os.ReadFile(told)
		return strings.Count(string(text), "told")
	}
	eventually(t, "it was told to end", func() bool { return asked() == 1 }, func() string { return "" })
	began := clock.System.Now()
	end(cmd)
	w.open(cfg, nil)
	w.Run()
	w.Until("it was ended", func(s target.Status) bool { return len(s.Replicas) == 0 })
	if took := clock.System.Now().Sub(began); asked() != 1 || took < 4*time.Second {
		t.Errorf("told %d times, ended after %v; want once, and what is left of %v", asked(), took, cfg.TerminationGracePeriod)
	}
	w.Leave()
}
