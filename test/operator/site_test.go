//go:build linux

package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/clustertest"
	"github.com/flyball-io/flyball/operator"
)

// prometheus is a server that knows one value, and may be wrong.
type prometheus struct {
	url   string
	value atomic.Int64
	wrong atomic.Pointer[http.HandlerFunc] // answers instead; nil: all is well
}

func newPrometheus(t *testing.T) *prometheus {
	t.Helper()
	p := &prometheus{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().Unix()
		answer := fmt.Sprint(p.value.Load())
		if query := r.FormValue("query"); query == "newest" {
			answer = fmt.Sprint(now)
		} else if query == "zero" {
			answer = "0"
		} else if wrong := p.wrong.Load(); wrong != nil {
			(*wrong)(w, r)
			return
		}
		answers(w, "vector", fmt.Sprintf(`{"metric":{},"value":[%d,%q]}`, now, answer))
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func answers(w http.ResponseWriter, kind, results string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":%q,"result":[%s]}}`, kind, results)
}

// site is a Deployment of fake pods that the operator scales by what a
// Prometheus says, one replica for 10 requests/s, and every count that it has had.
type site struct {
	*installed
	name       string
	prometheus *prometheus

	mu     sync.Mutex // guards what follows
	counts []int32    // in order, each other than the one before
	at     time.Time  // when the last one was seen
}

const webDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: %s}
spec:
  replicas: 1
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {` + clustertest.OnFakeNodes + `, containers: [{name: web, image: web, resources: {requests: {cpu: 100m}}}]}
`

// byPrometheus is a document that decides every second, and would follow a wrong
// value at once: nothing is stabilized.
const byPrometheus = `
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: %[1]s}
spec:
  target: {kubernetes: {name: %[1]s}}
  replicas: {min: 1, max: 9}
  sync: 1s
  behavior: {scaleUp: {policies: [{type: Pods, value: 9, periodSeconds: 1}]}, scaleDown: {stabilizationWindowSeconds: 0}}
  signals: [{name: requestRate, interval: 1s, prometheus: {server: %[2]q, query: rate, newestQuery: newest, timeout: 1s}}]
  policy: {hpa: {metrics: [{signal: requestRate, averageValue: 10}]}}
`

// installWhatShips is a cluster with what is shipped, fake nodes, and a kubeconfig
// of the operator's rights where its targets look for one.
func installWhatShips(t *testing.T) *installed {
	t.Helper()
	c := install(t)
	c.FakeNodes(t, 1)
	c.Apply(t, "default", read(t, "../../deploy/chart/operator/files/crds.yaml"))
	t.Setenv("KUBECONFIG", c.rights)
	return c
}

// wired puts a wire between the operator and the API server.
func (c *installed) wired(t *testing.T) *clustertest.Wire {
	t.Helper()
	w := c.Wire(t, c.rights)
	c.rights = w.Kubeconfig
	t.Setenv("KUBECONFIG", c.rights)
	return w
}

// asShipped is an operator with the targets, policies and rules that ship.
func asShipped(o *operator.Options) { o.Plugins, o.Rules = builtin.New(), operator.InCluster() }

// site makes a Deployment "web" of one replica and its document, with a load.
func (c *installed) site(t *testing.T, rate int64) *site {
	t.Helper()
	return c.siteCalled(t, "web", rate)
}

// siteCalled makes one of another name.
func (c *installed) siteCalled(t *testing.T, name string, rate int64) *site {
	t.Helper()
	s := &site{installed: c, name: name, prometheus: newPrometheus(t)}
	s.prometheus.value.Store(rate)
	c.Apply(t, c.namespace, fmt.Sprintf(webDeployment, s.name))
	s.watched(t)
	c.Apply(t, c.namespace, fmt.Sprintf(byPrometheus, s.name, s.prometheus.url))
	return s
}

// watched notes every count from now on, until the test ends.
func (s *site) watched(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() { s.follow(ctx) })
	t.Cleanup(func() { stop(); following.Wait() })
	until(t, 10*time.Second, func() bool { return s.last() >= 0 })
}

// follow notes every count, by a watch of its own.
func (s *site) follow(ctx context.Context) {
	for ctx.Err() == nil {
		w, err := s.Client.AppsV1().Deployments(s.namespace).Watch(ctx, meta.ListOptions{FieldSelector: "metadata.name=" + s.name})
		if err != nil {
			time.Sleep(50 * time.Millisecond) // the API server is away
			continue
		}
		for e := range w.ResultChan() {
			if d, ok := e.Object.(*apps.Deployment); ok {
				s.note(*d.Spec.Replicas)
			}
		}
	}
}

func (s *site) note(n int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.counts) == 0 || s.counts[len(s.counts)-1] != n {
		s.counts, s.at = append(s.counts, n), time.Now()
	}
}

// after is how long after an instant the last count was seen.
func (s *site) after(began time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at.Sub(began)
}

// only fails the test where the count ever was another one than these, one after
// the other.
func (s *site) only(t *testing.T, want ...int32) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.counts, want) {
		t.Errorf("the count was %v, one after the other; want %v", s.counts, want)
	}
}

// reaches waits until the Deployment has a count, all of it ready, and returns how
// long that took.
func (s *site) reaches(t *testing.T, n int32) time.Duration {
	t.Helper()
	began := time.Now()
	s.Ready(t, time.Minute, s.namespace, s.name, n)
	return time.Since(began).Round(100 * time.Millisecond)
}

// keeps fails the test where the count changes within a time: what is not to
// happen cannot be waited for.
func (s *site) keeps(t *testing.T, n int32, lasts time.Duration) {
	t.Helper()
	for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if last := s.last(); last != n {
			t.Fatalf("the count became %d, want the %d to stay", last, n)
		}
	}
}

// last is the count as it was seen last, and -1 before.
func (s *site) last() int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.counts) == 0 {
		return -1
	}
	return s.counts[len(s.counts)-1]
}

// load says what the Prometheus tells from now on.
func (s *site) load(rate int64) { s.prometheus.value.Store(rate) }

// patch changes the document.
func (s *site) patch(t *testing.T, spec map[string]any) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		t.Fatal(err)
	}
	s.Kubectl(t, "patch", "fas", s.name, "-n", s.namespace, "--type=merge", "-p", string(raw))
}

// recovered logs what docs/kubernetes.md tells.
func recovered(t *testing.T, what string, after time.Duration) {
	t.Helper()
	t.Logf("recovery: %s: %v", what, after.Round(100*time.Millisecond))
}
