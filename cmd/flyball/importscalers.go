package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	autoscaling "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flyball-io/flyball/app/imported"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/kubernetes"
)

// scalerImport is one command that makes documents of what scales a cluster.
type scalerImport struct {
	file, output, namespace string
	access                  kubernetes.Access
	force                   bool

	// documents are those of what a file holds, fromCluster of what the cluster
	// has: of one name, or of all in the namespace.
	documents   func(text io.Reader, o imported.Options) ([]string, error)
	fromCluster func(ctx context.Context, c *kubernetes.Cluster, namespace, name string, o imported.Options) ([]string, error)
}

func newImportHPACommand() *cobra.Command {
	f := &scalerImport{documents: hpasOfFile, fromCluster: hpasOfCluster}
	return f.command(&cobra.Command{
		Use:   "hpa [NAME] [-f FILE]",
		Short: "Make a document of a HorizontalPodAutoscaler",
		Long: `Make a document of a HorizontalPodAutoscaler: of NAME, or of all in the namespace,
or of a file that kubectl has printed. The document decides as the
HorizontalPodAutoscaler does, in mode Recommend: it touches nothing. What cannot
be taken over stands in it as a comment. See docs/kubernetes.md.`,
		Example: `  flyball import hpa web --namespace shop > web.yaml
  kubectl get hpa web -o yaml | flyball import hpa -f - -o web.yaml
  flyball import hpa --context production --namespace shop`,
	})
}

func newImportVPACommand() *cobra.Command {
	f := &scalerImport{documents: vpasOfFile, fromCluster: vpasOfCluster}
	return f.command(&cobra.Command{
		Use:   "vpa [NAME] [-f FILE]",
		Short: "Make a document for what a VerticalPodAutoscaler sizes",
		Long: `Make a document for the object whose pods a VerticalPodAutoscaler sizes: of NAME,
or of all in the namespace, or of a file that kubectl has printed. Flyball does
not size pods: what the VerticalPodAutoscaler says stands in it as comments.`,
		Example: `  flyball import vpa web --namespace shop -o web.yaml
  kubectl get vpa web -o yaml | flyball import vpa -f -`,
	})
}

func (f *scalerImport) command(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.RunE = f.run
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.file, "file", "f", "", "`FILE` as kubectl get -o yaml prints it, - for standard input, instead of asking a cluster")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "namespace (default that of the context)")
	addAccess(flags, &f.access, "named in the document too: ")
	flags.StringVarP(&f.output, "output", "o", "-", "`FILE` to write, - for standard output")
	flags.BoolVar(&f.force, "force", false, "overwrite the file if it is there")
	_ = cmd.RegisterFlagCompletionFunc("file", completeYAML) // the flags are there
	_ = cmd.RegisterFlagCompletionFunc("output", completeYAML)
	return cmd
}

func (f *scalerImport) run(cmd *cobra.Command, args []string) error {
	name := strings.Join(args, "")
	if f.file != "" && (name != "" || f.namespace != "") {
		return cli.UsageError{Err: errors.New("--file: reads what is in the file; NAME and --namespace ask a cluster")}
	}
	documents, err := f.read(cmd, name)
	if err != nil {
		return err
	}
	text := []byte(strings.Join(documents, "---\n"))
	if err := proveValid(text); err != nil {
		return fmt.Errorf("what was read does not make a valid document: %w", err)
	}
	if f.output == "-" {
		_, err := cmd.OutOrStdout().Write(text)
		return unprinted(err)
	}
	if err := (&initFlags{force: f.force}).write(f.output, text); err != nil {
		return err
	}
	printLines(cmd.OutOrStdout(), "Wrote "+oneLine(f.output)+". What comes next:",
		"  1. look through it, most of all through what is not taken over",
		"  2. flyball plan -f "+oneLine(f.output)+"   # one decision, nothing applied",
		"  3. flyball run -f "+oneLine(f.output)+"    # decides beside what is there, and scales nothing")
	return nil
}

// read asks the cluster or reads the file.
func (f *scalerImport) read(cmd *cobra.Command, name string) ([]string, error) {
	o := imported.Options{Access: f.access}
	if f.file == "" {
		cluster, err := kubernetes.Open(f.access)
		if err != nil {
			return nil, cli.UsageError{Err: fmt.Errorf("no cluster: %w; -f reads a file instead", err)}
		}
		namespace := f.namespace
		if namespace == "" {
			namespace = cluster.Namespace
		}
		return f.fromCluster(cmd.Context(), cluster, namespace, name, o)
	}
	in := cmd.InOrStdin()
	if f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return nil, cli.UsageError{Err: fmt.Errorf("--file: %w", err)}
		}
		defer file.Close()
		in = file
	}
	documents, err := f.documents(in, o)
	if err != nil {
		return nil, cli.UsageError{Err: fmt.Errorf("%s: %w", f.file, err)}
	}
	return documents, nil
}

func hpasOfFile(text io.Reader, o imported.Options) ([]string, error) {
	all, err := imported.HPAs(text)
	if err != nil {
		return nil, err
	}
	return hpaDocuments(all, o)
}

func hpaDocuments(all []autoscaling.HorizontalPodAutoscaler, o imported.Options) ([]string, error) {
	var documents []string
	for i := range all {
		text, err := imported.OfHPA(&all[i], o)
		if err != nil {
			return nil, err
		}
		documents = append(documents, text)
	}
	return documents, nil
}

func hpasOfCluster(ctx context.Context, c *kubernetes.Cluster, namespace, name string, o imported.Options) ([]string, error) {
	api := c.Client().AutoscalingV2().HorizontalPodAutoscalers(namespace)
	if name != "" {
		one, err := api.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("%s %s/%s: %w", imported.HPAKind, namespace, name, kubernetes.Named(err))
		}
		return hpaDocuments([]autoscaling.HorizontalPodAutoscaler{*one}, o)
	}
	list, err := api.List(ctx, metav1.ListOptions{})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%ss of namespace %s: %w", imported.HPAKind, namespace, kubernetes.Named(err))
	case len(list.Items) == 0:
		return nil, fmt.Errorf("namespace %s has no %s", namespace, imported.HPAKind)
	}
	return hpaDocuments(list.Items, o)
}

func vpasOfFile(text io.Reader, o imported.Options) ([]string, error) {
	all, err := imported.VPAs(text)
	if err != nil {
		return nil, err
	}
	var documents []string
	for i := range all {
		text, err := imported.OfVPA(&all[i], o)
		if err != nil {
			return nil, err
		}
		documents = append(documents, text)
	}
	return documents, nil
}

func vpasOfCluster(ctx context.Context, c *kubernetes.Cluster, namespace, name string, o imported.Options) ([]string, error) {
	api := c.Dynamic().Resource(schema.GroupVersionResource{Group: "autoscaling.k8s.io", Version: "v1", Resource: "verticalpodautoscalers"}).Namespace(namespace)
	list := &unstructured.UnstructuredList{}
	var err error
	if name != "" {
		var one *unstructured.Unstructured
		if one, err = api.Get(ctx, name, metav1.GetOptions{}); err == nil {
			list.Items = append(list.Items, *one)
		}
	} else {
		list, err = api.List(ctx, metav1.ListOptions{})
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %s in namespace %s (are VerticalPodAutoscalers installed?): %w", imported.VPAKind, name, namespace, kubernetes.Named(err))
	case len(list.Items) == 0:
		return nil, fmt.Errorf("namespace %s has no %s", namespace, imported.VPAKind)
	}
	var text bytes.Buffer
	for i := range list.Items {
		data, err := list.Items[i].MarshalJSON()
		if err != nil {
			return nil, err
		}
		text.WriteString("---\n")
		text.Write(data)
		text.WriteString("\n")
	}
	return vpasOfFile(&text, o)
}
