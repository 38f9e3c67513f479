package kubernetes

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

// Config says what is asked, with the words of autoscaling/v2. Exactly one of
// the first four must be given.
type Config struct {
	Pods              *Pods              `json:"pods,omitempty" jsonschema:"description=A metric of each pod (custom.metrics.k8s.io)"`
	ContainerResource *ContainerResource `json:"containerResource,omitempty" jsonschema:"description=CPU or memory of one container of each pod (metrics.k8s.io)"`
	Object            *Object            `json:"object,omitempty" jsonschema:"description=A metric of one object such as an Ingress (custom.metrics.k8s.io)"`
	External          *External          `json:"external,omitempty" jsonschema:"description=A metric of something outside of the cluster (external.metrics.k8s.io)"`

	Namespace  string         `json:"namespace,omitempty" jsonschema:"maxLength=63,description=Namespace of what is measured; that of the target when left out and then that of the context"`
	Timeout    scale.Duration `json:"timeout,omitempty" jsonschema:"description=Longest time for an answer: at most 30s,default=5s"`
	Kubeconfig string         `json:"kubeconfig,omitempty" jsonschema:"description=File that says how the cluster is reached; as kubectl does when left out (KUBECONFIG or ~/.kube/config) and in a pod by its service account"`
	Context    string         `json:"context,omitempty" jsonschema:"description=Context of the kubeconfig; its current one when left out"`
}

// Pods is a metric of each pod.
type Pods struct {
	Metric    string    `json:"metric" jsonschema:"required,description=Name of the metric"`
	Selector  string    `json:"selector,omitempty" jsonschema:"description=Which of its series by their labels as kubectl -l has it (code=500); all when empty"`
	Pods      string    `json:"pods,omitempty" jsonschema:"description=Which pods by their labels as kubectl -l has it (app=web); the replicas of the target when empty"`
	Aggregate Aggregate `json:"aggregate,omitempty" jsonschema:"description=How the pods become one value,enum=sum,enum=avg,enum=max,enum=min,default=sum"`
}

// ContainerResource is CPU or memory of one container of each pod.
type ContainerResource struct {
	Resource  string    `json:"resource" jsonschema:"required,description=cpu (in cores) or memory (in bytes),enum=cpu,enum=memory"`
	Container string    `json:"container" jsonschema:"required,description=Name of the container"`
	Pods      string    `json:"pods,omitempty" jsonschema:"description=Which pods by their labels as kubectl -l has it (app=web); the replicas of the target when empty"`
	Aggregate Aggregate `json:"aggregate,omitempty" jsonschema:"description=How the pods become one value,enum=sum,enum=avg,enum=max,enum=min,default=sum"`
}

// Object is a metric of one object.
type Object struct {
	Metric     string `json:"metric" jsonschema:"required,description=Name of the metric"`
	Selector   string `json:"selector,omitempty" jsonschema:"description=Which of its series by their labels as kubectl -l has it; all when empty"`
	APIVersion string `json:"apiVersion,omitempty" jsonschema:"description=Group and version of the kind (networking.k8s.io/v1); v1 when empty"`
	Kind       string `json:"kind" jsonschema:"required,description=Kind of the object (Ingress or Service or Namespace and so on)"`
	Name       string `json:"name" jsonschema:"required,description=Name of the object"`
}

// External is a metric of something outside of the cluster: all of its series
// are added up.
type External struct {
	Metric   string `json:"metric" jsonschema:"required,description=Name of the metric"`
	Selector string `json:"selector,omitempty" jsonschema:"description=Which of its series by their labels as kubectl -l has it (queue=mail); all when empty"`
}

// Aggregate is how the values of pods become one.
type Aggregate string

// How values become one.
const (
	Sum Aggregate = "sum"
	Avg Aggregate = "avg"
	Max Aggregate = "max"
	Min Aggregate = "min"
)

// Default is everything but what is asked.
func Default() Config { return Config{Timeout: scale.Duration(5 * time.Second)} }

// Validate reports every fault that can be seen without asking a cluster.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	below := func(field string, faults []error) {
		for _, err := range faults {
			fault("%s.%w", field, err)
		}
	}
	stated := 0
	if c.Pods != nil {
		below("pods", c.Pods.faults())
		stated++
	}
	if c.ContainerResource != nil {
		below("containerResource", c.ContainerResource.faults())
		stated++
	}
	if c.Object != nil {
		below("object", c.Object.faults())
		stated++
	}
	if c.External != nil {
		below("external", c.External.faults())
		stated++
	}
	if stated != 1 {
		fault("pods: exactly one of pods, containerResource, object and external must be given, got %d", stated)
	}
	if c.Namespace != "" && len(validation.IsDNS1123Label(c.Namespace)) > 0 {
		fault("namespace: must be 1 to 63 of a-z, 0-9 and -, got %q", c.Namespace)
	}
	if c.Timeout <= 0 || c.Timeout.Std() > source.Patience {
		fault("timeout: must be above 0 and at most %v, got %v", scale.Duration(source.Patience), c.Timeout)
	}
	return errors.Join(errs...)
}

func (p Pods) faults() []error {
	return slices.Concat(metricFaults(p.Metric), selectorFaults("selector", p.Selector), selectorFaults("pods", p.Pods), p.Aggregate.faults())
}

func (r ContainerResource) faults() []error {
	var errs []error
	if r.Resource != kubernetes.CPU && r.Resource != kubernetes.Memory {
		errs = append(errs, fmt.Errorf("resource: must be cpu or memory, got %q", r.Resource))
	}
	if len(validation.IsDNS1123Label(r.Container)) > 0 {
		errs = append(errs, fmt.Errorf("container: must be the name of a container, 1 to 63 of a-z, 0-9 and -, got %q", r.Container))
	}
	return slices.Concat(errs, selectorFaults("pods", r.Pods), r.Aggregate.faults())
}

func (o Object) faults() []error {
	errs := slices.Concat(metricFaults(o.Metric), selectorFaults("selector", o.Selector))
	if _, err := schema.ParseGroupVersion(o.APIVersion); err != nil {
		errs = append(errs, fmt.Errorf("apiVersion: must be group/version, such as networking.k8s.io/v1, got %q", o.APIVersion))
	}
	if o.Kind == "" || strings.ToLower(o.Kind[:1]) == o.Kind[:1] {
		errs = append(errs, fmt.Errorf("kind: must be a kind as kubectl api-resources shows it, such as Ingress, got %q", o.Kind))
	}
	if o.Name == "" || strings.ContainsAny(o.Name, "/%") {
		errs = append(errs, fmt.Errorf("name: must be the name of an object, got %q", o.Name))
	}
	return errs
}

func (e External) faults() []error {
	return slices.Concat(metricFaults(e.Metric), selectorFaults("selector", e.Selector))
}

// metricFaults refuses what would be another address.
func metricFaults(metric string) []error {
	if metric == "" || metric == "." || metric == ".." || strings.ContainsAny(metric, "/%") {
		return []error{fmt.Errorf("metric: must name a metric as the adapter calls it, without / and %%, got %q", metric)}
	}
	return nil
}

func selectorFaults(field, selector string) []error {
	if _, err := labels.Parse(selector); err != nil {
		return []error{fmt.Errorf(`%s: must be labels as kubectl -l has them, such as queue=mail or "env in (a,b)": %w`, field, err)}
	}
	return nil
}

func (a Aggregate) faults() []error {
	if all := []Aggregate{"", Sum, Avg, Max, Min}; !slices.Contains(all, a) {
		return []error{fmt.Errorf("aggregate: must be one of sum, avg, max, min, got %q", a)}
	}
	return nil
}

// selected reads a selector that was checked; an empty one chooses everything.
func selected(selector string) labels.Selector {
	s, _ := labels.Parse(selector)
	return s
}

// groupKind is what kind of object it is.
func (o Object) groupKind() schema.GroupKind {
	group, _ := schema.ParseGroupVersion(o.APIVersion) // it was checked
	return schema.GroupKind{Group: group.Group, Kind: o.Kind}
}

// pods says of whose pods the signal is and how they become one; false where
// it is of no pods.
func (c Config) pods() (selector string, how Aggregate, of bool) {
	switch {
	case c.Pods != nil:
		return c.Pods.Pods, cmp.Or(c.Pods.Aggregate, Sum), true
	case c.ContainerResource != nil:
		return c.ContainerResource.Pods, cmp.Or(c.ContainerResource.Aggregate, Sum), true
	}
	return "", "", false
}
