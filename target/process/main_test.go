//go:build linux

package process_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/sampleapp"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/process"
)

// TestMain lets the test binary play the replica and the controller, so that
// tests need no program but themselves.
func TestMain(m *testing.M) {
	switch os.Getenv("TEST_ROLE") {
	case "app":
		exitWith(playApp())
	case "burner":
		exitWith(playBurner())
	case "controller":
		exitWith(playController())
	default:
		os.Exit(m.Run())
	}
}

func exitWith(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	os.Exit(0)
}

// playApp is a replica; APP holds its configuration as JSON.
func playApp() error {
	cfg := sampleapp.FromEnvironment(os.Getenv)
	if err := json.Unmarshal([]byte(os.Getenv("APP")), &cfg); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return sampleapp.Run(ctx, cfg, clock.System, slog.New(slog.NewTextHandler(os.Stdout, nil)))
}

// appConfig is a target whose replicas are sample apps.
func appConfig(t *testing.T, change func(*sampleapp.Config)) process.Config {
	t.Helper()
	app := sampleapp.Default()
	app.Address, app.Replica = "", ""
	if change != nil {
		change(&app)
	}
	raw, err := json.Marshal(app)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "address") // from PORT
	if raw, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	cfg := process.Default()
	cfg.Command = []string{executable(t)}
	cfg.Env = map[string]string{"TEST_ROLE": "app", "APP": string(raw), "GORACE": "atexit_sleep_ms=0"}
	cfg.Readiness.Path = "/healthz"
	return cfg
}

// shellConfig is a target whose replicas run a shell script. Their readiness
// is that of whatever listens on PORT.
func shellConfig(script string) process.Config {
	cfg := process.Default()
	cfg.Command = []string{"/bin/sh", "-c", script}
	return cfg
}

func executable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// playController is a controller that can be killed; CONTROLLER holds its
// orders as JSON.
func playController() error {
	var orders controllerOrders
	if err := json.Unmarshal([]byte(os.Getenv("CONTROLLER")), &orders); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	tgt, err := process.New("web", orders.Config, process.Options{
		Clock: clock.System, Log: log, StateDir: orders.StateDir, DieWithController: orders.DieWithController,
	})
	if err != nil {
		return err
	}
	if orders.Replicas != nil {
		if err := tgt.SetReplicas(context.Background(), *orders.Replicas); err != nil {
			return err
		}
	}
	if orders.DieWithController {
		go endThreads()
	}
	// Not on the first thread, which never ends.
	runtime.LockOSThread()
	done := make(chan error, 1)
	go func() { done <- tgt.Run(context.Background()) }()
	return <-done
}

// endThreads ends threads of this process all the time: the runtime ends the
// thread of a goroutine that dies while it is locked to it.
func endThreads() {
	for {
		go runtime.LockOSThread()
		<-clock.System.After(time.Millisecond)
	}
}

type controllerOrders struct {
	Config            process.Config
	StateDir          string
	Replicas          *int
	DieWithController bool
}

// world is one target under test with all that belongs to it.
type world struct {
	t      *testing.T
	dir    string
	target *process.Target
	stop   context.CancelFunc
	done   chan error
}

// newWorld makes a target and sees to it that none of its processes outlives
// the test.
func newWorld(t *testing.T, cfg process.Config, change func(*process.Options)) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	t.Cleanup(func() { killOwned(t, w.owner()) })
	w.open(cfg, change)
	return w
}

func (w *world) owner() string { return w.dir + "/web" }

// open builds the target, as a controller that has just been started does.
func (w *world) open(cfg process.Config, change func(*process.Options)) {
	w.t.Helper()
	opts := process.Options{Clock: clock.System, Log: testLog(w.t), StateDir: w.dir}
	if change != nil {
		change(&opts)
	}
	tgt, err := process.New("web", cfg, opts)
	if err != nil {
		w.t.Fatal(err)
	}
	w.target = tgt
}

// run starts the target's own work; it ends with the test at the latest.
func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	w.stop, w.done = cancel, done
	tgt := w.target
	go func() { done <- tgt.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
		done <- nil
	})
}

// leave ends the controller's work; the replicas stay.
func (w *world) leave() {
	w.stop()
	if err := <-w.done; err != nil {
		w.t.Errorf("Run: %v", err)
	}
	w.done <- nil
}

// end stops the target with all its replicas.
func (w *world) end() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	if err := w.target.Stop(ctx); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) set(n int) {
	w.t.Helper()
	if err := w.target.SetReplicas(w.t.Context(), n); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) status() target.Status {
	w.t.Helper()
	s, err := w.target.Status(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// until waits for a status in which the condition holds.
func (w *world) until(what string, holds func(target.Status) bool) target.Status {
	w.t.Helper()
	var last target.Status
	eventually(w.t, what, func() bool {
		last = w.status()
		return holds(last)
	}, func() string { return fmt.Sprintf("last status: %+v", last) })
	return last
}

// ready is a condition for until: exactly n replicas, all of them ready.
func ready(n int) func(target.Status) bool {
	return func(s target.Status) bool { return len(s.Replicas) == n && readyCount(s) == n }
}

func readyCount(s target.Status) int {
	n := 0
	for _, r := range s.Replicas {
		if r.TakesWork() {
			n++
		}
	}
	return n
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, holds func() bool, detail func() string) {
	t.Helper()
	deadline := clock.System.Now().Add(60 * time.Second)
	for !holds() {
		if clock.System.Now().After(deadline) {
			t.Fatalf("waited 60 s in vain until %s; %s", what, detail())
		}
		<-clock.System.After(10 * time.Millisecond)
	}
}

// testLog writes to the test's output.
func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}
