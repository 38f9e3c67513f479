package clustertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/flyball-io/flyball/internal/isolate"
	"github.com/flyball-io/flyball/internal/testenv"
)

// cniPlugins is where Debian's containernetworking-plugins has its programs.
const cniPlugins = "/usr/lib/cni"

func (c *Cluster) layOutNode() {
	c.Containerd = &Component{
		Name: "containerd", command: []string{"containerd", "--config", c.path("containerd.toml")},
		ready: func(context.Context) error { return c.ctr(nil, "version") }, log: c.path("log", "containerd"),
	}
	c.Kubelet = c.component("kubelet", c.nodeReady,
		"--kubeconfig", c.path("node.kubeconfig"), "--config", c.path("kubelet.yaml"), "--root-dir", c.path("kubelet"),
		"--cert-dir", c.path("pki"), "--hostname-override", nodeName, "--node-ip", nodeAddress)
	c.Proxy = c.component("kube-proxy", answers("http://127.0.0.1:10256/healthz"),
		"--kubeconfig", c.path("proxy.kubeconfig"), "--hostname-override", nodeName,
		"--proxy-mode=iptables", "--cluster-cidr", podNetwork, "--healthz-bind-address=127.0.0.1:10256",
		"--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0s", "--conntrack-tcp-timeout-close-wait=0s")
}

// Node adds a real node, on which pods really run, and waits until it is
// ready. It stays for the tests that follow. Debian's containerd, runc,
// containernetworking-plugins and iptables are what it takes.
func (c *Cluster) Node(t testing.TB) {
	t.Helper()
	if c.Kubelet.wanted {
		return // it runs: the start of this test saw to it
	}
	for _, program := range []string{"containerd", "ctr", "runc", "iptables", filepath.Join(cniPlugins, "bridge")} {
		if _, err := isolate.Find(program); err != nil {
			testenv.Missing(t, "the program "+program)
		}
	}
	if err := c.writeNodeFiles(); err != nil {
		t.Fatal(err)
	}
	c.want(t, c.Containerd)
	if err := c.importOwnImages(); err != nil {
		t.Fatal(err)
	}
	c.want(t, c.Kubelet, c.Proxy)
}

// nodeReady is whether the kubelet says that its node is.
func (c *Cluster) nodeReady(ctx context.Context) error {
	node, err := c.Client.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			return nil
		}
	}
	return errors.New("the node is not ready")
}

// importOwnImages builds and imports what every pod is made of.
func (c *Cluster) importOwnImages() error {
	file, err := program("github.com/flyball-io/flyball/internal/clustertest/workload")
	if err != nil {
		return err
	}
	files := map[string]string{"/workload": file}
	if err := c.importImage(pauseImage, files, "/workload", "pause"); err != nil {
		return err
	}
	return c.importImage(Workload, files, "/workload")
}

func (c *Cluster) writeNodeFiles() error {
	if err := os.MkdirAll(c.path("cni"), 0o755); err != nil {
		return err
	}
	for file, content := range map[string]string{
		"containerd.toml":      c.containerdConfig(),
		"cni/flynode.conflist": c.cniConfig(),
		"kubelet.yaml":         c.kubeletConfig(),
	} {
		if err := os.WriteFile(c.path(file), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return makeCgroups(isolate.Cgroup(c.dir))
}

func (c *Cluster) containerdConfig() string {
	return fmt.Sprintf(`
version = 2
root = "%[1]s/containerd"
state = "%[1]s/containerd.state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "%[1]s/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "%[2]s"
  # No negative score: the machine may refuse it, and then no pod would start.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "%[3]s"
    conf_dir = "%[1]s/cni"
`, c.dir, pauseImage, cniPlugins)
}

func (c *Cluster) cniConfig() string {
	return fmt.Sprintf(`{
  "cniVersion": "1.0.0", "name": "flynode", "plugins": [
    {"type": "bridge", "bridge": %q, "isGateway": true, "ipMasq": true, "hairpinMode": true,
     "ipam": {"type": "host-local", "dataDir": %q, "routes": [{"dst": "0.0.0.0/0"}],
              "ranges": [[{"subnet": %q, "gateway": %q}]]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}`, bridge, c.path("cni.addresses"), podNetwork, nodeAddress)
}

// kubeletConfig keeps the kubelet from collecting images that nobody could
// pull again, and from evicting pods of tests.
func (c *Cluster) kubeletConfig() string {
	return fmt.Sprintf(`
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %[2]s
containerRuntimeEndpoint: unix://%[1]s/containerd.sock
podLogsDir: %[1]s/log/pods
tlsCertFile: %[1]s/pki/node.crt
tlsPrivateKeyFile: %[1]s/pki/node.key
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: %[1]s/pki/ca.crt}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupRoot: %[3]s
cgroupsPerQOS: true
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {memory.available: "0%%", nodefs.available: "0%%", nodefs.inodesFree: "0%%", imagefs.available: "0%%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
maxPods: 250
registerWithTaints: []
`, c.dir, nodeAddress, isolate.Cgroup(c.dir))
}
