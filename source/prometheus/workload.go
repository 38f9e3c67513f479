package prometheus

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Workload names what the series are about by what Kubernetes calls it, instead
// of by the labels of the exporter.
type Workload struct {
	Namespace  string `json:"namespace,omitempty" jsonschema:"description=Kubernetes namespace of what is measured"`
	Deployment string `json:"deployment,omitempty" jsonschema:"description=Deployment or StatefulSet in it whose pods are measured"`
	Service    string `json:"service,omitempty" jsonschema:"description=Service in it that the ingress sends requests to; named as the deployment when empty"`
}

// name of an object in a cluster.
var objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

func (p Preset) workloadFaults() []error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf("preset."+format, args...)) }
	if p.Match != "" {
		errs = append(errs, errors.New("preset.match: either match or namespace and deployment"))
	}
	for _, f := range []struct {
		field, value string
		needed       bool
	}{{"namespace", p.Namespace, true}, {"deployment", p.Deployment, p.Service == ""}, {"service", p.Service, false}} {
		if (f.needed || f.value != "") && !objectName.MatchString(f.value) {
			fault("%s: must be the name of an object of Kubernetes, got %q", f.field, f.value)
		}
	}
	if _, known := templates()[p.Name]; len(errs) == 0 && known && p.matches(p.Name) == nil {
		fault("match: must be given for %s, whose labels do not follow from namespace and deployment", p.Name)
	}
	if p.Service != "" && !strings.HasPrefix(p.Name, ingressNginx) && !strings.HasPrefix(p.Name, traefik) {
		fault("service: must be left out for %s, which measures pods", p.Name)
	}
	return errs
}

const (
	ingressNginx = "ingressNginx"
	traefik      = "traefik"
)

// matches are the labels by which the series of a preset may be found; nil
// where they do not follow from the names. Several are tried in their order.
func (w Workload) matches(preset string) []string {
	service := cmp.Or(w.Service, w.Deployment)
	switch {
	case preset == "kubeReadyReplicas":
		return []string{fmt.Sprintf(`namespace=%q,deployment=%q`, w.Namespace, w.Deployment)}
	case strings.HasPrefix(preset, "cadvisor"), strings.HasPrefix(preset, "kube"):
		return []string{fmt.Sprintf(`namespace=%q,pod=~%q`, w.Namespace, w.pods())}
	case strings.HasPrefix(preset, ingressNginx):
		// Labels that Prometheus gives its targets go before those of the exporter,
		// which are renamed: both with a ServiceMonitor, one with annotations.
		return []string{
			fmt.Sprintf(`exported_namespace=%q,exported_service=%q`, w.Namespace, service),
			fmt.Sprintf(`exported_namespace=%q,exported_service="",service=%q`, w.Namespace, service),
			fmt.Sprintf(`exported_namespace="",namespace=%q,service=%q`, w.Namespace, service),
		}
	case strings.HasPrefix(preset, traefik):
		// Of an Ingress: NAMESPACE-SERVICE-PORT@kubernetes; of an IngressRoute that
		// has one service: NAMESPACE-ROUTE-HASH@kubernetescrd.
		return []string{fmt.Sprintf(`service=~%q`, regexp.QuoteMeta(w.Namespace+"-"+service)+`-[^-]+@kubernetes(crd)?`)}
	case strings.HasPrefix(preset, "istio"):
		return []string{fmt.Sprintf(`destination_workload_namespace=%q,destination_workload=%q`, w.Namespace, w.Deployment)}
	}
	return nil
}

// pods are the names that a Deployment (web-5d4f8c7b9d-x2x4z: letters and
// digits that spell nothing, pkg/util/rand of apimachinery) and a StatefulSet
// (web-0) give to their pods.
func (w Workload) pods() string {
	return regexp.QuoteMeta(w.Deployment) + "-([bcdfghjklmnpqrstvwxz2456789]{1,10}-[bcdfghjklmnpqrstvwxz2456789]{5}|[0-9]+)"
}
