package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/experiment"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/kubernetes"
)

// newExperimentRestoreCommand undoes what a phase that was killed has left.
func newExperimentRestoreCommand() *cobra.Command {
	place := placeFlags{}
	cmd := &cobra.Command{
		Use: "restore", Short: "Undo what a phase that was killed has changed of the HPA", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := place.check(cmd); err != nil {
				return cli.UsageError{Err: err}
			}
			if place.compose != "" {
				return cli.UsageError{Err: errors.New("restore: only on Kubernetes is something changed that stays")}
			}
			cluster, err := kubernetes.Open(place.access)
			if err != nil {
				return cli.UsageError{Err: err}
			}
			ref := place.ref(cluster)
			rested, err := left{cluster, ref}.handBack(cmd.Context())
			if err != nil {
				return err
			}
			changed, err := experiment.HPA{Client: cluster.Client(), Namespace: ref.Namespace, Deployment: ref.Name}.Restore(cmd.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), cmp.Or(strings.TrimSpace(rested+"\n"+changed), "there was nothing to restore"))
			return err
		},
	}
	place.addService(cmd.Flags())
	return cmd
}

// left is what a phase that was killed while the other scaler acted has left: an
// HPA, or KEDA, that rests on behalf of the experiment.
type left struct {
	cluster interface {
		Rivals(ctx context.Context, of kubernetes.Ref) ([]kubernetes.Rival, error)
		Resume(ctx context.Context, r kubernetes.Rival) error
	}
	of kubernetes.Ref
}

// free reports who scales, and rests for somebody else than an experiment: what it
// was before would be lost, and a running Flyball takes it back.
func (l left) free(ctx context.Context) error {
	all, err := l.rivals(ctx)
	for _, r := range all {
		if r.SuspendedBy == "" || r.SuspendedBy == experimentName {
			continue
		}
		name := restingOf(kubernetes.TakenOver{Rival: r}).Name
		return fmt.Errorf("%s rests for the document %s: end the Flyball that runs it, or pause the document; where none runs any more, flyball stop %s -n %s hands it back", r, r.SuspendedBy, name, r.Namespace)
	}
	return err
}

// rivals are those that may be seen: who may not see some took none of them over.
func (l left) rivals(ctx context.Context) ([]kubernetes.Rival, error) {
	all, err := l.cluster.Rivals(ctx, l.of)
	if errors.Is(err, kubernetes.ErrForbidden) {
		err = nil
	}
	return all, err
}

// handBack makes it what it was, and says of what; "" where nothing rests.
func (l left) handBack(ctx context.Context) (string, error) {
	all, err := l.rivals(ctx)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, r := range all {
		if r.SuspendedBy != experimentName {
			continue
		}
		if err := l.cluster.Resume(ctx, r); err != nil {
			return "", err
		}
		lines = append(lines, r.String()+" rested for an earlier phase and is handed back")
	}
	return strings.Join(lines, "\n"), nil
}
