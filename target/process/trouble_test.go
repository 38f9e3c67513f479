//go:build linux

package process_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/targettest"
)

// A crash loop is none the less one because the controller was killed: the
// next one says so at once, and does not start before the wait is over.
func TestCrashLoopOutlivesTheController(t *testing.T) {
	cfg := shellConfig("echo no such table: users; exit 3")
	cfg.Backoff.Min = scale.Duration(300 * time.Millisecond)
	w := newWorld(t, cfg, nil)
	n := 1
	cmd := w.controller(controllerOrders{Config: cfg, Replicas: &n})
	failed := func(n int) func() bool { return func() bool { return w.state().Failures.InARow >= n } }
	detail := func() string { return fmt.Sprintf("on disk: %+v", w.state()) }
	eventually(t, "4 failures are written down", failed(4), detail)
	end(cmd)
	before := w.state().Failures

	w.open(cfg, nil)
	w.Run()
	c, loop := condition(w.Status(), scale.CrashLoop)
	if want := fmt.Sprint(before.InARow, " failed starts"); !loop || !strings.Contains(c.Message, want) || !strings.Contains(c.Message, "no such table: users") {
		t.Errorf("the first status: got %v %q, want the crash loop with %q and its last line", loop, c.Message, want)
	}
	if !c.Since.Equal(before.Since) {
		t.Errorf("crash loop since %v, want %v as before the controller was killed", c.Since, before.Since)
	}
	eventually(t, "it has failed again", failed(before.InARow+1), detail)
	if again := w.state().Failures; again.Last.Before(before.RetryAt) {
		t.Errorf("failed again at %v, want no start before %v", again.Last, before.RetryAt)
	}
}

// What another command failed at says nothing of the one that is configured
// when the controller returns.
func TestFailuresOfAnotherCommandAreNotTakenOver(t *testing.T) {
	bad := shellConfig("exit 3")
	bad.Backoff.Min = scale.Duration(50 * time.Millisecond)
	w := newWorld(t, bad, nil)
	w.Run()
	w.Set(1)
	w.Until("it is a crash loop", func(s target.Status) bool { _, loop := condition(s, scale.CrashLoop); return loop })
	w.Leave()
	w.open(shellConfig("exec sleep 1000"), nil)
	w.Run()
	if c, loop := condition(w.Status(), scale.CrashLoop); loop {
		t.Errorf("got %+v, want no crash loop of a command that never ran", c)
	}
}

// A rollout that is stuck began when it began, however often the controller
// is started: guards count from there.
func TestRolloutKeepsItsBeginning(t *testing.T) {
	cfg := appConfig(t, nil)
	w := newWorld(t, cfg, nil)
	n := 1
	cmd := w.controller(controllerOrders{Config: cfg, Replicas: &n})
	eventually(t, "one runs", func() bool { return len(owned(t, w.owner())) == 1 }, func() string { return "" })
	end(cmd)
	stuck := shellConfig("exec sleep 1000") // never ready, so the old one stays
	cmd = w.controller(controllerOrders{Config: stuck})
	eventually(t, "the rollout is written down", func() bool { return !w.state().Rollout.IsZero() },
		func() string { return fmt.Sprintf("on disk: %+v", w.state()) })
	end(cmd)
	began := w.state().Rollout

	for range 2 {
		w.open(stuck, nil)
		w.Run()
		s := w.Until("the rollout is told", func(s target.Status) bool {
			_, rolling := condition(s, scale.RolloutInProgress)
			return rolling
		})
		if c, _ := condition(s, scale.RolloutInProgress); !c.Since.Equal(began) {
			t.Errorf("rollout since %v, want %v as before the controller was killed", c.Since, began)
		}
		w.Leave()
	}
	w.open(cfg, nil)
	w.Run()
	w.Until("the rollout was taken back", func(s target.Status) bool { return len(s.Conditions) == 0 && targettest.Ready(1)(s) })
	if at := w.state().Rollout; !at.IsZero() {
		t.Errorf("the rollout that is over is still on disk: %v", at)
	}
}

// Files that knew neither failures nor rollouts are read as they are.
func TestStateOfAnEarlierVersionIsRead(t *testing.T) {
	w := newWorld(t, appConfig(t, nil), nil)
	if err := os.WriteFile(filepath.Join(w.dir, "web.json"), []byte(`{"desired": 2, "replicas": []}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Run()
	if s := w.Until("2 are ready", targettest.Ready(2)); len(s.Conditions) > 0 {
		t.Errorf("got %+v, want no conditions", s.Conditions)
	}
}

// A full disk does not stop scaling. What could not be written down is written
// once there is room.
func TestScalingGoesOnWhileTheDiskIsFull(t *testing.T) {
	disk := testenv.SmallDisk(t, "1m")
	cfg := appConfig(t, nil)
	w := newWorld(t, cfg, nil)
	w.dir = filepath.Join(disk, "state")
	w.open(cfg, nil)
	w.Run()
	w.Set(1)
	w.Until("1 is ready", targettest.Ready(1))
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	w.Set(3)
	w.Until("3 are ready", targettest.Ready(3))
	if n := w.desired(); n != 1 {
		t.Errorf("%d on a full disk, want what was written before", n)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the count is written down", func() bool { return w.desired() == 3 && len(w.state().Replicas) == 3 },
		func() string { return fmt.Sprintf("on disk: %+v", w.state()) })
	w.end()
}
