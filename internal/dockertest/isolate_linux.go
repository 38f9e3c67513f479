package dockertest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// What makes a daemon hang, and go on.
const pause, resume = syscall.SIGSTOP, syscall.SIGCONT

// missing says what an engine of one's own lacks here; "" is nothing.
func missing() string {
	if os.Getuid() != 0 {
		return "root, to start a Docker engine for the test,"
	}
	for _, program := range programs {
		if _, err := find(program); err != nil {
			return "the program " + program
		}
	}
	return ""
}

// isolate runs this program again as the first process of new namespaces and
// returns its exit status. Sockets have short paths, so the folder is not one
// of the test's own long ones.
func isolate() int {
	dir, err := os.MkdirTemp("", "fly")
	if err != nil {
		return fault(err)
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
	return statusOf(cmd.Run())
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
func runInit() int {
	if err := setUp(); err != nil {
		return fault(err)
	}
	cmd := again(roleTests, os.Getenv(dirVariable))
	if err := cmd.Start(); err != nil {
		return fault(err)
	}
	for {
		var status syscall.WaitStatus
		switch pid, err := syscall.Wait4(-1, &status, 0, nil); {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return fault(err)
		case pid == cmd.Process.Pid && status.Exited():
			return status.ExitStatus()
		case pid == cmd.Process.Pid:
			return fault(fmt.Errorf("the tests ended by %v", status.Signal()))
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
	ip, err := find("ip")
	if err != nil {
		return err
	}
	if out, err := exec.Command(ip, "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("bring up loopback: %w: %s", err, out)
	}
	return nil
}

// cgroupParent is where the engine of a folder puts its containers.
func cgroupParent(dir string) string { return "/flyball-test-" + filepath.Base(dir) }

// removeCgroups takes away what is outside of the namespaces: the groups of
// containers, the inner ones first.
func removeCgroups(dir string) {
	var roots []string
	for _, tree := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		for _, engine := range []string{"", "-*"} { // ours, and those of second nodes
			found, _ := filepath.Glob(tree + cgroupParent(dir) + engine)
			roots = append(roots, found...)
		}
	}
	for _, root := range roots {
		var groups []string
		_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				groups = append(groups, path)
			}
			return nil
		})
		for _, group := range slices.Backward(groups) {
			_ = syscall.Rmdir(group)
		}
	}
}

// endForgotten kills the processes of containers that have been made and not
// started: nothing is being started now. In the namespaces there are no others.
func endForgotten() {
	if os.Getenv(roleVariable) != roleTests {
		return
	}
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return
	}
	for _, name := range names {
		comm, _ := os.ReadFile(name)
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && strings.HasPrefix(string(comm), "runc:[2:INIT]") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func fault(err error) int {
	fmt.Fprintln(os.Stderr, "dockertest:", err)
	return 1
}

func statusOf(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	default:
		return fault(err)
	}
}
