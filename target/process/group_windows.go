package process

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// groupLeader makes a child the root of a console group of its own. It starts
// suspended: nothing it starts may run before it is in its job.
func groupLeader(bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_SUSPENDED}
}

// group is the processes of a replica: all that are in its job object, which
// is what its first process was put into with all that it starts.
type group struct {
	pid     int
	process windows.Handle // while it is open nobody gets the number
	job     windows.Handle // 0: there is none to be had, only the first process is known
}

// newGroup puts a suspended child into a job and lets it run.
func newGroup(pid int, seen string, dieWithController bool) (group, error) {
	g := group{pid: pid}
	var err error
	if g.process, err = openProcess(pid); err != nil {
		return g, err
	}
	if g.job, err = newJobObject(pid, seen, dieWithController); err != nil {
		return g, errors.Join(err, g.closed())
	}
	err = windows.AssignProcessToJobObject(g.job, g.process)
	if err == nil && !dieWithController {
		err = shareJob(g.job, g.process)
	}
	if err == nil {
		err = resume(pid)
	}
	if err != nil {
		return g, errors.Join(fmt.Errorf("job of process %d: %w", pid, err), g.closed())
	}
	return g, nil
}

// adoptGroup finds the job of a process that an earlier controller started.
// When that is out of reach, in another session for example, the process and
// what it starts from now on are put into one.
func adoptGroup(pid int, seen string) group {
	g := group{pid: pid}
	var err error
	if g.process, err = openProcess(pid); err != nil {
		return g // it has ended, which its leader sees
	}
	if g.job, err = openJobObject(pid, seen); err == nil {
		return g
	}
	if g.job, err = newJobObject(pid, seen, false); err != nil {
		return g
	}
	if windows.AssignProcessToJobObject(g.job, g.process) != nil || shareJob(g.job, g.process) != nil {
		windows.CloseHandle(g.job)
		g.job = 0
	}
	return g
}

func openProcess(pid int) (windows.Handle, error) {
	const access = windows.PROCESS_TERMINATE | windows.PROCESS_SET_QUOTA | windows.PROCESS_DUP_HANDLE |
		windows.PROCESS_QUERY_LIMITED_INFORMATION | windows.SYNCHRONIZE
	handle, err := windows.OpenProcess(access, false, uint32(pid))
	if err != nil {
		return 0, fmt.Errorf("open process %d: %w", pid, err)
	}
	return handle, nil
}

// resume lets a process run that was started suspended.
func resume(pid int) error {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	defer windows.CloseHandle(snapshot)
	entry := windows.ThreadEntry32{}
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = windows.Thread32First(snapshot, &entry); err == nil; err = windows.Thread32Next(snapshot, &entry) {
		if entry.OwnerProcessID == uint32(pid) {
			return resumeThread(entry.ThreadID)
		}
	}
	return fmt.Errorf("find its first thread: %w", err)
}

func resumeThread(id uint32) error {
	thread, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, id)
	if err != nil {
		return fmt.Errorf("open thread %d: %w", id, err)
	}
	defer windows.CloseHandle(thread)
	_, err = windows.ResumeThread(thread)
	return err
}

// terminate sends Ctrl-Break, the nearest to SIGTERM there is here. It reaches
// only who shares our console.
func (g group) terminate() error {
	if err := windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(g.pid)); err != nil && !g.empty() {
		return fmt.Errorf("send Ctrl-Break to process %d, which must share our console: %w", g.pid, err)
	}
	return nil
}

// kill ends all of the group; what has ended already is fine.
func (g group) kill() {
	if g.job != 0 {
		_ = windows.TerminateJobObject(g.job, 1)
	}
	if g.process != 0 {
		_ = windows.TerminateProcess(g.process, 1)
	}
}

func (g group) empty() bool {
	if g.process != 0 && !ended(g.process) {
		return false
	}
	if g.job == 0 {
		return true
	}
	use, err := accountingOf(g.job)
	return err != nil || use.ActiveProcesses == 0
}

func (g group) close() { _ = g.closed() } // nothing is left to be done about it

func (g group) closed() error {
	var errs []error
	for _, handle := range []windows.Handle{g.job, g.process} {
		if handle != 0 {
			errs = append(errs, windows.CloseHandle(handle))
		}
	}
	return errors.Join(errs...)
}
