package clustertest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/flyball-io/flyball/internal/testenv"
)

// Cluster is a Kubernetes cluster for tests.
type Cluster struct {
	// Kubeconfig is a file that lets its reader do everything.
	Kubeconfig string
	// Config and Client do the same for what tests do to the cluster behind the
	// back of who is tested; no limit of requests slows them.
	Config *rest.Config
	Client kubernetes.Interface

	// The control plane.
	Etcd, APIServer, ControllerManager, Scheduler *Component
	// The node, from the call of [Cluster.Node] on.
	Containerd, Kubelet, Proxy *Component
	// From the calls of [Cluster.Metrics] and [Cluster.FakeNodes] on.
	MetricsServer, Kwok *Component

	dir       string
	program   string // bin/cluster
	authority *authority
}

// newCluster lays out a cluster in dir, without starting anything.
func newCluster(dir string) (*Cluster, error) {
	program, err := testenv.FindBuilt("cluster")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, program: program, Kubeconfig: filepath.Join(dir, "admin.kubeconfig")}
	for _, folder := range []string{c.path("pki"), c.path("log")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
	}
	c.layOutControlPlane()
	c.layOutNode()
	c.layOutMetrics()
	c.layOutKwok()
	return c, nil
}

func (c *Cluster) path(elements ...string) string {
	return filepath.Join(append([]string{c.dir}, elements...)...)
}

// component is one of the programs in bin/cluster.
func (c *Cluster) component(name string, ready func(context.Context) error, flags ...string) *Component {
	return &Component{Name: name, command: []string{c.program, name}, flags: flags, ready: ready, log: c.path("log", name)}
}

// stages are the components in the order of their start: those of one stage
// start together, once those of the stage before are ready.
func (c *Cluster) stages() [][]*Component {
	return [][]*Component{
		{c.Etcd},
		{c.APIServer},
		{c.ControllerManager, c.Scheduler, c.Containerd},
		{c.Kubelet, c.Proxy, c.Kwok, c.MetricsServer},
	}
}

// ensure brings up what is wanted, with a test's flags.
func (c *Cluster) ensure(ctx context.Context, options []Option) error {
	if c.Client == nil {
		if err := c.credentials(); err != nil {
			return err
		}
	}
	for _, stage := range c.stages() {
		stage = slices.DeleteFunc(stage, func(p *Component) bool { return !p.wanted })
		for _, component := range stage {
			if err := component.ensure(flagsOf(component.Name, options)); err != nil {
				return err
			}
		}
		for _, component := range stage {
			if err := component.await(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// want brings up further components, which stay for the tests that follow.
func (c *Cluster) want(t testing.TB, components ...*Component) {
	t.Helper()
	for _, component := range components {
		component.wanted = true
		if err := component.ensure(component.extra); err != nil {
			t.Fatal(err)
		}
		if err := component.await(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Running are the components that run, in the order of their start.
func (c *Cluster) Running() []*Component {
	return slices.DeleteFunc(slices.Concat(c.stages()...), func(p *Component) bool { return !p.running() })
}

// tellOnFailure shows what the components said last, should the test fail.
func (c *Cluster) tellOnFailure(t testing.TB) {
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		for _, component := range slices.Concat(c.stages()...) {
			if component.wanted {
				t.Logf("%s (running: %v) said last:\n%s", component.Name, component.running(), component.lastWords())
			}
		}
	})
}

// end kills all: what they would tidy up goes with the namespaces.
func (c *Cluster) end() error {
	var errs []error
	for _, component := range slices.Concat(c.stages()...) {
		errs = append(errs, component.signal(syscall.SIGKILL))
	}
	return errors.Join(errs...)
}
