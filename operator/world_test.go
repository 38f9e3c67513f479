package operator

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/flyball-io/flyball/balancer"
	balancermemory "github.com/flyball-io/flyball/balancer/memory"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	targetmemory "github.com/flyball-io/flyball/target/memory"
)

// world holds services that exist in memory, whose replicas are somebody
// else's: they outlive whoever scales them.
type world struct {
	mu       sync.Mutex // guards what follows
	services map[string]*service
	opened   int
}

type service struct {
	*targetmemory.Target
	world *world
	rate  float64 // requests a second
	fault error
}

func newWorld() *world { return &world{services: map[string]*service{}} }

// service returns that of a name, which begins with one replica.
func (w *world) service(name string) *service {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.services[name]
	if s == nil {
		s = &service{Target: targetmemory.New(targetmemory.Config{StartupDelay: time.Second}, clock.System, nil), world: w, rate: 10}
		_ = s.SetReplicas(context.Background(), 1)
		w.services[name] = s
	}
	return s
}

func (w *world) load(name string, rate float64) {
	s := w.service(name)
	w.mu.Lock()
	defer w.mu.Unlock()
	s.rate = rate
}

func (w *world) breaks(name string, fault error) {
	s := w.service(name)
	w.mu.Lock()
	defer w.mu.Unlock()
	s.fault = fault
}

func (w *world) count(t *testing.T, name string) int {
	t.Helper()
	status, err := w.service(name).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return status.SpecReplicas
}

// fake is the configuration of a target of the world.
type fake struct {
	Name      string `json:"name" jsonschema:"required"`
	Namespace string `json:"namespace,omitempty"`
	Refuse    bool   `json:"refuse,omitempty"` // cannot be opened
	world     *world
}

func (f fake) Validate() error { return nil }
func (f *fake) Facts() target.Facts {
	return target.Facts{Description: "fake " + f.Name, Claims: []string{"scales " + f.Name}, Signals: []string{scale.RequestRate}}
}
func (f *fake) Check() error { return nil }
func (f *fake) Open(string, target.Options) (target.Managed, error) {
	if f.Refuse {
		return nil, fmt.Errorf("there is no %s", f.Name)
	}
	f.world.mu.Lock()
	f.world.opened++
	f.world.mu.Unlock()
	return hired{f.world.service(f.Name)}, nil
}

// hired is a service under a controller: it is no Stopper.
type hired struct{ s *service }

func (h hired) Status(ctx context.Context) (target.Status, error) { return h.s.Status(ctx) }
func (h hired) SetReplicas(ctx context.Context, n int) error      { return h.s.SetReplicas(ctx, n) }
func (h hired) Changes() <-chan struct{}                          { return h.s.Changes() }
func (h hired) Update(context.Context, target.Config) error       { return nil }
func (h hired) Signals() []string                                 { return []string{scale.RequestRate} }

func (h hired) Run(ctx context.Context) error {
	h.s.world.mu.Lock()
	fault := h.s.fault
	h.s.world.mu.Unlock()
	if fault != nil {
		return fault
	}
	return h.s.Run(ctx)
}

func (h hired) Collect(context.Context) ([]scale.Sample, error) {
	h.s.world.mu.Lock()
	defer h.s.world.mu.Unlock()
	return []scale.Sample{{Signal: scale.RequestRate, Value: h.s.rate, At: clock.System.Now()}}, nil
}

// nobody balances.
type nobody struct{}

func (nobody) Validate() error            { return nil }
func (*nobody) Complete(balancer.Service) {}
func (*nobody) Facts() balancer.Facts     { return balancer.Facts{} }
func (*nobody) Check() error              { return nil }
func (*nobody) Open(context.Context, string, balancer.Options) (balancer.Plane, error) {
	return idle{&balancermemory.Balancer{}}, nil
}

type idle struct{ *balancermemory.Balancer }

func (idle) Signals() []string                               { return nil }
func (idle) Collect(context.Context) ([]scale.Sample, error) { return nil, nil }
func (idle) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// plugins are those that ship, and those of the world.
func (w *world) plugins() *builtin.Registry {
	r := builtin.New()
	builtin.RegisterConfig(&r.Targets, "fake", func() fake { return fake{world: w} })
	builtin.RegisterConfig(&r.Balancers, "nobody", func() nobody { return nobody{} })
	return r
}

func worldRules() Rules { return Rules{Targets: []string{"fake"}, Balancers: []string{"nobody"}} }

// rate is the spec of a service of 10 requests/s for each replica.
const rateSpec = `
  target: {fake: {name: %s}}
  replicas: {min: 1, max: 9}
  balancer: {nobody: {}}
  sync: 5s
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
  policy: {hpa: {metrics: [{signal: requestRate, averageValue: 10}]}}
`

// applied is an object as the cluster hands it out.
func applied(t *testing.T, namespace, name, spec string, change ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte("apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nspec:" + spec))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(raw, &u.Object); err != nil {
		t.Fatal(err)
	}
	u.SetNamespace(namespace)
	u.SetName(name)
	u.SetUID(types.UID(namespace + "/" + name))
	u.SetGeneration(1)
	u.SetCreationTimestamp(meta.NewTime(time.Unix(1_700_000_000, 0)))
	for _, c := range change {
		c(u)
	}
	return u
}

func generation(n int64) func(*unstructured.Unstructured) {
	return func(u *unstructured.Unstructured) { u.SetGeneration(n) }
}

func createdAt(seconds int64) func(*unstructured.Unstructured) {
	return func(u *unstructured.Unstructured) { u.SetCreationTimestamp(meta.NewTime(time.Unix(seconds, 0))) }
}

func annotated(key, value string) func(*unstructured.Unstructured) {
	return func(u *unstructured.Unstructured) {
		all := u.GetAnnotations()
		if all == nil {
			all = map[string]string{}
		}
		all[key] = value
		u.SetAnnotations(all)
	}
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

func key(namespace, name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}
