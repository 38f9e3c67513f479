//go:build linux

package nginx

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
)

// family is a process with children that have the titles of nginx's.
const family = `
for title in "master process nginx" "worker process" "worker process is shutting down" "cache manager process"; do
	(exec -a "nginx: $title" sleep 60) &
done
wait`

// One that does not get a processor after its fork counts: it is about to serve, by
// the configuration that its master had.
func TestAWorkerCountsFromItsFork(t *testing.T) {
	master := exec.Command(testenv.Command(t, "bash"), "-c", family)
	testenv.EndWithTest(master)
	master.SysProcAttr.Setpgid = true
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endGroup(t, master) })
	var serving, leaving []process
	for range 1000 {
		var err error
		if serving, leaving, err = workers(master.Process.Pid); err != nil {
			t.Fatal(err)
		}
		if len(serving) == 2 && len(leaving) == 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%v serve and %v leave, want 2 and 1", serving, leaving)
}

// endGroup ends a process and its children.
func endGroup(t *testing.T, leader *exec.Cmd) {
	if err := syscall.Kill(-leader.Process.Pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	_ = leader.Wait()
}
