//go:build linux

// Package kube drives the program as users of Kubernetes do: on a real cluster,
// with real pods under real load.
package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clustertest"
	"github.com/flyball-io/flyball/internal/testenv"
)

func TestMain(m *testing.M) { clustertest.Main(m) }

// patience is how long a test waits for what should take a moment: the machine
// may be busy with other things.
const patience = 2 * time.Minute

// flyball is the program, built once.
func flyball(t *testing.T) string {
	return clustertest.Program(t, "github.com/flyball-io/flyball/cmd/flyball")
}

// lab is a namespace of a cluster with a real node, and who works there.
type lab struct {
	t         *testing.T
	cluster   *clustertest.Cluster
	namespace string
	dir       string
}

func newLab(t *testing.T, options ...clustertest.Option) *lab {
	cluster := clustertest.Start(t, options...)
	cluster.Node(t)
	return &lab{t: t, cluster: cluster, namespace: cluster.Namespace(t), dir: t.TempDir()}
}

// deploy starts a Deployment of what tests run in pods and waits for it.
func (l *lab) deploy(name, image string, replicas int) {
	l.t.Helper()
	l.cluster.Apply(l.t, l.namespace, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      dnsPolicy: Default
      terminationGracePeriodSeconds: 5
      containers:
      - name: app
        image: %[3]s
        imagePullPolicy: Never
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 300m, memory: 128Mi}}
`, name, replicas, image))
	l.cluster.Ready(l.t, patience, l.namespace, name, int32(replicas))
}

// shellImage is one with a shell beside what tests run in pods.
const shellImage = "rig.test/shell:1"

func (l *lab) makeShellImage() {
	l.t.Helper()
	workload := clustertest.Program(l.t, "github.com/flyball-io/flyball/internal/clustertest/workload")
	busybox, files := testenv.Command(l.t, "busybox"), map[string]string{"/workload": workload}
	for _, applet := range []string{"sh", "sleep", "dd", "df", "awk", "rm"} {
		files["/bin/"+applet] = busybox
	}
	l.cluster.Image(l.t, shellImage, files, "/workload")
}

// command is the program, at work in the namespace.
func (l *lab) command(ctx context.Context, args ...string) *exec.Cmd {
	l.t.Helper()
	cmd := exec.CommandContext(ctx, flyball(l.t), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	cmd.Dir, cmd.Env = l.dir, append(os.Environ(), "KUBECONFIG="+l.cluster.Kubeconfig)
	return cmd
}

// run runs the program to its end, which must be a good one, and returns what
// it printed, and what it said beside.
func (l *lab) run(args ...string) (printed, said string) {
	l.t.Helper()
	cmd := l.command(context.WithoutCancel(l.t.Context()), args...) // also when the test cleans up
	var out, says bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &says
	if err := cmd.Run(); err != nil {
		l.t.Fatalf("flyball %v: %v\n%s%s", args, err, out.String(), says.String())
	}
	return out.String(), says.String()
}

// meanwhile runs the program beside the test, until end is called.
func (l *lab) meanwhile(args ...string) (end func() string) {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(l.t.Context()))
	cmd := l.command(ctx, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	end = sync.OnceValue(func() string {
		cancel()
		var status *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &status) && !errors.Is(err, context.Canceled) {
			l.t.Error(err)
		}
		return out.String()
	})
	l.t.Cleanup(func() {
		said := end()
		if l.t.Failed() {
			l.t.Logf("flyball %v:\n%s", args, said)
		}
	})
	return end
}
