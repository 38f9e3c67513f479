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
	"github.com/flyball-io/flyball/target/process"
	"github.com/flyball-io/flyball/target/targettest"
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
	targettest.Controlled[*process.Target]
	dir string
}

// newWorld makes a target and sees to it that none of its processes outlives
// the test.
func newWorld(t *testing.T, cfg process.Config, change func(*process.Options)) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	w.T = t
	t.Cleanup(func() { killOwned(t, w.owner()) })
	w.open(cfg, change)
	return w
}

func (w *world) owner() string { return w.dir + "/web" }

// open builds the target, as a controller that has just been started does.
func (w *world) open(cfg process.Config, change func(*process.Options)) {
	w.T.Helper()
	opts := process.Options{Clock: clock.System, Log: targettest.Log(w.T), StateDir: w.dir}
	if change != nil {
		change(&opts)
	}
	tgt, err := process.New("web", cfg, opts)
	if err != nil {
		w.T.Fatal(err)
	}
	w.Target = tgt
}

// end stops the target with all its replicas.
func (w *world) end() {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(w.T.Context(), time.Minute)
	defer cancel()
	if err := w.Target.Stop(ctx); err != nil {
		w.T.Fatal(err)
	}
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
