package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
	targetkubernetes "github.com/flyball-io/flyball/target/kubernetes"
)

// What is checked of Kubernetes clusters: where documents scale something in
// one, or where one is named.

// deployed is what is scaled where that is an object of a cluster; nil otherwise.
func deployed(s *app.Spec) *targetkubernetes.Config {
	cfg, _ := s.Target.(*targetkubernetes.Config)
	return cfg
}

// place gives the documents the cluster and the namespace that they do not name.
func (p *patient) place() {
	for i := range p.specs {
		cfg := deployed(&p.specs[i])
		if cfg == nil {
			continue
		}
		if cfg.Kubeconfig == "" && cfg.Context == "" {
			cfg.Kubeconfig, cfg.Context = p.Cluster.Kubeconfig, p.Cluster.Context
		}
		cfg.In(p.Namespace)
	}
}

// site is an object in a cluster that answers. Without a document it is any
// Deployment of a namespace.
type site struct {
	spec    *app.Spec // nil: of no document
	cfg     *targetkubernetes.Config
	cluster *kubernetes.Cluster
	ref     kubernetes.Ref
}

func (s *site) name() string {
	if s.spec == nil {
		return ""
	}
	return s.spec.Name
}

// cluster sees whether the API servers answer, and remembers those that do.
func (p *patient) cluster(ctx context.Context) {
	asked := map[kubernetes.Access]*kubernetes.Cluster{}
	look := func(spec *app.Spec, cfg *targetkubernetes.Config) {
		access, ref, err := cfg.Place()
		cluster, known := asked[access]
		if !known {
			cluster = p.reach(ctx, access)
			asked[access] = cluster
		}
		if cluster != nil && err == nil {
			p.sites = append(p.sites, site{spec, cfg, cluster, ref})
		}
	}
	for i := range p.specs {
		if cfg := deployed(&p.specs[i]); cfg != nil {
			look(&p.specs[i], cfg)
		}
	}
	if len(asked) == 0 && (p.Cluster != (kubernetes.Access{}) || p.Namespace != "") {
		any := targetkubernetes.Default()
		any.Kubeconfig, any.Context, any.Namespace = p.Cluster.Kubeconfig, p.Cluster.Context, p.Namespace
		look(nil, &any)
	}
}

// reach asks an API server for its version; nil: there is no answer.
func (p *patient) reach(ctx context.Context, access kubernetes.Access) *kubernetes.Cluster {
	cluster, err := kubernetes.Open(access)
	if err != nil {
		p.fail("", inOneLine(err), "correct --kubeconfig and --context, the document's, or KUBECONFIG: kubectl config get-contexts shows those there are")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	version, err := cluster.Version(ctx)
	switch where := fmt.Sprintf("%s: %s", access, cluster.Config.Host); {
	case err == nil:
		p.ok("", fmt.Sprintf("%s answers: Kubernetes %s", where, version))
		return cluster
	case errors.Is(err, kubernetes.ErrUnauthorized):
		p.fail("", where+": "+inOneLine(err), "log in again, or name other credentials: kubectl auth whoami shows whose they are")
	default:
		p.fail("", where+": "+inOneLine(err), "start the cluster, or name another one by --context: kubectl cluster-info shows whether it answers")
	}
	return nil
}

// rights asks for each right by itself whether we have it.
func (p *patient) rights(ctx context.Context) {
	for i := range p.sites {
		s := &p.sites[i]
		resource, err := s.cluster.Resource(ctx, s.ref.APIVersion, s.ref.Kind)
		if err != nil {
			continue // the check of the target says so
		}
		_, keda := s.cluster.Resource(ctx, "keda.sh/v1alpha1", string(kubernetes.ScaledObject))
		wanted := s.cfg.Rights(resource.GroupResource(), keda == nil)
		if s.spec != nil && s.spec.Mode == scale.Recommend {
			wanted = slices.DeleteFunc(wanted, kubernetes.Right.Changes)
		}
		if len(s.needs()) > 0 {
			wanted = append(wanted, kubernetes.Right{Verb: "list", Group: "metrics.k8s.io", Resource: "pods"})
		}
		lacking, err := s.cluster.Lacking(ctx, s.ref.Namespace, wanted)
		if err != nil {
			p.note(s.name(), inOneLine(err), "whoever is logged in may ask that in a cluster as it is installed: allow selfsubjectaccessreviews")
			continue
		}
		p.lacking(s, or(s.cluster.User(ctx), "this user"), wanted, lacking)
	}
}

func (p *patient) lacking(s *site, user string, wanted, lacking []kubernetes.Right) {
	for _, r := range lacking {
		resource := r.Resource
		if r.Subresource != "" {
			resource += "/" + r.Subresource
		}
		p.fail(s.name(), fmt.Sprintf("%s may not %s in namespace %s", user, r, s.ref.Namespace),
			fmt.Sprintf("give it a Role with {apiGroups: [%q], resources: [%s], verbs: [%s]}", r.Group, resource, r.Verb))
	}
	if len(lacking) == 0 {
		p.ok(s.name(), fmt.Sprintf("%s has all %d rights that scaling %s takes", user, len(wanted), s.what()))
	}
}

// needs are the signals of the target that the policy decides on, and that no
// source of the document measures.
func (s *site) needs() []string {
	if s.spec == nil {
		return nil
	}
	own := s.spec.Target.Facts().Signals
	elsewhere := s.spec.Named()
	return slices.DeleteFunc(s.spec.Decisive(), func(name string) bool {
		return !slices.Contains(own, name) || slices.Contains(elsewhere, name)
	})
}

// what is the object in words.
func (s *site) what() string {
	if s.spec == nil {
		return "a Deployment of namespace " + s.ref.Namespace
	}
	return s.ref.String()
}

func inOneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
