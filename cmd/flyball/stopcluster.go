package main

import (
	"cmp"
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

// sight is what rests in a cluster, as far as it may be seen.
type sight struct {
	all    []resting
	unseen []error // of each kind that may not be listed, the right that is lacking
}

// list is what rests in the cluster. One that nobody has named is looked at by
// the way: where there is none, or it does not answer, that is no fault.
func (f *takenOverFlags) list(ctx context.Context, says io.Writer) ([]resting, error) {
	named := f.access != (kubernetes.Access{}) || f.namespace != ""
	if !named && !configured() {
		return nil, nil
	}
	if !named {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, byTheWay)
		defer cancel()
	}
	seen, err := f.look(ctx)
	if err != nil && !named {
		fmt.Fprintf(says, "The cluster was not looked at: %v\n", err)
		err = nil
	}
	for _, lacking := range seen.unseen {
		fmt.Fprintf(says, "Not all of the cluster was looked at: %v\n", lacking)
	}
	return seen.all, err
}

func (f *takenOverFlags) look(ctx context.Context) (sight, error) {
	cluster, err := kubernetes.Open(f.access)
	if err != nil {
		return sight{}, cli.UsageError{Err: err}
	}
	seen, err := f.found(ctx, cluster, cluster.Namespace)
	if err != nil {
		return sight{}, fmt.Errorf("what is taken over in the cluster at %s: %w", cluster.Config.Host, err)
	}
	return seen, nil
}

// configured reports whether a kubeconfig is where kubectl looks for one.
func configured() bool {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	return slices.ContainsFunc(rules.GetLoadingPrecedence(), func(file string) bool {
		_, err := os.Stat(file)
		return err == nil
	})
}

// found asks for each kind, in all namespaces, or where that is not allowed in
// that of the context. Where the objects of KEDA may not be seen those that may
// are found all the same.
func (f *takenOverFlags) found(ctx context.Context, cluster holder, own string) (seen sight, err error) {
	kinds := kubernetes.TakenOverKinds()
	for _, kind := range kinds {
		all, err := cluster.AllTakenOver(ctx, kind, f.namespace)
		if f.namespace == "" && errors.Is(err, kubernetes.ErrForbidden) {
			all, err = cluster.AllTakenOver(ctx, kind, own)
		}
		switch {
		case errors.Is(err, kubernetes.ErrForbidden):
			seen.unseen = append(seen.unseen, err)
		case err != nil:
			return sight{}, err
		}
		for _, t := range all {
			seen.all = append(seen.all, restingOf(t))
		}
	}
	if len(seen.unseen) == len(kinds) {
		return sight{}, errors.Join(seen.unseen...)
	}
	slices.SortStableFunc(seen.all, func(a, b resting) int { return cmp.Compare(a.Namespace, b.Namespace) })
	return seen, nil
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
func (s *sight) choose(name string) ([]resting, error) {
	if name == "" {
		return s.all, nil
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
	for _, r := range s.all {
		places = append(places, r.place())
		if r.Name == name {
			chosen, found = append(chosen, r), append(found, r.Namespace)
		}
	}
	switch {
	case len(chosen) == 0:
		err := fmt.Errorf("%s is not taken over; what is: %s", name, either(strings.Join(places, ", "), "nothing"))
		return nil, errors.Join(append([]error{err}, s.unseen...)...)
	case len(chosen) > 1:
		return nil, fmt.Errorf("%s is taken over in several namespaces: name one by --namespace: %s", name, strings.Join(found, ", "))
	}
	return chosen, nil
}

// handBack makes what rests what it was before. Whoever asks for all is told what
// may not be seen, as a fault: it may rest for ever.
func (f *stopFlags) handBack(ctx context.Context, cmd *cobra.Command, name string) error {
	cluster, err := kubernetes.Open(f.cluster.access)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	seen, err := f.cluster.found(ctx, cluster, cluster.Namespace)
	if err != nil {
		return fmt.Errorf("what is taken over in the cluster at %s: %w", cluster.Config.Host, err)
	}
	chosen, err := seen.choose(name)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	lines := make([]string, len(chosen))
	for i, r := range chosen {
		lines[i] = r.String()
	}
	if err := f.agreed(cmd, lines, "Hand this back?", "nothing was handed back"); err != nil {
		return err
	}
	if name != "" {
		return resume(ctx, cmd.OutOrStdout(), cluster, chosen)
	}
	return seen.resume(ctx, cmd.OutOrStdout(), cluster)
}

// resume hands back all that is seen.
func (s *sight) resume(ctx context.Context, out io.Writer, cluster holder) error {
	switch {
	case len(s.all) == 0 && len(s.unseen) == 0:
		fmt.Fprintln(out, "Nothing is taken over")
	case len(s.all) == 0:
		fmt.Fprintln(out, "Nothing that can be seen is taken over")
	}
	return errors.Join(append([]error{resume(ctx, out, cluster, s.all)}, s.unseen...)...)
}

// holder is the cluster, where it is handed back.
type holder interface {
	Resume(ctx context.Context, r kubernetes.Rival) error
	AllTakenOver(ctx context.Context, kind kubernetes.RivalKind, namespace string) ([]kubernetes.TakenOver, error)
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
		all, err := cluster.AllTakenOver(ctx, r.rival.Kind, r.Namespace)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(t kubernetes.TakenOver) bool { return restingOf(t).place() == r.place() }) {
			again = append(again, r)
		}
	}
	return again, nil
}
