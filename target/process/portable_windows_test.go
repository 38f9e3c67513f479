package process_test

import (
	"testing"

	"golang.org/x/sys/windows"
)

// runs is true while the process has not ended.
func runs(pid int) bool {
	handle, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return false
	}
	defer windows.CloseHandle(handle)
	event, err := windows.WaitForSingleObject(handle, 0)
	return err == nil && event != windows.WAIT_OBJECT_0
}

// The system ends the job with the last handle to it.
func TestReplicasCanBeTiedToTheirController(t *testing.T) {
	w := newWorld(t)
	controller := w.controller("TEST_REPLICA=parent", "TEST_DIE=1")
	// From what was written: a target that looks would have the jobs open too.
	eventually(t, "two replicas have a child each", func() bool { return len(w.children()) == 2 })
	all := append(w.pids(), w.children()...)
	if len(all) != 4 {
		t.Fatalf("processes are %v, want two replicas with a child each", all)
	}
	_ = controller.Process.Kill()
	_ = controller.Wait()
	for _, pid := range all {
		eventually(t, "every process has ended with the controller", func() bool { return !runs(pid) })
	}
}
