package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/kubernetes"
)

// noWorkloads is a cluster without a single one.
type noWorkloads struct{ why error }

func (n noWorkloads) Workload(_ context.Context, ref kubernetes.Ref) (kubernetes.Workload, error) {
	return kubernetes.Workload{}, fmt.Errorf("%s: %w", ref, n.why)
}

// The usual name of a Deployment is rarely theirs: who leaves out the flag is told
// of it, and not of a line of a document that nobody wrote.
func TestAPlaceThatIsNotThereIsSaidInFlags(t *testing.T) {
	ref := kubernetes.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "webapp"}
	err := isThere(t.Context(), noWorkloads{kubernetes.ErrNotFound}, ref)
	var usage cli.UsageError
	if want := "--deployment: there is no Deployment shop/webapp; kubectl get deployment -A shows those there are"; !errors.As(err, &usage) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := isThere(t.Context(), noWorkloads{kubernetes.ErrUnreachable}, ref); !errors.Is(err, kubernetes.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

func TestReportLooksWherePhasesAreKept(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, stderr, status := execute(t.Context(), "experiment", "report"); status == 0 || !strings.Contains(stderr, experimentData) {
		t.Errorf("status %d, said %s", status, stderr)
	}
}
