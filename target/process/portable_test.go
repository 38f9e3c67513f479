//go:build !linux

package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/sampleapp"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/process"
)

// The whole suite needs the table of processes of Linux. This is what holds
// elsewhere too: it rests on what is written down and on groups or jobs.

// TestMain lets the test binary play the replica, its child and the controller.
func TestMain(m *testing.M) {
	var err error
	switch os.Getenv("TEST_ROLE") {
	case "app":
		err = playApp()
	case "parent":
		err = playParent()
	case "child":
		<-clock.System.After(time.Hour)
	case "controller":
		err = playController()
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

// playApp is a replica.
func playApp() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg := sampleapp.FromEnvironment(os.Getenv)
	return sampleapp.Run(ctx, cfg, clock.System, slog.New(slog.NewTextHandler(os.Stdout, nil)))
}

// playParent is a replica with a child, whose number it prints.
func playParent() error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(path)
	child.Env = append(os.Environ(), "TEST_ROLE=child")
	if err := child.Start(); err != nil {
		return err
	}
	fmt.Println("child", child.Process.Pid)
	return playApp()
}

// playController is a controller that can be killed.
func playController() error {
	tgt, err := process.New("web", appConfig(os.Getenv("TEST_REPLICA")), process.Options{
		Clock: clock.System, Log: slog.New(slog.NewTextHandler(os.Stdout, nil)), StateDir: os.Getenv("TEST_STATE"),
		DieWithController: os.Getenv("TEST_DIE") != "",
	})
	if err != nil {
		return err
	}
	if err := tgt.SetReplicas(context.Background(), 2); err != nil {
		return err
	}
	return tgt.Run(context.Background())
}

func appConfig(role string) process.Config {
	path, _ := os.Executable() // what started can be found
	cfg := process.Default()
	cfg.Command = []string{path}
	cfg.Env = map[string]string{"TEST_ROLE": role}
	cfg.Readiness.Path = "/healthz"
	cfg.UsageWindow = scale.Duration(time.Second)
	cfg.Resources.Memory = "1Gi"
	return cfg
}

// world is a target and where its state is.
type world struct {
	t      *testing.T
	dir    string
	target *process.Target
}

// newWorld ends whatever the test has left.
func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir()}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		w.open("app")
		if err := w.target.Stop(ctx); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return w
}

// open builds the target as a controller does that has just been started.
func (w *world) open(role string) {
	w.t.Helper()
	tgt, err := process.New("web", appConfig(role), process.Options{
		Clock: clock.System, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)), StateDir: w.dir,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.target = tgt
}

// run lets the target work until the function it returns is called.
func (w *world) run() (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.target.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}
}

// controller starts a controller that can be killed.
func (w *world) controller(env ...string) *exec.Cmd {
	w.t.Helper()
	path, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), append(env, "TEST_ROLE=controller", "TEST_STATE="+w.dir)...)
	cmd.Stdout, cmd.Stderr = w.t.Output(), w.t.Output()
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

func (w *world) until(what string, holds func(target.Status) bool) target.Status {
	w.t.Helper()
	var last target.Status
	eventually(w.t, what, func() bool {
		var err error
		if last, err = w.target.Status(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		return holds(last)
	})
	return last
}

func ready(n int) func(target.Status) bool {
	return func(s target.Status) bool {
		return len(s.Replicas) == n && !slices.ContainsFunc(s.Replicas, func(r scale.Replica) bool { return !r.TakesWork() })
	}
}

func ids(s target.Status) []string {
	var all []string
	for _, r := range s.Replicas {
		all = append(all, r.ID)
	}
	return all
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); <-clock.System.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute in vain until %s", what)
		}
	}
}

// pids are the first processes of the replicas, as written down.
func (w *world) pids() []int {
	w.t.Helper()
	var state struct{ Replicas []struct{ PID int } }
	raw, err := os.ReadFile(filepath.Join(w.dir, "web.json"))
	if err == nil {
		err = json.Unmarshal(raw, &state)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var all []int
	for _, r := range state.Replicas {
		all = append(all, r.PID)
	}
	return all
}

func TestReplicasStartServeAndEnd(t *testing.T) {
	w := newWorld(t)
	w.open("app")
	defer w.run()()
	if err := w.target.SetReplicas(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	s := w.until("2 are ready", ready(2))
	for _, r := range s.Replicas {
		response, err := http.Get("http://" + r.Address)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if !strings.Contains(string(body), r.ID) {
			t.Errorf("%s at %s answers %q", r.ID, r.Address, body)
		}
	}
	before := w.pids()
	if err := w.target.SetReplicas(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	w.until("1 is left", ready(1))
	if left := slices.DeleteFunc(before, func(pid int) bool { return !runs(pid) }); len(left) != 1 {
		t.Errorf("processes %v run, want one", left)
	}
}

func TestAControllerThatWasKilledFindsItsReplicas(t *testing.T) {
	w := newWorld(t)
	w.open("app")
	first := w.controller("TEST_REPLICA=app")
	before := w.until("2 are ready", ready(2))
	pids := w.pids()
	_ = first.Process.Kill()
	_ = first.Wait()
	for _, pid := range pids {
		if !runs(pid) {
			t.Fatalf("replica %d ended with its controller", pid)
		}
	}
	w.open("app")
	leave := w.run()
	defer leave()
	after := w.until("both are ready again", ready(2))
	if !slices.Equal(ids(before), ids(after)) || !slices.Equal(pids, w.pids()) {
		t.Errorf("got %v as %v, want the same %v as %v", ids(after), w.pids(), ids(before), pids)
	}
	w.measures()
	if err := w.target.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	for _, pid := range pids {
		if runs(pid) {
			t.Errorf("replica %d runs after Stop", pid)
		}
	}
}

// measures checks that memory is measured, or that the reason is given.
func (w *world) measures() {
	w.t.Helper()
	var samples []scale.Sample
	eventually(w.t, "memory is measured, or cannot be", func() bool {
		var err error
		samples, err = w.target.Collect(w.t.Context())
		if runtime.GOOS != "windows" {
			return errors.Is(err, errors.ErrUnsupported)
		}
		return slices.ContainsFunc(samples, func(s scale.Sample) bool {
			return s.Signal == scale.MemoryUtilization && s.Replica == "" && s.Value > 0.001 && s.Value < 1
		})
	})
}

// What a replica has started ends with it, also when it was adopted.
func TestReplicasTakeTheirChildrenAlong(t *testing.T) {
	w := newWorld(t)
	w.open("parent")
	first := w.controller("TEST_REPLICA=parent")
	w.until("2 are ready", ready(2))
	_ = first.Process.Kill()
	_ = first.Wait()
	children := w.children()
	if len(children) != 2 || !runs(children[0]) || !runs(children[1]) {
		t.Fatalf("children are %v, want two that run", children)
	}
	w.open("parent")
	if err := w.target.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	for _, pid := range append(children, w.pids()...) {
		if runs(pid) {
			t.Errorf("process %d runs after Stop", pid)
		}
	}
}

// children are what the replicas have written of their children.
func (w *world) children() []int {
	var all []int
	files, _ := filepath.Glob(filepath.Join(w.dir, "web.logs", "*.log"))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			if number, found := strings.CutPrefix(strings.TrimSpace(line), "child "); found {
				pid, _ := strconv.Atoi(number)
				all = append(all, pid)
			}
		}
	}
	return all
}

// A number that was written down may belong to somebody else by now.
func TestSomebodyElsesProcessIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stranger := exec.Command(path)
	stranger.Env = append(os.Environ(), "TEST_ROLE=child")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	}()
	state := fmt.Sprintf(`{"desired":1,"replicas":[{"id":"web-old","pid":%d,"identity":"of an earlier time","port":20000}]}`, stranger.Process.Pid)
	if err := os.WriteFile(filepath.Join(w.dir, "web.json"), []byte(state), 0o600); err != nil {
		t.Fatal(err)
	}
	w.open("app")
	leave := w.run()
	defer leave()
	s := w.until("a replica of our own is ready", ready(1))
	if slices.Contains(ids(s), "web-old") {
		t.Errorf("the stranger was adopted: %v", ids(s))
	}
	if err := w.target.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if !runs(stranger.Process.Pid) {
		t.Error("somebody else's process was ended")
	}
}
