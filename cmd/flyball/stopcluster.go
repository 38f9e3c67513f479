package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/kubernetes"
)

// takenOverFlags say in which cluster it is looked for what rests on behalf of a
// controller.
type takenOverFlags struct {
	namespace string
	access    kubernetes.Access
	all       bool // is to be handed back
}

func (f *takenOverFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.all, "taken-over", false, "Kubernetes: hand back all that was taken over")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Kubernetes: namespace (default all)")
	addAccess(flags, &f.access, "Kubernetes: ")
}

// Times: an unnamed cluster is asked by the way, so it must be quick; and how
// soon a controller that runs takes over again what was handed back, unless it
// had to do so a moment ago.
const (
	byTheWay  = 5 * time.Second
	takesOver = 5 * time.Second
)

// resting is what was taken over, as people and programs see it.
type resting struct {
	Name      string `json:"name"` // hpa/web
	Namespace string `json:"namespace"`
	Scales    string `json:"scales"`            // Deployment/web
	Document  string `json:"document"`          // on whose behalf
	Min       int    `json:"min,omitempty"`     // of an HPA: what it gets back
	Max       int    `json:"max,omitempty"`     //
	Damaged   bool   `json:"damaged,omitempty"` // nobody can read what it was
	rival     kubernetes.Rival
}

func restingOf(t kubernetes.TakenOver) resting {
	name := "hpa/" + t.Name
	if t.Kind == kubernetes.ScaledObject {
		name = "scaledobject/" + t.Name
	}
	return resting{Name: name, Namespace: t.Namespace, Scales: t.Of.Kind + "/" + t.Of.Name, Document: t.SuspendedBy, Min: t.Min, Max: t.Max, Damaged: t.Damaged, rival: t.Rival}
}

func (r resting) place() string { return r.Name + " in namespace " + r.Namespace }

// does says what it does once it is handed back.
func (r resting) does() string {
	if r.Max == 0 {
		return "scales " + r.Scales
	}
	return fmt.Sprintf("scales %s from %d to %d", r.Scales, r.Min, r.Max)
}

func (r resting) String() string {
	if r.Damaged {
		return fmt.Sprintf("%s: rests, and its annotation %s cannot be read: by hand", r.place(), kubernetes.TakenOverAnnotation)
	}
	return fmt.Sprintf("%s: %s, rests for the document %s", r.place(), r.does(), r.Document)
}

// list is what rests in the cluster. One that nobody has named is looked at by
// the way: where there is none, or it does not answer, that is no fault.
func (f *takenOverFlags) list(ctx context.Context, says io.Writer) ([]resting, error) {
	if f.access != (kubernetes.Access{}) || f.namespace != "" {
		return f.look(ctx)
	}
	if !configured() {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, byTheWay)
	defer cancel()
	all, err := f.look(ctx)
	if err != nil {
		fmt.Fprintf(says, "The cluster was not looked at: %v\n", err)
	}
	return all, nil
}

func (f *takenOverFlags) look(ctx context.Context) ([]resting, error) {
	cluster, err := kubernetes.Open(f.access)
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	return f.found(ctx, cluster)
}

// configured reports whether a kubeconfig is where kubectl looks for one.
func configured() bool {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	return slices.ContainsFunc(rules.GetLoadingPrecedence(), func(file string) bool {
		_, err := os.Stat(file)
		return err == nil
	})
}

// found asks for all namespaces, or where that is not allowed for that of the
// context.
func (f *takenOverFlags) found(ctx context.Context, cluster *kubernetes.Cluster) ([]resting, error) {
	all, err := cluster.AllTakenOver(ctx, f.namespace)
	where := "namespace " + f.namespace
	if f.namespace == "" {
		where = "all namespaces"
		if errors.Is(err, kubernetes.ErrForbidden) {
			where = "namespace " + cluster.Namespace
			all, err = cluster.AllTakenOver(ctx, cluster.Namespace)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("what is taken over in %s of the cluster at %s: %w", where, cluster.Config.Host, err)
	}
	found := make([]resting, len(all))
	for i, t := range all {
		found[i] = restingOf(t)
	}
	return found, nil
}

func listed[T any](all []T) []any {
	list := make([]any, len(all))
	for i := range all {
		list[i] = all[i]
	}
	return list
}

func printTakenOver(out io.Writer, all []resting) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(out, "\nTaken over in the cluster, by controllers that run or are gone:")
	for _, r := range all {
		fmt.Fprintln(out, "  "+r.place())
		if r.Damaged {
			fmt.Fprintln(out, "    rests; its annotation cannot be read: set its bounds and behavior by hand")
			continue
		}
		fmt.Fprintf(out, "    %s, rests for the document %s\n    flyball stop %s -n %s hands it back\n", r.does(), r.Document, r.Name, r.Namespace)
	}
}

// choose returns those that are to be handed back: that of a name, or "": all.
func choose(all []resting, name string) ([]resting, error) {
	if name == "" {
		return all, nil
	}
	kind, of, _ := strings.Cut(name, "/")
	switch strings.ToLower(kind) {
	case "hpa", "horizontalpodautoscaler":
		name = "hpa/" + of
	case "scaledobject", "so":
		name = "scaledobject/" + of
	default:
		return nil, fmt.Errorf("must be hpa/NAME or scaledobject/NAME, got %q", name)
	}
	var places, found []string
	var chosen []resting
	for _, r := range all {
		places = append(places, r.place())
		if r.Name == name {
			chosen, found = append(chosen, r), append(found, r.Namespace)
		}
	}
	switch {
	case len(chosen) == 0:
		return nil, fmt.Errorf("%s is not taken over; what is: %s", name, either(strings.Join(places, ", "), "nothing"))
	case len(chosen) > 1:
		return nil, fmt.Errorf("%s is taken over in several namespaces: name one by --namespace: %s", name, strings.Join(found, ", "))
	}
	return chosen, nil
}

// handBack makes what rests what it was before.
func (f *stopFlags) handBack(ctx context.Context, cmd *cobra.Command, name string) error {
	cluster, err := kubernetes.Open(f.cluster.access)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	all, err := f.cluster.found(ctx, cluster)
	if err != nil {
		return err
	}
	chosen, err := choose(all, name)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	out := cmd.OutOrStdout()
	if len(chosen) == 0 {
		fmt.Fprintln(out, "Nothing is taken over")
		return nil
	}
	lines := make([]string, len(chosen))
	for i, r := range chosen {
		lines[i] = r.String()
	}
	if err := f.agreed(cmd, lines, "Hand this back?", "nothing was handed back"); err != nil {
		return err
	}
	return resume(ctx, out, cluster, chosen)
}

// holder is the cluster, where it is handed back.
type holder interface {
	Resume(ctx context.Context, r kubernetes.Rival) error
	AllTakenOver(ctx context.Context, namespace string) ([]kubernetes.TakenOver, error)
}

// resume hands back, and looks whether it lasts: a controller that runs takes
// over again.
func resume(ctx context.Context, out io.Writer, cluster holder, chosen []resting) error {
	var errs []error
	var back []resting
	for _, r := range chosen {
		if r.Damaged {
			errs = append(errs, fmt.Errorf("%s: its annotation %s cannot be read, so nobody knows what it was: set its bounds and behavior by hand, and take the annotation away", r.place(), kubernetes.TakenOverAnnotation))
			continue
		}
		if err := cluster.Resume(ctx, r.rival); err != nil {
			errs = append(errs, err)
			continue
		}
		back = append(back, r)
		fmt.Fprintf(out, "%s: handed back; it %s\n", r.place(), r.does())
	}
	for until := clock.System.Now().Add(takesOver); len(back) > 0 && clock.System.Now().Before(until); {
		again, err := takenAgain(ctx, cluster, back)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for _, r := range again {
			errs = append(errs, fmt.Errorf("%s: a controller that runs took it over again, for the document %s: end that controller, remove the document or its takeOver; each hands back by itself", r.place(), r.Document))
		}
		back = slices.DeleteFunc(back, func(r resting) bool { return slices.Contains(again, r) })
	}
	return errors.Join(errs...)
}

// takenAgain waits a moment and returns those that are not what they were handed
// back as.
func takenAgain(ctx context.Context, cluster holder, back []resting) ([]resting, error) {
	select {
	case <-clock.System.After(takesOver / 10):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	var again []resting
	for _, r := range back {
		all, err := cluster.AllTakenOver(ctx, r.Namespace)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(t kubernetes.TakenOver) bool { return restingOf(t).place() == r.place() }) {
			again = append(again, r)
		}
	}
	return again, nil
}
