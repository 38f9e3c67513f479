package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// Config names an object of a cluster and says how its cluster is reached.
type Config struct {
	Name       string `json:"name" jsonschema:"required,maxLength=253,description=Name of the object as kubectl get shows it"`
	Kind       string `json:"kind,omitempty" jsonschema:"description=Kind of the object: Deployment or StatefulSet or any other with a scale subresource,default=Deployment"`
	APIVersion string `json:"apiVersion,omitempty" jsonschema:"description=Group and version of the kind (argoproj.io/v1alpha1); known of Deployment and StatefulSet and ReplicaSet and ReplicationController"`
	Namespace  string `json:"namespace,omitempty" jsonschema:"maxLength=63,description=Namespace of the object; that of the document when left out and then that of the context"`

	Port         int            `json:"port,omitempty" jsonschema:"description=Port on which a pod takes requests; without one pods have no address. Only a balancer other than none needs it,minimum=0,maximum=65535"`
	StartTimeout scale.Duration `json:"startTimeout,omitempty" jsonschema:"description=Longest time from start to ready that is no fault,default=5m"`
	Interval     scale.Duration `json:"interval,omitempty" jsonschema:"description=Time between two looks while nothing is heard of the object: changes are told by the API server,default=10s"`

	TakeOver        bool `json:"takeOver,omitempty" jsonschema:"description=Take over from HorizontalPodAutoscalers and ScaledObjects of KEDA that scale the object: they rest while Flyball scales and are what they were once it does not. Without it an object that one of them scales is left alone,default=false"`
	PodDeletionCost bool `json:"podDeletionCost,omitempty" jsonschema:"description=Say by annotation which pods are to go first: the least busy. Only of Deployments and ReplicaSets; needs the right to patch pods,default=false"`

	Kubeconfig string `json:"kubeconfig,omitempty" jsonschema:"description=File that says how the cluster is reached; as kubectl does when left out (KUBECONFIG or ~/.kube/config) and in a pod by its service account"`
	Context    string `json:"context,omitempty" jsonschema:"description=Context of the kubeconfig; its current one when left out"`
}

var (
	_ target.Config   = Config{}
	_ target.Examiner = Config{}
)

// Default is everything but the name of the object.
func Default() Config {
	return Config{Kind: "Deployment", StartTimeout: scale.Duration(5 * time.Minute), Interval: scale.Duration(10 * time.Second)}
}

// What the API server takes for a name, a namespace and a kind.
var (
	validName      = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	validNamespace = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	validKind      = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}$`)
	validVersion   = regexp.MustCompile(`^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?v[a-z0-9]+$`)
)

// usualVersions are those of kinds that need not state theirs.
func usualVersion(kind string) string {
	switch kind {
	case "Deployment", "StatefulSet", "ReplicaSet":
		return "apps/v1"
	case "ReplicationController":
		return "v1"
	default:
		return ""
	}
}

// countless says of kinds that have no count why; "" of others.
func countless(kind string) string {
	switch kind {
	case "DaemonSet":
		return "it has a pod on every node"
	case "Pod":
		return "it is one; name what makes it"
	case "Job", "CronJob":
		return "its pods end by themselves"
	default:
		return ""
	}
}

// shortestInterval keeps a target from doing nothing but looking.
const shortestInterval = scale.Duration(100 * time.Millisecond)

// Validate reports every fault that can be seen without asking a cluster.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !validName.MatchString(c.Name) {
		fault("name: must be the name of an object, 1 to 253 of a-z, 0-9, - and . beginning and ending with a letter or digit, got %q", c.Name)
	}
	switch why := countless(c.Kind); {
	case !validKind.MatchString(c.Kind):
		fault("kind: must be a kind as kubectl api-resources shows it, such as Deployment, got %q", c.Kind)
	case why != "":
		fault("kind: a %s has no count that could be set: %s", c.Kind, why)
	case c.APIVersion == "" && usualVersion(c.Kind) == "":
		fault("apiVersion: must be given for kind %s, as kubectl api-resources shows it (group/version)", c.Kind)
	}
	if c.APIVersion != "" && !validVersion.MatchString(c.APIVersion) {
		fault("apiVersion: must be group/version, such as apps/v1, got %q", c.APIVersion)
	}
	if c.Namespace != "" && !validNamespace.MatchString(c.Namespace) {
		fault("namespace: must be 1 to 63 of a-z, 0-9 and -, got %q", c.Namespace)
	}
	if c.Port < 0 || c.Port > 65535 {
		fault("port: must be 0 to 65535, got %d", c.Port)
	}
	if c.StartTimeout <= 0 {
		fault("startTimeout: must be above 0, got %v", c.StartTimeout)
	}
	if c.Interval < shortestInterval {
		fault("interval: must be at least %v, got %v", shortestInterval, c.Interval)
	}
	if c.PodDeletionCost && c.Kind != "Deployment" && c.Kind != "ReplicaSet" {
		fault("podDeletionCost: must be left out for kind %s: a %s does not ask for it", c.Kind, c.Kind)
	}
	return errors.Join(errs...)
}

// In says which namespace the object is in where the configuration does not.
func (c *Config) In(namespace string) { c.Namespace = cmp.Or(c.Namespace, namespace) }

func (c Config) access() kubernetes.Access {
	return kubernetes.Access{Kubeconfig: c.Kubeconfig, Context: c.Context}
}

// ref is the object, without asking a cluster.
func (c Config) ref() (kubernetes.Ref, error) {
	ref := kubernetes.Ref{APIVersion: cmp.Or(c.APIVersion, usualVersion(c.Kind)), Kind: c.Kind, Namespace: c.Namespace, Name: c.Name}
	if ref.Namespace != "" {
		return ref, nil
	}
	_, namespace, err := c.access().Host()
	ref.Namespace = cmp.Or(namespace, "default")
	return ref, err
}

// open is the cluster: the given one, else that of the configuration.
func (c Config) open(given kubernetes.API) (kubernetes.API, error) {
	if given != nil {
		return given, nil
	}
	return kubernetes.Open(c.access())
}

// Facts says what others must know of the service. Nothing is drained before
// it ends: the cluster chooses what ends.
func (c Config) Facts() target.Facts {
	ref, _ := c.ref()               // where it cannot be read, Check says so
	host, _, _ := c.access().Host() // likewise
	group, _, named := strings.Cut(ref.APIVersion, "/")
	if !named {
		group = ""
	}
	claim := fmt.Sprintf("scales the %s of the cluster at %s", strings.TrimSpace(group+" "+ref.String()), host)
	return target.Facts{Description: ref.String(), Claims: []string{claim}, StartTimeout: c.StartTimeout, Signals: signals(), Spacing: spacing}
}

// spacing is that of the slowest metrics-server of a provider; it measures every
// 15 s where nobody says otherwise.
const spacing = scale.Duration(time.Minute)

// Open returns the target of a service.
func (c Config) Open(name string, o target.Options) (target.Managed, error) {
	return New(name, c, Options{Clock: o.Clock, Log: o.Log, Traffic: o.Traffic})
}

// checkTimeout is how long an API server may take to say that the object is
// there.
const checkTimeout = 10 * time.Second

// Check reports an object that is not there or cannot be scaled. An API server
// that cannot be reached is waited for.
func (c Config) Check() error {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	return c.check(ctx, nil)
}
