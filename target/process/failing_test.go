//go:build linux

package process_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/sampleapp"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/process"
	"github.com/flyball-io/flyball/target/targettest"
)

func TestCrashLoopBacksOffAndSaysWhy(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	cfg := shellConfig("echo x >> " + runs + "; echo no such table: users; exit 3")
	cfg.Backoff.Min, cfg.Backoff.Max = scale.Duration(300*time.Millisecond), scale.Duration(400*time.Millisecond)
	w := newWorld(t, cfg, nil)
	w.Run()
	begin := clock.System.Now()
	w.Set(2)
	s := w.Until("the crash loop is told", func(s target.Status) bool {
		c, ok := condition(s, "CrashLoop")
		return ok && strings.Contains(c.Message, "4 failed starts")
	})
	// Three waits lie between four failures: 300, 400 and 400 ms.
	if took := clock.System.Now().Sub(begin); took < 1100*time.Millisecond {
		t.Errorf("4 failures in %v: no back-off", took)
	}
	c, _ := condition(s, "CrashLoop")
	if !strings.Contains(c.Message, "exit status 3") || !strings.Contains(c.Message, "no such table: users") {
		t.Errorf("the condition lacks exit code or last line: %s", c.Message)
	}
	if raw, err := os.ReadFile(runs); err != nil || len(raw) > 2*2*5 {
		t.Errorf("2 replicas were started %d times for 4 failures (%v)", len(raw)/2, err)
	}
	w.Set(0)
	w.Until("the condition goes with the need", func(s target.Status) bool { return len(s.Conditions) == 0 && len(s.Replicas) == 0 })
}

func TestProgramThatGoesAwayIsACrashLoop(t *testing.T) {
	program := filepath.Join(t.TempDir(), "web")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nsleep 1000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cfg := process.Default()
	cfg.Command = []string{program}
	cfg.Backoff.Min = scale.Duration(10 * time.Millisecond)
	w := newWorld(t, cfg, nil)
	w.Run()
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	w.Set(1)
	s := w.Until("the crash loop is told", func(s target.Status) bool { return len(s.Conditions) > 0 })
	if c := s.Conditions[0]; c.Type != "CrashLoop" || !strings.Contains(c.Message, "no such file") {
		t.Errorf("got %+v", c)
	}
}

func TestReplicaThatRanForLongIsReplacedAtOnce(t *testing.T) {
	testenv.Long(t)
	cfg := appConfig(t, nil)
	cfg.Backoff.Min, cfg.Backoff.Max = scale.Duration(time.Hour), scale.Duration(time.Hour)
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(1)
	first := w.Until("it is ready", targettest.Ready(1)).Replicas[0]
	<-clock.System.After(10*time.Second + 100*time.Millisecond)
	if err := syscall.Kill(pidOf(t, w.owner(), first.ID), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := w.Until("another one is ready", func(s target.Status) bool { return targettest.Ready(1)(s) && !targettest.Has(s, first.ID) }).Replicas[0]
	if second.Restarts != 1 {
		t.Errorf("the successor counts %d restarts, want 1", second.Restarts)
	}
}

func TestHungReplicaIsReplaced(t *testing.T) {
	cfg := appConfig(t, nil)
	cfg.Readiness.Interval, cfg.Readiness.Timeout = scale.Duration(50*time.Millisecond), scale.Duration(300*time.Millisecond)
	cfg.LivenessTimeout = scale.Duration(300 * time.Millisecond)
	cfg.TerminationGracePeriod = scale.Duration(200 * time.Millisecond)
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(2)
	s := w.Until("2 are ready", targettest.Ready(2))
	fail(t, s.Replicas[0].Address, sampleapp.Hang)
	w.Until("the hung one is not ready", func(s target.Status) bool {
		return targettest.ReadyCount(s) == 1
	})
	after := w.Until("another one is ready", func(now target.Status) bool {
		return targettest.Ready(2)(now) && !targettest.Has(now, s.Replicas[0].ID)
	})
	if !targettest.Has(after, s.Replicas[1].ID) {
		t.Errorf("the other one went too: %v", ids(after))
	}
}

func TestReplicaThatDoesNotGetReadyIsReplaced(t *testing.T) {
	cfg := shellConfig("exec sleep 1000")
	cfg.StartTimeout = scale.Duration(200 * time.Millisecond)
	cfg.Backoff.Min = scale.Duration(10 * time.Millisecond)
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(1)
	s := w.Until("it is a crash loop", func(s target.Status) bool { return len(s.Conditions) > 0 })
	if c := s.Conditions[0]; c.Type != "CrashLoop" || !strings.Contains(c.Message, "not ready within startTimeout: nothing listens on 127.0.0.1:") {
		t.Errorf("got %+v", c)
	}
}

func TestStubbornReplicaIsKilledAfterItsGrace(t *testing.T) {
	deaf := filepath.Join(t.TempDir(), "deaf") // there once it no longer hears SIGTERM
	cfg := shellConfig("trap '' TERM; : > '" + deaf + "'; while :; do sleep 0.1; done")
	cfg.TerminationGracePeriod = scale.Duration(300 * time.Millisecond)
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(1)
	eventually(t, "it ignores SIGTERM", func() bool { _, err := os.Stat(deaf); return err == nil }, func() string { return "" })
	begin := clock.System.Now()
	w.Set(0)
	w.Until("it is gone", func(s target.Status) bool { return len(s.Replicas) == 0 })
	if took := clock.System.Now().Sub(begin); took < 300*time.Millisecond {
		t.Errorf("killed after %v, before its grace was over", took)
	}
	if left := owned(t, w.owner()); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// Whatever a replica started goes with it: children in its process group and
// those that moved to a session of their own.
func TestGrandchildrenGoToo(t *testing.T) {
	for _, test := range []struct{ how, script string }{
		{"end of the leader", "sleep 1000 & setsid sleep 1000 & sleep 0.3; exit 1"},
		{"scale-down", "sleep 1000 & setsid sleep 1000 & exec sleep 1000"},
		{"scale-down of a stubborn one", "trap '' TERM; sleep 1000 & setsid sleep 1000 & wait; wait; wait; sleep 1000"},
	} {
		t.Run(test.how, func(t *testing.T) {
			cfg := shellConfig(test.script)
			cfg.TerminationGracePeriod = scale.Duration(200 * time.Millisecond)
			cfg.Backoff.Min, cfg.Backoff.Max = scale.Duration(time.Hour), scale.Duration(time.Hour)
			w := newWorld(t, cfg, nil)
			w.Run()
			w.Set(1)
			eventually(t, "it has started its children", func() bool {
				for _, pids := range owned(t, w.owner()) {
					return len(pids) >= 3
				}
				return false
			}, func() string { return "" })
			if test.how != "end of the leader" {
				w.Set(0)
			}
			w.Until("it is gone", func(s target.Status) bool { return len(s.Replicas) == 0 })
			if left := owned(t, w.owner()); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// A shell ends on SIGTERM at once; the program it runs has its whole grace.
func TestWholeGroupHasItsGrace(t *testing.T) {
	done := filepath.Join(t.TempDir(), "done")
	program := `trap "sleep 0.3; echo > ` + done + `; exit" TERM; while :; do sleep 0.02; done`
	w := newWorld(t, shellConfig("sh -c '"+program+"' & wait"), nil)
	w.Run()
	w.Set(1)
	eventually(t, "the program runs", func() bool {
		for _, pids := range owned(t, w.owner()) {
			return len(pids) >= 3 // leader, program and what that waits for
		}
		return false
	}, func() string { return "" })
	w.Set(0)
	w.Until("it is gone", func(s target.Status) bool { return len(s.Replicas) == 0 })
	if _, err := os.Stat(done); err != nil {
		t.Errorf("the program was killed within its grace: %v", err)
	}
}

func TestTargetsWithOneRangeDoNotClash(t *testing.T) {
	first, last := freeRange(t, 6)
	cfg := appConfig(t, func(app *sampleapp.Config) { app.StartupDelay = scale.Duration(300 * time.Millisecond) })
	cfg.PortRange = strconv.Itoa(first) + "-" + strconv.Itoa(last)
	cfg.Backoff.Min, cfg.Backoff.ResetAfter = scale.Duration(50*time.Millisecond), scale.Duration(time.Second)
	one, two := newWorld(t, cfg, nil), newWorld(t, cfg, nil)
	one.Run()
	two.Run()
	one.Set(3)
	two.Set(3)
	addresses := map[string]bool{}
	for _, w := range []*world{one, two} {
		for _, r := range w.Until("3 are ready", targettest.Ready(3)).Replicas {
			if r.Restarts > 0 {
				t.Errorf("%s failed before: %+v", r.ID, r)
			}
			addresses[r.Address] = true
		}
	}
	if len(addresses) != 6 {
		t.Errorf("6 replicas on %d ports", len(addresses))
	}
	one.Set(4)
	s := one.Until("the range is told to be exhausted", func(s target.Status) bool { return len(s.Conditions) > 0 })
	if c := s.Conditions[0]; !strings.Contains(c.Message, "no free port in "+cfg.PortRange) {
		t.Errorf("got %+v", c)
	}
	if targettest.ReadyCount(s) != 3 {
		t.Errorf("%d of 3 are ready", targettest.ReadyCount(s))
	}
	one.Set(3)
	one.Until("the condition goes with what could not be started", func(s target.Status) bool { return len(s.Conditions) == 0 })
}

// freeRange finds n ports in a row that nobody listens on.
func freeRange(t *testing.T, n int) (first, last int) {
	t.Helper()
	run := 0
	for port := 17000; port < 20000; port++ {
		run++
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			run = 0
			continue
		}
		listener.Close()
		if run == n {
			return port - n + 1, port
		}
	}
	t.Fatal("no free ports")
	return 0, 0
}

// fail tells a sample app to misbehave.
func fail(t *testing.T, address string, mode sampleapp.Mode) {
	t.Helper()
	resp, err := http.Post("http://"+address+"/fail?mode="+string(mode), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("fail %s: %s", mode, resp.Status)
	}
}
