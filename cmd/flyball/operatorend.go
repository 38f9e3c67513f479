package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/kubernetes"
)

// operatorEndFlags say which operator is to end.
type operatorEndFlags struct {
	namespace, deployment string
	access                kubernetes.Access
}

func newOperatorEndCommand() *cobra.Command {
	f := &operatorEndFlags{}
	cmd := &cobra.Command{
		Use:   "end --deployment NAME",
		Short: "Take an operator's Deployment away, and wait until its pods have ended",
		Long: `Before its rights go an operator must end in order: it hands back what it has
taken over, and writes down what was learned. The chart has helm uninstall run
this first, with the right to delete this one Deployment.`,
		Example: `  flyball operator end --namespace flyball-system --deployment flyball`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.namespace, "namespace", "n", "", "namespace of the operator (default that of the pod, or of the kubeconfig's context)")
	flags.StringVar(&f.deployment, "deployment", "", "`NAME` of its Deployment")
	addAccess(flags, &f.access, "")
	return cmd
}

func (f *operatorEndFlags) run(cmd *cobra.Command) error {
	if f.deployment == "" {
		return cli.UsageError{Err: errors.New("--deployment: must name the Deployment that is taken away, such as flyball")}
	}
	cluster, err := kubernetes.Open(f.access)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	if f.namespace == "" {
		f.namespace = cluster.Namespace
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	out, told := cmd.OutOrStdout(), false
	err = cluster.Delete(ctx, []*unstructured.Unstructured{f.object()}, func(_ *unstructured.Unstructured, what string) {
		told = true
		fmt.Fprintf(out, "deployment/%s in namespace %s: %s\n", f.deployment, f.namespace, what)
	})
	if err == nil && !told {
		fmt.Fprintf(out, "deployment/%s in namespace %s: not there\n", f.deployment, f.namespace)
	}
	return err
}

func (f *operatorEndFlags) object() *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion("apps/v1")
	o.SetKind("Deployment")
	o.SetNamespace(f.namespace)
	o.SetName(f.deployment)
	return o
}
