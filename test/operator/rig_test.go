//go:build linux

package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/deploy/chart"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/clustertest"
	"github.com/flyball-io/flyball/operator"
	"github.com/flyball-io/flyball/operator/crd"
	"github.com/flyball-io/flyball/operator/operatortest"
)

// document is an Autoscaler of a service of 10 requests/s for each replica.
func document(name, service string) string {
	return fmt.Sprintf(`
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: %s}
spec:
  target: {fake: {name: %s}}
  replicas: {min: 1, max: 9}
  balancer: {nobody: {}}
  sync: 1s
  behavior: {scaleUp: {policies: [{type: Pods, value: 9, periodSeconds: 1}]}, scaleDown: {stabilizationWindowSeconds: 0}}
  policy: {hpa: {metrics: [{signal: requestRate, averageValue: 10}]}}
`, name, service)
}

// installed is a cluster with what is shipped, and a namespace for documents.
type installed struct {
	*clustertest.Cluster
	world     *operatortest.World
	namespace string // of documents
	rights    string // kubeconfig with those that are shipped
}

// own is the namespace of the operator.
const own = "flyball-system"

func install(t *testing.T, options ...clustertest.Option) *installed {
	t.Helper()
	c := &installed{Cluster: clustertest.Start(t, options...), world: operatortest.New()}
	c.define(t)
	c.Apply(t, "default", "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+own+"}\n")
	c.Apply(t, own, shipped(t, "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"))
	c.namespace = c.Namespace(t)
	c.rights = c.KubeconfigOf(t, own, "flyball")
	return c
}

// define has the cluster know the kinds.
func (c *installed) define(t *testing.T) {
	t.Helper()
	definitions, err := crd.Manifest(c.world.Plugins())
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(t, "default", string(definitions))
	clustertest.Eventually(t, time.Minute, func(ctx context.Context) error {
		out, err := c.KubectlCommand(ctx, c.Kubeconfig, "get", "fas,fasm", "-A").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// shipped are the manifests of some kinds as the chart has them.
func shipped(t *testing.T, kinds ...string) string {
	t.Helper()
	all, err := chart.Render(chart.Operator, chart.Release{Name: "flyball", Namespace: own}, chart.Values{"webhook": chart.Values{"enabled": true}})
	if err != nil {
		t.Fatal(err)
	}
	var some []string
	for _, one := range strings.Split(string(all), "\n---\n") {
		if slices.ContainsFunc(kinds, func(kind string) bool { return strings.Contains(one, "\nkind: "+kind+"\n") }) {
			some = append(some, one)
		}
	}
	return strings.Join(some, "\n---\n")
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// instance is an operator in this process.
type instance struct {
	requests atomic.Int64
	cut      atomic.Bool // the API server cannot be reached
	refused  sync.Map    // what it was not allowed to do
	done     chan error
	stop     func() error
}

// operate begins an instance, with the rights that are shipped.
func (c *installed) operate(t *testing.T, change ...func(*operator.Options)) *instance {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.rights)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS, config.Burst = 200, 400
	i := &instance{done: make(chan error, 1)}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return counting{next, i} })
	o := operator.Options{
		App:     app.Options{Deps: app.Deps{Clock: clock.System, Log: slog.New(slog.NewTextHandler(output(t), nil)), StateDir: t.TempDir()}, Version: "test"},
		Plugins: c.world.Plugins(), Rules: operator.Rules{Targets: []string{operatortest.Target}, Balancers: []string{operatortest.Balancer}},
		Cluster: config, Namespace: own, Namespaces: []string{c.namespace}, Health: "0", Elect: true,
		Election: operator.Election{Lease: 6 * time.Second, Renew: 4 * time.Second, Retry: time.Second},
	}
	for _, ch := range change {
		ch(&o)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	go func() { i.done <- operator.Run(ctx, o) }()
	i.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-i.done:
			return err
		case <-time.After(time.Minute):
			return errors.New("does not end")
		}
	})
	t.Cleanup(func() {
		_ = i.stop()
		i.refused.Range(func(what, _ any) bool {
			t.Errorf("the rights that are shipped do not allow %v", what)
			return true
		})
	})
	return i
}

// output is that of a test while it runs: libraries log to whom they were told
// of last.
func output(t *testing.T) io.Writer {
	w := &during{out: t.Output()}
	t.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.out = io.Discard
	})
	return w
}

type during struct {
	mu  sync.Mutex // guards out
	out io.Writer
}

func (d *during) Write(line []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.Write(line)
}

type counting struct {
	next http.RoundTripper
	i    *instance
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.i.cut.Load() {
		return nil, errors.New("cut off")
	}
	c.i.requests.Add(1)
	answer, err := c.next.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusForbidden {
		return answer, err
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	if bytes.Contains(body, []byte(" cannot ")) { // else its namespace is about to go
		c.i.refused.Store(r.Method+" "+r.URL.Path, true)
	}
	return answer, err
}

// says waits until kubectl get prints what is wanted of an Autoscaler.
func (c *installed) says(t *testing.T, name, path, want string) {
	t.Helper()
	last := "nothing"
	clustertest.Eventually(t, 30*time.Second, func(ctx context.Context) error {
		out, err := c.KubectlCommand(ctx, c.Kubeconfig, "get", "fas", name, "-n", c.namespace, "-o", "jsonpath="+path).CombinedOutput()
		if err == nil && strings.Contains(string(out), want) {
			return nil
		}
		if ctx.Err() == nil {
			last = string(out)
		}
		return fmt.Errorf("%s of %s is %q, want %q", path, name, last, want)
	})
}

// condition is the path of the reason and message of a condition.
func condition(kind string) string {
	return fmt.Sprintf(`{range .status.conditions[?(@.type=="%s")]}{.status} {.reason}: {.message}{end}`, kind)
}

// refuses returns what kubectl apply says of a document that is not taken.
func (c *installed) refuses(t *testing.T, text string) string {
	t.Helper()
	cmd := c.KubectlCommand(t.Context(), c.Kubeconfig, "apply", "-n", c.namespace, "-f", "-")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("was taken: %s", text)
	}
	return string(out)
}
