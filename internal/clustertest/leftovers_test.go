package clustertest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/clustertest"
	"github.com/flyball-io/flyball/internal/testenv"
)

// A whole run of tests with a node and pods leaves nothing behind, whether it
// ends by itself or is told to. It runs inside of this one, where nobody else
// changes links and rules meanwhile.
func TestNothingIsLeft(t *testing.T) {
	clustertest.Start(t)
	for name, wait := range map[string]func(t *testing.T, run *exec.Cmd, dir string) error{
		"tests that end": func(_ *testing.T, run *exec.Cmd, _ string) error { return run.Wait() },
		"tests told to end": func(t *testing.T, run *exec.Cmd, dir string) error {
			clustertest.Eventually(t, 2*time.Minute, func(context.Context) error { return podsBelow(dir) })
			if err := run.Process.Signal(syscall.SIGTERM); err != nil {
				return err
			}
			if run.Wait() == nil {
				return errors.New("it said that all was well")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			before, temporary := settled(t), t.TempDir()
			run, said := anotherRun(t, temporary)
			dir := folderIn(t, temporary)
			if err := wait(t, run, dir); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
				t.Errorf("files are left: %v (%v)", left, err)
			}
			if left := groupsOf(dir, ""); len(left) > 0 {
				t.Errorf("control groups are left: %v", left)
			}
			if diff := cmp.Diff(before, settled(t)); diff != "" {
				t.Errorf("the machine has changed (-before +after):\n%s", diff)
			}
		})
	}
}

// anotherRun starts the test of real pods once more, apart from this program.
func anotherRun(t *testing.T, temporary string) (run *exec.Cmd, said *strings.Builder) {
	t.Helper()
	run, said = exec.Command("/proc/self/exe", "-test.run=^TestPodsReallyRun$", "-test.timeout=5m"), new(strings.Builder)
	run.Stdout, run.Stderr = said, said
	run.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "FLYBALL_ISOLATED") })
	run.Env = append(run.Env, "TMPDIR="+temporary)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	return run, said
}

// folderIn is the folder of the cluster of another run, once it has begun.
func folderIn(t *testing.T, temporary string) string {
	t.Helper()
	var found []string
	clustertest.Eventually(t, time.Minute, func(context.Context) error {
		found, _ = filepath.Glob(temporary + "/fly*")
		if len(found) == 0 {
			return errors.New("it has not begun")
		}
		return nil
	})
	return found[0]
}

// podsBelow is an error until a cluster runs pods.
func podsBelow(dir string) error {
	if len(groupsOf(dir, "/kubepods/*/pod*")) == 0 {
		return errors.New("no pods run yet")
	}
	return nil
}

// groupsOf are the control groups of a cluster, of both versions.
func groupsOf(dir, below string) []string {
	group := "/flyball-test-" + filepath.Base(dir) + below
	first, _ := filepath.Glob("/sys/fs/cgroup/*" + group)
	second, _ := filepath.Glob("/sys/fs/cgroup" + group)
	return append(first, second...)
}

// state is what a cluster could leave on a machine.
type state struct{ Links, Rules, Mounts, Programs, Tunables []string }

// settled is the state once nothing of earlier tests is ending.
func settled(t *testing.T) state {
	t.Helper()
	last := machine(t)
	clustertest.Eventually(t, time.Minute, func(context.Context) error {
		time.Sleep(2 * time.Second)
		is := machine(t)
		diff := cmp.Diff(last, is)
		last = is
		if diff != "" {
			return fmt.Errorf("the machine is still changing:\n%s", diff)
		}
		return nil
	})
	return last
}

func machine(t *testing.T) state {
	t.Helper()
	return state{
		Links:    lines(t, "ip", "-oneline", "address"),
		Rules:    append(lines(t, "iptables", "--list-rules"), lines(t, "iptables", "--table", "nat", "--list-rules")...),
		Mounts:   lines(t, "cat", "/proc/self/mounts"),
		Programs: lines(t, "ps", "-A", "-o", "comm="),
		Tunables: lines(t, "sysctl", "vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops"),
	}
}

func lines(t *testing.T, program string, args ...string) []string {
	t.Helper()
	out, err := exec.Command(testenv.Command(t, program), args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	all := strings.Split(string(out), "\n")
	slices.Sort(all)
	return all
}
