// Package kubernetes is what Flyball asks a Kubernetes cluster: one way in, one
// connection and one watch for everybody in this process who asks the same,
// and errors told apart.
//
// Who wants to understand it reads, in this order: access.go (how a cluster is
// reached), errors.go, workload.go (what is scaled, as targets see it),
// objects.go and describe.go (how it is read and its count set), pods.go and
// pod.go (what it is made of), rivals.go (who else scales it) and suspend.go (how
// they rest), follow.go and watch.go (all of it without asking again and again),
// usage.go (what pods use), metrics.go (what adapters measure), lookups.go (one
// answer for all who ask the same).
package kubernetes

import (
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/flowcontrol"
	metrics "k8s.io/metrics/pkg/client/clientset/versioned"
	"k8s.io/metrics/pkg/client/custom_metrics"
	"k8s.io/metrics/pkg/client/external_metrics"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/clock"
)

// FieldManager is the name under which Flyball changes objects: others, such as
// Argo CD, tell by it what is theirs and what is not.
const FieldManager = "flyball"

// Access says how an API server is reached. Both empty: as kubectl does, by
// KUBECONFIG or ~/.kube/config, and in a pod by its own service account.
type Access struct{ Kubeconfig, Context string }

// The API server protects itself (priority and fairness); these keep one
// process that has gone wild from using up everybody's share. A thousand
// Autoscalers that rest ask for nothing, and for 70 counts a second while all
// of them change every 15 s.
const (
	requestsPerSecond = 200
	requestBurst      = 400
)

// Cluster is an API server, with everything it takes to ask it. All methods
// may be called from several goroutines.
type Cluster struct {
	// Config is how it is reached; a copy may be changed.
	Config *rest.Config
	// Namespace is that of the context, or of the pod: where what has no
	// namespace of its own is looked for.
	Namespace string

	typed     kubernetes.Interface
	dynamic   dynamic.Interface
	scales    scale.ScalesGetter
	discovery discovery.CachedDiscoveryInterface
	mapper    *restmapper.DeferredDiscoveryRESTMapper
	metrics   metrics.Interface
	custom    custom_metrics.CustomMetricsClient
	external  external_metrics.ExternalMetricsClient

	mirrors   mirrors
	scaleRead scaleRead
	lookedUp  seldom
	keda      seldom                 // looked for although nothing says that it is there
	usage     lookups[[]podUsage]    // of the pods of a namespace
	asked     lookups[[]MetricValue] // of custom and external metrics, by address
}

// shared are the clusters this process has opened: targets, sources and the
// operator each open what their configuration says, and share connections and
// watches all the same. It is the one state that belongs to nobody else, like
// the transports of net/http.
type shared struct {
	mu   sync.Mutex // guards open
	open map[Access]opened
}

type opened struct {
	config  *rest.Config // as it was read
	cluster *Cluster
}

var clusters shared

// Open returns the cluster, without asking it anything. All who open it in one
// process have the same one, until its kubeconfig says something else.
func Open(a Access) (*Cluster, error) {
	config, namespace, err := a.read()
	if err != nil {
		return nil, err
	}
	clusters.mu.Lock()
	defer clusters.mu.Unlock()
	if before, found := clusters.open[a]; found && same(before.config, config) && before.cluster.Namespace == namespace {
		return before.cluster, nil
	}
	cluster, err := New(config, namespace)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a, err)
	}
	if clusters.open == nil {
		clusters.open = map[Access]opened{}
	}
	clusters.open[a] = opened{config, cluster}
	return cluster, nil
}

// same reports whether the same user asks the same API server. A token that is
// kept in a file is read again by who uses it: in a pod it is replaced every hour.
func same(a, b *rest.Config) bool {
	if a.BearerTokenFile != "" && a.BearerTokenFile == b.BearerTokenFile {
		a, b = rest.CopyConfig(a), rest.CopyConfig(b)
		a.BearerToken, b.BearerToken = "", ""
	}
	return reflect.DeepEqual(a, b)
}

// read is what kubeconfig and environment say.
func (a Access) read() (*rest.Config, string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = a.Kubeconfig
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: a.Context})
	config, err := loaded.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", a, err)
	}
	namespace, _, err := loaded.Namespace()
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", a, err)
	}
	return config, namespace, nil
}

// Host is where the API server answers and the namespace of the context,
// without asking it: the same words for the same place. Where nothing says
// that, it is what the configuration says.
func (a Access) Host() (host, namespace string, err error) {
	places.mu.Lock()
	defer places.mu.Unlock()
	now := clock.System.Now()
	if known, found := places.known[a]; found && now.Sub(known.read) < rereadAfter {
		return known.host, known.namespace, known.err
	}
	p := place{host: a.String(), read: now}
	var config *rest.Config
	if config, p.namespace, p.err = a.read(); p.err == nil {
		p.host = config.Host
	}
	if places.known == nil {
		places.known = map[Access]place{}
	}
	places.known[a] = p
	return p.host, p.namespace, p.err
}

// rereadAfter is how long a kubeconfig is believed that was read to name a
// place: a thousand documents name the same one a thousand times each.
const rereadAfter = time.Second

// places are the answers of Host.
var places struct {
	mu    sync.Mutex // guards known
	known map[Access]place
}

type place struct {
	host, namespace string
	err             error
	read            time.Time
}

func (a Access) String() string {
	switch {
	case a.Kubeconfig != "" && a.Context != "":
		return fmt.Sprintf("context %s of kubeconfig %s", a.Context, a.Kubeconfig)
	case a.Kubeconfig != "":
		return "kubeconfig " + a.Kubeconfig
	case a.Context != "":
		return fmt.Sprintf("context %s of the kubeconfig", a.Context)
	default:
		return "kubeconfig"
	}
}

// New returns a cluster that nobody shares, without asking it anything.
func New(config *rest.Config, namespace string) (*Cluster, error) {
	config = rest.CopyConfig(config)
	config.UserAgent = "flyball " + rest.DefaultKubernetesUserAgent()
	config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(requestsPerSecond, requestBurst)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return calls.Process().Transport(calls.Kubernetes, next)
	})
	c := &Cluster{Config: config, Namespace: namespace}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	binary := rest.CopyConfig(config)
	binary.ContentType = "application/vnd.kubernetes.protobuf"
	binary.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	if c.typed, err = kubernetes.NewForConfigAndClient(binary, client); err != nil {
		return nil, err
	}
	if c.dynamic, err = dynamic.NewForConfigAndClient(config, client); err != nil {
		return nil, err
	}
	c.discovery = memory.NewMemCacheClient(c.typed.Discovery())
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(c.discovery)
	if c.scales, err = scale.NewForConfig(rest.CopyConfig(config), c.mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(c.discovery)); err != nil {
		return nil, err
	}
	return c, c.openMetrics()
}

// openMetrics adds those who tell what pods use, and everything else that
// metrics APIs tell.
func (c *Cluster) openMetrics() (err error) {
	if c.metrics, err = metrics.NewForConfig(c.Config); err != nil {
		return err
	}
	c.custom = custom_metrics.NewForConfig(rest.CopyConfig(c.Config), c.mapper, custom_metrics.NewAvailableAPIsGetter(c.discovery))
	c.external, err = external_metrics.NewForConfig(rest.CopyConfig(c.Config))
	return err
}

// Client is the typed client.
func (c *Cluster) Client() kubernetes.Interface { return c.typed }

// Dynamic is the client of objects whose kind only the cluster knows.
func (c *Cluster) Dynamic() dynamic.Interface { return c.dynamic }

// Scales is the client of scale subresources.
func (c *Cluster) Scales() scale.ScalesGetter { return c.scales }

// Mapper tells the resource of a kind. It knows what there was when it was
// asked first: [Cluster.Resource] looks again.
func (c *Cluster) Mapper() meta.ResettableRESTMapper { return c.mapper }

// Metrics is the client of metrics.k8s.io.
func (c *Cluster) Metrics() metrics.Interface { return c.metrics }

// CustomMetrics is the client of custom.metrics.k8s.io.
func (c *Cluster) CustomMetrics() custom_metrics.CustomMetricsClient { return c.custom }

// ExternalMetrics is the client of external.metrics.k8s.io.
func (c *Cluster) ExternalMetrics() external_metrics.ExternalMetricsClient { return c.external }
