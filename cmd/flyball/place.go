package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/stress"
)

// placeFlags name a service that runs somewhere: an object of a cluster, or
// containers of an engine.
type placeFlags struct {
	namespace, deployment, container string
	access                           kubernetes.Access
	compose, docker                  string
}

func (f *placeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.addService(flags)
	flags.StringVar(&f.container, "container", "", "Kubernetes: container of the pods (default the first)")
	flags.StringVar(&f.docker, "docker", "", "instead: containers that Flyball's docker target of this `NAME` has started")
}

// addService adds the flags of what is somebody else's, and scaled as a whole.
func (f *placeFlags) addService(flags *pflag.FlagSet) {
	flags.StringVar(&f.deployment, "deployment", "webapp", "Kubernetes: name of the Deployment, or `KIND/NAME` of anything else that can be scaled")
	f.addCluster(flags)
	flags.StringVar(&f.compose, "compose", "", "instead: a service of a running Compose project, `PROJECT/SERVICE`")
}

// addCluster adds the flags that say which cluster, and where in it.
func (f *placeFlags) addCluster(flags *pflag.FlagSet) {
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Kubernetes: namespace (default that of the context)")
	addAccess(flags, &f.access, "Kubernetes: ")
}

// check says what is wrong with the flags.
func (f *placeFlags) check(cmd *cobra.Command) error {
	cluster := ""
	for _, name := range []string{"deployment", "namespace", "container", "kubeconfig", "context"} {
		if cmd.Flags().Changed(name) {
			cluster = name
		}
	}
	project, service, _ := strings.Cut(f.compose, "/")
	switch {
	case f.compose != "" && f.docker != "":
		return errors.New("--compose and --docker exclude each other")
	case cluster != "" && f.compose+f.docker != "":
		return fmt.Errorf("--%s is Kubernetes' and excludes --compose and --docker", cluster)
	case f.compose != "" && (project == "" || service == "" || strings.Contains(service, "/")):
		return fmt.Errorf("--compose: must be PROJECT/SERVICE, for example shop/web, got %q", f.compose)
	}
	return nil
}

// ref is the object of the cluster.
func (f *placeFlags) ref(c *kubernetes.Cluster) kubernetes.Ref {
	kind, name, typed := strings.Cut(f.deployment, "/")
	if !typed {
		kind, name = "Deployment", f.deployment
	}
	return kubernetes.Ref{APIVersion: "apps/v1", Kind: kind, Namespace: cmp.Or(f.namespace, c.Namespace), Name: name}
}

// replicas are where programs can be started, and what they are in words.
func (f *placeFlags) replicas(ctx context.Context) (stress.Replicas, string, error) {
	if f.compose+f.docker != "" {
		return f.containers(ctx)
	}
	cluster, err := kubernetes.Open(f.access)
	if err != nil {
		return nil, "", cli.UsageError{Err: err}
	}
	ref := f.ref(cluster)
	if err := isThere(ctx, cluster, ref); err != nil {
		return nil, "", err
	}
	return stress.Pods{Cluster: cluster, Ref: ref, Container: f.container}, ref.String(), nil
}

// workloads are the objects of a cluster that can be scaled.
type workloads interface {
	Workload(ctx context.Context, ref kubernetes.Ref) (kubernetes.Workload, error)
}

// isThere says, in the words of the flags, that an object is not there.
func isThere(ctx context.Context, all workloads, ref kubernetes.Ref) error {
	_, err := all.Workload(ctx, ref)
	if errors.Is(err, kubernetes.ErrNotFound) {
		return cli.UsageError{Err: fmt.Errorf("--deployment: there is no %s; kubectl get %s -A shows those there are", ref, strings.ToLower(ref.Kind))}
	}
	return err
}

func (f *placeFlags) containers(ctx context.Context) (stress.Replicas, string, error) {
	engine, err := docker.Open("")
	if err != nil {
		return nil, "", cli.UsageError{Err: err}
	}
	labels, words := map[string]string{"flyball.io/target": f.docker}, "containers of "+f.docker
	if project, service, ok := strings.Cut(f.compose, "/"); ok {
		labels = map[string]string{"com.docker.compose.project": project, "com.docker.compose.service": service}
		words = "Compose service " + f.compose
	}
	replicas := stress.Containers{Engine: engine, Labels: labels}
	names, err := replicas.List(ctx)
	if err == nil && len(names) == 0 {
		err = errors.New("none of them runs (docker ps shows what does)")
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", words, err)
	}
	return replicas, words, nil
}
