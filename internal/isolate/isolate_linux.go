package isolate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

// isolate runs this program again as the first process of new namespaces and
// returns its exit status. Sockets have short paths, so the folder is not one
// of the test's own long ones.
func (r Rig) isolate() int {
	dir, err := os.MkdirTemp("", "fly")
	if err != nil {
		return r.fault(err)
	}
	defer os.RemoveAll(dir)
	defer removeCgroups(dir)
	// The kernel kills the child when the thread that made it ends.
	runtime.LockOSThread()
	cmd := again(roleInit, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return r.fault(err)
	}
	// Tests that are broken off are ended, and what they had is taken away.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	go func() {
		<-broken
		_ = cmd.Process.Kill() // it has ended already otherwise
	}()
	return r.statusOf(cmd.Wait())
}

// again is this program with its arguments in another role.
func again(role, dir string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), roleVariable+"="+role, dirVariable+"="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// runInit is the first process of the namespaces: it sets them up, starts the
// tests and takes away every process that nobody else waits for.
func (r Rig) runInit() int {
	dir := os.Getenv(dirVariable)
	if err := setUp(); err != nil {
		return r.fault(err)
	}
	if r.Prepare != nil {
		if err := r.Prepare(dir); err != nil {
			return r.fault(err)
		}
	}
	cmd := again(roleTests, dir)
	if err := cmd.Start(); err != nil {
		return r.fault(err)
	}
	for {
		var status syscall.WaitStatus
		switch pid, err := syscall.Wait4(-1, &status, 0, nil); {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return r.fault(err)
		case pid == cmd.Process.Pid && status.Exited():
			return status.ExitStatus()
		case pid == cmd.Process.Pid:
			return r.fault(fmt.Errorf("the tests ended by %v", status.Signal()))
		}
	}
}

// setUp makes /proc that of the new namespaces and brings loopback up.
func setUp() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	ip, err := Find("ip")
	if err != nil {
		return err
	}
	if out, err := exec.Command(ip, "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("bring up loopback: %w: %s", err, out)
	}
	return nil
}

func (r Rig) statusOf(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	default:
		return r.fault(err)
	}
}

// Cgroup is where what a rig starts belongs, below the root of each tree of
// control groups: what is in there is taken away after the tests.
func Cgroup(dir string) string { return "/flyball-test-" + filepath.Base(dir) }
