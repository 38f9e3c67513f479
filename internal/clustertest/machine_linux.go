package clustertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/flyball-io/flyball/internal/isolate"
	"github.com/flyball-io/flyball/internal/testenv"
)

// What makes a component hang, and go on.
const pause, resume = syscall.SIGSTOP, syscall.SIGCONT

// missing says what a control plane of one's own lacks here; "" is nothing.
func missing() string {
	if os.Getuid() != 0 {
		return "root, to start a Kubernetes cluster for the test,"
	}
	if _, err := testenv.FindBuilt("cluster"); err != nil {
		return err.Error()
	}
	if _, err := isolate.Find("ip"); err != nil {
		return "the program ip"
	}
	return ""
}

// prepare makes the machine one that a cluster may do with as it likes: its
// files are in memory, what it writes elsewhere is in a layer above, and what
// it tells the kernel reaches no kernel.
func prepare(dir string) error {
	if err := mount("tmpfs", dir, "tmpfs", "size=8g,mode=755"); err != nil {
		return err
	}
	if err := mount("tmpfs", "/run", "tmpfs", "size=256m,mode=755"); err != nil {
		return err
	}
	upper, work := filepath.Join(dir, "var"), filepath.Join(dir, "var.work")
	for _, folder := range []string{upper, work} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
	}
	if err := mount("overlay", "/var", "overlay", "lowerdir=/var,upperdir="+upper+",workdir="+work); err != nil {
		return err
	}
	if err := hideTunables(dir); err != nil {
		return err
	}
	return bridgeUp()
}

func mount(what, where, kind, options string) error {
	if err := syscall.Mount(what, where, kind, 0, options); err != nil {
		return fmt.Errorf("mount %s at %s: %w", kind, where, err)
	}
	return nil
}

// hideTunables puts files in place of what the kubelet sets for the whole
// machine (kubelet, setupKernelTunables) and no namespace holds.
func hideTunables(dir string) error {
	for _, tunable := range []string{
		"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
		"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
	} {
		actual := filepath.Join("/proc/sys", tunable)
		value, err := os.ReadFile(actual)
		if err != nil {
			return err
		}
		stand := filepath.Join(dir, strings.ReplaceAll(tunable, "/", "."))
		if err := os.WriteFile(stand, value, 0o644); err != nil {
			return err
		}
		if err := syscall.Mount(stand, actual, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("hide %s: %w", actual, err)
		}
	}
	return nil
}

// bridgeUp makes the bridge that has the node's address, and that pods are
// plugged into.
func bridgeUp() error {
	ip, err := isolate.Find("ip")
	if err != nil {
		return err
	}
	for _, args := range []string{
		"link add " + bridge + " type bridge",
		"addr add " + nodeAddress + "/16 dev " + bridge,
		"link set " + bridge + " up",
		// Services have addresses that are nowhere: what is sent there must start
		// on its way to be sent elsewhere.
		"route add " + serviceNetwork + " dev " + bridge,
	} {
		if out, err := exec.Command(ip, strings.Fields(args)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", args, err, out)
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}
