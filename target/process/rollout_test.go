//go:build linux

package process_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flyball-io/flyball/internal/sampleapp"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/process"
	"github.com/flyball-io/flyball/target/targettest"
)

// neverBelow is a condition for until that fails the test when fewer than n
// replicas take work on the way.
func (w *world) neverBelow(n int, holds func(target.Status) bool) func(target.Status) bool {
	return func(s target.Status) bool {
		w.T.Helper()
		if got := targettest.ReadyCount(s); got < n {
			w.T.Errorf("%d take work, want never below %d: %+v", got, n, s.Replicas)
		}
		return holds(s)
	}
}

func TestUpdateReplacesOneByOne(t *testing.T) {
	cfg := appConfig(t, nil)
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(3)
	before := w.Until("3 are ready", targettest.Ready(3))
	cfg.Env["VERSION"] = "2"
	if err := w.Target.Update(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	w.Until("the rollout is told", w.neverBelow(3, func(s target.Status) bool {
		_, rolling := condition(s, "RolloutInProgress")
		return rolling
	}))
	w.Until("all are of the new version", w.neverBelow(3, func(s target.Status) bool {
		staying := 0
		for _, r := range s.Replicas {
			if r.DeletedAt.IsZero() {
				staying++
			}
		}
		if staying > 4 {
			t.Errorf("%d replicas where 3 are desired and one more may be", staying)
		}
		for _, r := range before.Replicas {
			if targettest.Has(s, r.ID) {
				return false
			}
		}
		return targettest.Ready(3)(s)
	}))
	w.Until("the rollout is over", func(s target.Status) bool { return len(s.Conditions) == 0 })
}

func TestAdoptedReplicasOfAnotherCommandAreReplaced(t *testing.T) {
	cfg := appConfig(t, nil)
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(2)
	before := w.Until("2 are ready", targettest.Ready(2))
	w.Leave()
	cfg.Env["VERSION"] = "2"
	w.open(cfg, nil)
	w.Run()
	w.Until("both are of the new version", func(s target.Status) bool {
		return targettest.Ready(2)(s) && !targettest.Has(s, before.Replicas[0].ID) && !targettest.Has(s, before.Replicas[1].ID)
	})
}

func TestUpdateToACommandThatFailsKeepsTheOldReplicas(t *testing.T) {
	cfg := appConfig(t, nil)
	cfg.Backoff.Min = scale.Duration(50 * time.Millisecond)
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(2)
	w.Until("2 are ready", targettest.Ready(2))
	bad := appConfig(t, func(app *sampleapp.Config) { app.StartFail = true })
	bad.Backoff = cfg.Backoff
	if err := w.Target.Update(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	s := w.Until("the crash loop is told", w.neverBelow(2, func(s target.Status) bool {
		_, failing := condition(s, "CrashLoop")
		return failing
	}))
	if c, _ := condition(s, "CrashLoop"); !strings.Contains(c.Message, "told to fail at start") {
		t.Errorf("got %s", c.Message)
	}
	if err := w.Target.Update(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	w.Until("all is well again", w.neverBelow(2, func(s target.Status) bool { return targettest.Ready(2)(s) && len(s.Conditions) == 0 }))
}

func TestUpdateOfTheProbeKeepsTheReplicas(t *testing.T) {
	cfg := appConfig(t, func(app *sampleapp.Config) { app.Mode = sampleapp.Unready })
	cfg.Readiness.Path = "/"
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(1)
	before := w.Until("it is ready by its old probe", targettest.Ready(1))
	cfg.Readiness.Path, cfg.Readiness.FailureThreshold = "/healthz", 1
	if err := w.Target.Update(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	after := w.Until("it is not by the new one", func(s target.Status) bool { return targettest.ReadyCount(s) == 0 })
	if len(after.Replicas) != 1 || !targettest.Has(after, before.Replicas[0].ID) {
		t.Errorf("replicas are now %v, want still %v", ids(after), ids(before))
	}
}

func TestUpdateThatCannotRunIsRefused(t *testing.T) {
	cfg := appConfig(t, nil)
	w := newWorld(t, cfg, nil)
	bad := cfg
	bad.Command = []string{"/no/such/program"}
	if err := w.Target.Update(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("got %v", err)
	}
}

// A request in progress when its replica has to go is answered: first the
// drain, then SIGTERM, on which the program finishes what it has.
func TestScaleDownFinishesRequestsInProgress(t *testing.T) {
	traffic := &targettest.Traffic{}
	cfg := appConfig(t, func(app *sampleapp.Config) {
		app.ServiceLaw, app.ServiceMean = sampleapp.Deterministic, scale.Duration(600*time.Millisecond)
	})
	w := newWorld(t, cfg, func(opts *process.Options) { opts.Traffic = traffic })
	w.Run()
	w.Set(1)
	r := w.Until("1 is ready", targettest.Ready(1)).Replicas[0]
	traffic.Hold()
	answered := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + r.Address)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		answered <- err
	}()
	eventually(t, "the request is in progress", func() bool {
		return strings.Contains(fetch(t, "http://"+r.Address+"/metrics"), "http_slots_busy 1\n")
	}, func() string { return "" })
	w.Set(0)
	w.Until("its drain has begun", func(s target.Status) bool {
		return !s.Replicas[0].DeletedAt.IsZero() && len(traffic.Begun()) == 1
	})
	if resp := fetch(t, "http://"+r.Address+"/healthz"); resp != "ok\n" {
		t.Errorf("asked to end before it was drained: %q", resp)
	}
	traffic.Release()
	if err := <-answered; err != nil {
		t.Errorf("request in progress: %v", err)
	}
	w.Until("it is gone", func(s target.Status) bool { return len(s.Replicas) == 0 })
}

func TestDrainTimeoutIsTheLongestWait(t *testing.T) {
	traffic := &targettest.Traffic{}
	cfg := appConfig(t, nil)
	cfg.DrainTimeout = scale.Duration(200 * time.Millisecond)
	w := newWorld(t, cfg, func(opts *process.Options) { opts.Traffic = traffic })
	w.Run()
	w.Set(3)
	w.Until("3 are ready", targettest.Ready(3))
	traffic.Hold()
	defer traffic.Release()
	w.Set(0)
	w.Until("all are gone although no drain has finished", func(s target.Status) bool { return len(s.Replicas) == 0 })
	if got := len(traffic.Begun()); got != 3 {
		t.Errorf("%d drains were begun, want 3", got)
	}
}

func TestEachReplicaIsToldItsPort(t *testing.T) {
	dir := t.TempDir()
	cfg := shellConfig(`echo "$PORT $1 $GREETING $(pwd) $FLYBALL_REPLICA"; exec sleep 1000`)
	cfg.Command = append(cfg.Command, "sh", "--port={port}")
	cfg.Env = map[string]string{"GREETING": "hello"}
	cfg.WorkingDirectory = dir
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(1)
	r := w.Until("it runs", func(s target.Status) bool { return len(s.Replicas) == 1 }).Replicas[0]
	_, port, _ := strings.Cut(r.Address, ":")
	want := port + " --port=" + port + " hello " + dir + " " + r.ID + "\n"
	got := ""
	eventually(t, "it has written its line", func() bool {
		raw, err := os.ReadFile(filepath.Join(w.dir, "web.logs", r.ID+".log"))
		got = string(raw)
		return err == nil && got != ""
	}, func() string { return "" })
	if got != want {
		t.Errorf("it was told %q, want %q", got, want)
	}
}

func TestRunLeavesNoGoroutineBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	w := newWorld(t, appConfig(t, nil), nil)
	w.Run()
	w.Set(2)
	w.Until("2 are ready", targettest.Ready(2))
	w.Set(1)
	w.Until("1 is left", targettest.Ready(1))
	w.Leave()
	w.end()
}

func TestStoppedTargetTakesNoOrders(t *testing.T) {
	w := newWorld(t, appConfig(t, nil), nil)
	w.Run()
	w.Set(1)
	w.Until("1 is ready", targettest.Ready(1))
	w.end()
	if err := w.Target.SetReplicas(t.Context(), 1); err == nil || !strings.Contains(err.Error(), process.ErrStopped.Error()) {
		t.Errorf("SetReplicas after Stop: %v", err)
	}
	if s := w.Status(); s.SpecReplicas != 0 {
		t.Errorf("after Stop %d are asked for", s.SpecReplicas)
	}
	if got := w.desired(); got != 1 {
		t.Errorf("on disk %d are asked for, want 1 for whoever starts the target again", got)
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}
