//go:build linux

package process_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/sourcetest"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/process"
	"github.com/flyball-io/flyball/target/targettest"
)

// playBurner is a replica that listens on PORT and uses BURN cores, itself or
// through the child that BURN_IN asks for.
func playBurner() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	share, err := strconv.ParseFloat(os.Getenv("BURN"), 64)
	if err != nil {
		return err
	}
	if os.Getenv("BURN_IN") == "" {
		listener, err := listen()
		if err != nil {
			return err
		}
		defer listener.Close()
		return burn(ctx, share)
	}
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), "BURN_IN=", "PORT=")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: os.Getenv("BURN_IN") == "session"}
	if err := child.Start(); err != nil {
		return err
	}
	listener, err := listen()
	if err != nil {
		return errors.Join(err, child.Process.Kill(), child.Wait())
	}
	defer listener.Close()
	if err := child.Wait(); ctx.Err() == nil {
		return fmt.Errorf("the child has ended: %w", err)
	}
	return nil
}

// listen opens PORT, where there is one, as a replica that is ready.
func listen() (net.Listener, error) {
	port := os.Getenv("PORT")
	if port == "" {
		port = "0"
	}
	return net.Listen("tcp", "127.0.0.1:"+port)
}

// burn uses share of a core: it is busy whenever the CPU time of the process
// is behind that share of the time since it began.
func burn(ctx context.Context, share float64) error {
	began, used := clock.System.Now(), cpuTime()
	for ctx.Err() == nil {
		due := time.Duration(share * float64(clock.System.Now().Sub(began)))
		for cpuTime()-used < due && ctx.Err() == nil {
			spin()
		}
		select {
		case <-clock.System.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return nil
}

func spin() {
	for n := 0; n < 100_000; n++ {
		_ = n
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// burnerConfig is a target whose replicas use a share of a core.
func burnerConfig(t *testing.T, share, in string) process.Config {
	t.Helper()
	cfg := process.Default()
	cfg.Command = []string{executable(t)}
	cfg.Env = map[string]string{"TEST_ROLE": "burner", "BURN": share, "BURN_IN": in, "GORACE": "atexit_sleep_ms=0"}
	cfg.Resources.Memory = "1Gi"
	cfg.UsageWindow = scale.Duration(2 * time.Second)
	return cfg
}

func TestCollectMeasuresRealProcesses(t *testing.T) {
	for _, test := range []struct {
		replicas, burn, in string
		cores              float64
		low, high          float64 // CPU utilization
	}{
		{"a share of the one core that is requested", "0.3", "", 1, 0.2, 0.4},
		{"a share of the half core that is requested", "0.3", "", 0.5, 0.4, 0.8},
		{"asleep", "0", "", 1, 0, 0.1},
		{"a child that burns", "0.3", "group", 1, 0.2, 0.4},
		{"a child with a session of its own that burns", "0.3", "session", 1, 0.2, 0.4},
	} {
		t.Run(test.replicas, func(t *testing.T) {
			cfg := burnerConfig(t, test.burn, test.in)
			cfg.Resources.CPU = test.cores
			w := newWorld(t, cfg, nil)
			w.Run()
			w.Set(2)
			w.Until("2 are ready", targettest.Ready(2))
			w.usage(fmt.Sprintf("CPU is %v to %v", test.low, test.high), func(u used) bool {
				cpu := u[scale.CPUUtilization]
				// Two replicas, and the target is their mean.
				if len(cpu) != 3 || cpu[""].Window < time.Second {
					return false
				}
				for _, s := range cpu {
					if s.Value < test.low || s.Value > test.high {
						return false
					}
				}
				return true
			})
			w.usage("memory is a program's", func(u used) bool {
				memory := u[scale.MemoryUtilization]
				// A Go program has a few MiB resident, and less than 512.
				return len(memory) == 3 && memory[""].Value > 0.001 && memory[""].Value < 0.5
			})
			w.end()
		})
	}
}

// used holds samples by signal and replica.
type used map[string]map[string]scale.Sample

// usage waits until what is collected fits.
func (w *world) usage(what string, fits func(used) bool) {
	w.T.Helper()
	var last []scale.Sample
	eventually(w.T, what, func() bool {
		samples, err := w.Target.Collect(w.T.Context())
		if err != nil {
			w.T.Fatal(err)
		}
		last = samples
		u := used{scale.CPUUtilization: {}, scale.MemoryUtilization: {}}
		for _, s := range samples {
			if u[s.Signal] == nil {
				u[s.Signal] = map[string]scale.Sample{}
			}
			u[s.Signal][s.Replica] = s
		}
		return fits(u)
	}, func() string { return fmt.Sprintf("last samples: %+v", last) })
}

// The children that write live shorter than it takes to look twice.
func TestCollectMeasuresDisks(t *testing.T) {
	cfg := shellConfig("while :; do dd if=/dev/zero of=written bs=64k count=16 conv=fsync 2>/dev/null; sleep 0.25; done")
	cfg.WorkingDirectory = t.TempDir()
	cfg.UsageWindow = scale.Duration(3 * time.Second)
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(1)
	// 1 MiB in a bit more than 0.25 s; counted twice it would be 8 MiB/s.
	w.usage("about 3.5 MiB/s are written", func(u used) bool {
		for replica, s := range u[scale.DiskWriteRate] {
			if replica != "" && s.Window >= 2*time.Second && s.Value > 1<<20 && s.Value < 5<<20 {
				return u[scale.NetworkReceiveRate] == nil // it is in our network namespace
			}
		}
		return false
	})
	w.end()
}

func TestCollectIsSilentWhileNothingIsReady(t *testing.T) {
	w := newWorld(t, shellConfig("sleep 600"), nil)
	if samples, err := w.Target.Collect(t.Context()); err != nil || len(samples) != 0 {
		t.Errorf("before Run: %+v, %v; want nothing", samples, err)
	}
	w.Run()
	w.Set(1)
	w.usage("the replica is measured", func(u used) bool {
		if whole, ok := u[scale.CPUUtilization][""]; ok {
			t.Errorf("the target has the value %+v, though no replica takes work", whole)
		}
		return len(u[scale.CPUUtilization]) == 1
	})
	w.Leave()
	if samples, err := w.Target.Collect(t.Context()); err != nil || len(samples) != 0 {
		t.Errorf("after Run: %+v, %v; want nothing", samples, err)
	}
}

func TestSamplerEndsWithRun(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	w := newWorld(t, shellConfig("sleep 600"), nil)
	w.Run()
	w.Set(1)
	w.usage("the replica is measured", func(u used) bool { return len(u[scale.CPUUtilization]) == 1 })
	w.Leave()
	w.end()
}

func TestStatusSaysWhatIsRequested(t *testing.T) {
	cfg := appConfig(t, nil)
	cfg.Resources = process.Resources{CPU: 0.5, Memory: "64Mi"}
	w := newWorld(t, cfg, nil)
	w.Run()
	w.Set(1)
	s := w.Until("1 is ready", targettest.Ready(1))
	requests := s.Replicas[0].Containers[0].Requests
	if requests["cpu"] != 500 || requests["memory"] != 64<<20*1000 {
		t.Errorf("requests %v, want 500 thousandths of a core and 64 Mi thousandths of a byte", requests)
	}
	id := s.Replicas[0].ID
	cfg.Resources.CPU = 2
	if err := w.Target.Update(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	s = w.Until("2 cores are requested", func(s target.Status) bool { return s.Replicas[0].Containers[0].Requests["cpu"] == 2000 })
	if s.Replicas[0].ID != id {
		t.Error("the replica was replaced, though what it runs is the same")
	}
}

func TestSourceConformance(t *testing.T) {
	tables := map[source.Source]string{}
	sourcetest.Run(t, sourcetest.Harness{
		New: func(t *testing.T) source.Source {
			cfg := appConfig(t, nil)
			cfg.Resources.Memory = "1Gi"
			cfg.UsageWindow = scale.Duration(200 * time.Millisecond)
			w := newWorld(t, cfg, nil)
			table := filepath.Join(t.TempDir(), "proc")
			if err := os.Symlink("/proc", table); err != nil {
				t.Fatal(err)
			}
			process.ReadUsageFrom(w.Target, table)
			tables[w.Target] = table
			w.Run()
			w.Set(1)
			w.usage("the target is measured", func(u used) bool { _, ok := u[scale.CPUUtilization][""]; return ok })
			return w.Target
		},
		Now:     clock.System.Now,
		Signals: []string{scale.CPUUtilization, scale.MemoryUtilization, scale.DiskReadRate, scale.DiskWriteRate},
		Break: func(t *testing.T, s source.Source) {
			if err := os.Remove(tables[s]); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the sampler has noticed", func() bool {
				_, err := s.Collect(t.Context())
				return err != nil
			}, func() string { return "no error" })
		},
	})
}
