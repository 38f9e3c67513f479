package clustertest

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// kubectlTimeout bounds a call of kubectl.
const kubectlTimeout = time.Minute

// Kubectl runs kubectl with every right and returns what it printed.
func (c *Cluster) Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	return c.kubectl(t, "", args...)
}

// Apply applies manifests; objects that name no namespace belong to this one.
func (c *Cluster) Apply(t testing.TB, namespace, manifests string) {
	t.Helper()
	c.kubectl(t, manifests, "apply", "--namespace", namespace, "--filename", "-")
}

func (c *Cluster) kubectl(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), kubectlTimeout)
	defer cancel()
	cmd := c.KubectlCommand(ctx, c.Kubeconfig, args...)
	var told bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), &told
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, told.String())
	}
	return string(out)
}

// KubectlCommand is a call of kubectl as the user of a kubeconfig, for those
// that go on (port-forward) or are to fail.
func (c *Cluster) KubectlCommand(ctx context.Context, kubeconfig string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.program, append([]string{"kubectl"}, args...)...)
	cmd.Env = append(cmd.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+c.dir) // where it keeps what it learnt
	cmd.WaitDelay = 5 * time.Second
	return cmd
}
