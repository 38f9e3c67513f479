package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	dnsnames "k8s.io/apimachinery/pkg/util/validation"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/kubernetes"
)

// clusterFlags say what is installed on a cluster.
type clusterFlags struct {
	environment   string
	name          string
	namespace     string
	own           string
	image         string
	flyballImage  string
	port          int
	health        string
	ingress, host string
	provider      string
	without       []string
	values        []string
	access        kubernetes.Access
	apply, remove bool
}

// What --without leaves out.
const (
	withoutApp      = "app"
	withoutOperator = "operator"
	withoutCRDs     = "crds"
)

// deployManager is who applies, among all who do.
const deployManager = "flyball-deploy"

func newDeployKubernetesCommand() *cobra.Command {
	f := &clusterFlags{}
	cmd := &cobra.Command{
		Use:   "kubernetes [local|staging|production]",
		Short: "Write or install Flyball's operator and a service that it scales",
		Long: `Prints the manifests of Flyball's operator, and of a service ready to be copied:
Deployment, Service, Ingress, Autoscaler. They are the charts of deploy/chart as
Helm renders them. With --apply they are applied (server-side: what others have
set stays), with --delete taken away; the definitions of the kinds stay, for
all Autoscalers would go with them.`,
		Example: `  flyball deploy kubernetes | kubectl apply --server-side -f -
  flyball deploy kubernetes local --apply
  flyball deploy kubernetes production --without app --provider eks --apply
  flyball deploy kubernetes staging --name web --namespace shop --image shop/web:1.4 --port 3000 --ingress traefik --host shop.example.com
  flyball deploy kubernetes local --delete`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.name, "name", "app", "name of the service")
	flags.StringVarP(&f.namespace, "namespace", "n", "default", "namespace of the service")
	flags.StringVar(&f.own, "operator-namespace", "flyball-system", "namespace of the operator")
	flags.StringVar(&f.image, "image", "", "image of your service (default Flyball's sample app)")
	flags.IntVar(&f.port, "port", 8080, "port on which a pod of your service takes requests")
	flags.StringVar(&f.health, "health-path", "/healthz", "path of a GET that a ready pod answers with 2xx")
	flags.StringVar(&f.flyballImage, "flyball-image", "flyball:latest", "image of Flyball (make image builds one)")
	flags.StringVar(&f.ingress, "ingress", "", "nginx, traefik or none (default of local none, else nginx)")
	flags.StringVar(&f.host, "host", "", "name under which users reach the service (default app.example.com)")
	flags.StringVar(&f.provider, "provider", "", "eks or gke: what is known of them; not tested there")
	flags.StringSliceVar(&f.without, "without", nil, "leave out: app, operator, crds")
	flags.StringArrayVar(&f.values, "values", nil, "`FILE` with further values: those of the operator under operator, those of the service under app; may be repeated")
	addAccess(flags, &f.access, "with --apply and --delete: ")
	flags.BoolVar(&f.apply, "apply", false, "apply them")
	flags.BoolVar(&f.remove, "delete", false, "take them away")
	return cmd
}

func (f *clusterFlags) check(args []string) error {
	f.environment = "local"
	if len(args) == 1 {
		f.environment = args[0]
	}
	var errs []error
	oneOf := func(what, got string, known ...string) {
		if !slices.Contains(known, got) {
			errs = append(errs, fmt.Errorf("%s: must be one of %s, got %q", what, strings.Join(known, ", "), got))
		}
	}
	oneOf("environment", f.environment, "local", "staging", "production")
	if f.ingress != "" {
		oneOf("--ingress", f.ingress, "nginx", "traefik", "none")
	}
	if f.provider != "" {
		oneOf("--provider", f.provider, "eks", "gke")
	}
	for _, given := range [][2]string{{"--namespace", f.namespace}, {"--operator-namespace", f.own}} {
		if len(dnsnames.IsDNS1123Label(given[1])) > 0 {
			errs = append(errs, fmt.Errorf("%s: must be at most 63 lower-case letters, digits and hyphens, got %q", given[0], given[1]))
		}
	}
	for _, one := range f.without {
		oneOf("--without", one, withoutApp, withoutOperator, withoutCRDs)
	}
	if f.apply && f.remove {
		errs = append(errs, errors.New("--apply and --delete exclude each other"))
	}
	return errors.Join(errs...)
}

func (f *clusterFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.check(args); err != nil {
		return cli.UsageError{Err: err}
	}
	text, err := f.render()
	if err != nil {
		return cli.UsageError{Err: err}
	}
	if !f.apply && !f.remove {
		_, err := cmd.OutOrStdout().Write(text)
		return err
	}
	objects, err := kubernetes.Objects(text)
	if err != nil {
		return err
	}
	cluster, err := kubernetes.Open(f.access)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	tell := func(o *unstructured.Unstructured, what string) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s/%s %s\n", strings.ToLower(o.GetKind()), o.GetName(), what)
	}
	if f.remove {
		return cluster.Delete(ctx, slices.DeleteFunc(objects, stays), tell)
	}
	if err := cluster.Apply(ctx, deployManager, objects, tell); err != nil {
		return err
	}
	printLines(cmd.OutOrStdout(), f.next(text)...)
	return nil
}

// stays reports what is not taken away: kinds, whose objects of all users would
// go too, and namespaces, with whatever else is in them.
func stays(o *unstructured.Unstructured) bool {
	return o.GetKind() == "CustomResourceDefinition" || o.GetKind() == "Namespace"
}

// next is what whoever has applied these manifests will want to do.
func (f *clusterFlags) next(applied []byte) []string {
	var lines []string
	switch {
	case slices.Contains(f.without, withoutOperator):
	case bytes.Contains(applied, []byte("--token-file=")):
		lines = append(lines, fmt.Sprintf("dashboard: kubectl port-forward --namespace %s service/flyball 7070, then http://127.0.0.1:7070", f.own))
	default:
		lines = append(lines, "dashboard and API: for holders of a token, and nobody has one yet; operator: {dashboard: {tokenSecret: NAME}} in a file of --values (docs/kubernetes.md#dashboard)")
	}
	if !slices.Contains(f.without, withoutApp) {
		lines = append(lines, fmt.Sprintf("why there are as many replicas: kubectl describe fas --namespace %s %s", f.namespace, f.name))
	}
	return lines
}
